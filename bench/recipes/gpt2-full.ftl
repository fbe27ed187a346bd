/// GPT-2, all parameters in f32 on four rows of 512 tokens.
recipe gpt2_full {
  model     "../../test/fixtures/recipes/configs/gpt2" { train: all, init: random { seed: 1 } }
  precision f32
  data      "rows.jsonl" { format: tokens, length: 512 }
  batch     4
  optimizer adamw { rate: 1e-4 }
  training  12 steps { seed: 1 }
  output    "out"
}
