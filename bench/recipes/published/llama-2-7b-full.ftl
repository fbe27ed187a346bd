/// Llama-2-7B, all parameters on one row of 512 tokens.
recipe llama_2_7b_full {
  model      "../../../test/fixtures/recipes/configs/llama-2-7b" { train: all, init: random { seed: 1 } }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 512 }
  batch      1
  checkpoint every 1
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
