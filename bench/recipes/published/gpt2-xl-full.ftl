/// GPT-2 XL, 1.5B parameters, all of them on 32 rows of 1,024 tokens.
recipe gpt2_xl_full {
  model      "../configs/gpt2-xl" { train: all, init: random { seed: 1 } }
  precision  f32
  data       "rows.jsonl" { format: tokens, length: 1024 }
  batch      32
  checkpoint none
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
