/// All parameters train without a backward pass, in the memory of evaluation: two losses a step, on both sides of the weights.
recipe mezo {
  model      "lexicon-1m" { train: all }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 96 }
  evaluation "jargon-sample.jsonl" { every: 50 steps }
  batch      8
  method     mezo { eps: 1e-3 }
  optimizer  sgd { rate: 3e-5 }
  training   300 steps { seed: 1 }
  output     "runs/mezo"
}
