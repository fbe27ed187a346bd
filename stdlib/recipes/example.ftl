/// A small addition to a frozen model learns to answer prompts. The examples of the library's documentation are this recipe with one
/// clause changed.
recipe example {
  model      "models/base"
  adapter    lora { rank: 8, alpha: 16 }
  data       "data/train.jsonl" { format: prompt, length: 512 }
  evaluation "data/held.jsonl"
  batch      8
  optimizer  adamw { rate: 2e-4 }
  schedule   cosine { warmup: 3% }
  training   3 epochs
}
