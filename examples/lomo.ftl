/// All parameters train, and the gradients of one layer exist at a time: the update is part of the backward pass.
recipe lomo {
  model      "lexicon-1m" { train: all }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 96 }
  evaluation "jargon-sample.jsonl" { every: 50 steps }
  batch      8
  optimizer  lomo { rate: 0.05 }
  schedule   linear { warmup: 10 steps }
  training   60 steps { seed: 1 }
  output     "runs/lomo"
}
