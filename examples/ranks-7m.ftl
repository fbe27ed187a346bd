/// One run for every rank from 1 to 64, on a larger model: what `ranks.ftl` does where there is a GPU.
recipe ranks_7m {
  model      "lexicon-7m"
  adapter    dylora { rank: 1..64, alpha: 16, on: [all_linear] }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 256 }
  evaluation "jargon-held.jsonl" { ranks: [1, 2, 4, 8, 16, 32, 64] }
  batch      32
  optimizer  adamw { rate: 2e-3, weight_decay: 0, clip: 1.0 }
  schedule   cosine { warmup: 10 steps }
  training   10 epochs { seed: 1 }
  output     "runs/ranks-7m"
}
