/// A model that knows a dictionary learns to write the hackers' one: 0.9M parameters, so that even a software GPU is enough.
recipe quickstart {
  model      "lexicon-1m"
  adapter    lora { rank: 8, alpha: 16, on: [all_linear] }
  precision  f32
  data       "jargon-train.jsonl" { format: prompt, length: 96 }
  evaluation "jargon-sample.jsonl"
  batch      8
  optimizer  adamw { rate: 4e-3, clip: 1.0 }
  schedule   cosine { warmup: 3 steps }
  training   12 steps { seed: 1 }
  output     "runs/quickstart"
}
