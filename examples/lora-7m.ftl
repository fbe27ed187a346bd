/// One rank alone, to lay beside what `ranks-7m.ftl` makes of a range.
recipe lora_7m {
  model      "lexicon-7m"
  adapter    lora { rank: 64, alpha: 16, on: [all_linear] }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 256 }
  evaluation "jargon-held.jsonl"
  batch      32
  optimizer  adamw { rate: 2e-3, weight_decay: 0, clip: 1.0 }
  schedule   cosine { warmup: 10 steps }
  training   10 epochs { seed: 1 }
  output     "runs/lora-7m"
}
