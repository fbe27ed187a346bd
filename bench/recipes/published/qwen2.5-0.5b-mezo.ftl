/// Qwen2.5-0.5B, all parameters by forward passes alone, on one row of 512 tokens.
recipe qwen2_5_0_5b_mezo {
  model     "../../../test/fixtures/recipes/configs/qwen2.5-0.5b" { train: all, init: random { seed: 1 } }
  method    mezo
  precision f32
  data      "rows.jsonl" { format: tokens, length: 512 }
  batch     1
  optimizer sgd { rate: 1e-6 }
  training  100 steps
  output    "out"
}
