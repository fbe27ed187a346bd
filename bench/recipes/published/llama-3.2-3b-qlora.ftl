/// The same over a base in 4 bits.
recipe llama_3_2_3b_qlora {
  model      "../configs/llama-3.2-3b" { weights: nf4, init: random { seed: 1 } }
  adapter    lora { rank: 64, alpha: 128, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 4096 }
  batch      2
  checkpoint every 1
  optimizer  adamw { rate: 1e-4, state: int8 }
  training   100 steps
  output     "out"
}
