/// Llama-3.2-3B, all parameters on two rows of 4,096 tokens.
recipe llama_3_2_3b_full {
  model      "../configs/llama-3.2-3b" { train: all, init: random { seed: 1 } }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 4096 }
  batch      2
  checkpoint none
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
