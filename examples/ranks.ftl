/// One run for every rank from 1 to 16: each step draws a rank and trains the adapter's first rows up to it, so that the adapter can be cut
/// to any of them afterwards. At the end, the held-out loss at some ranks is laid side by side.
recipe ranks {
  model      "lexicon-1m"
  adapter    dylora { rank: 1..16, alpha: 16, on: [all_linear] }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 96 }
  evaluation "jargon-sample.jsonl" { ranks: [1, 2, 4, 8, 16] }
  batch      8
  optimizer  adamw { rate: 2e-3, clip: 1.0 }
  schedule   cosine { warmup: 3 steps }
  training   200 steps { seed: 1 }
  output     "runs/ranks"
}
