/// The same over a base in 4 bits.
recipe qwen_7b_qlora {
  model      "../configs/qwen-7b" { weights: nf4, init: random { seed: 1 } }
  adapter    lora { rank: 64, alpha: 16, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 256 }
  batch      1
  checkpoint every 1
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
