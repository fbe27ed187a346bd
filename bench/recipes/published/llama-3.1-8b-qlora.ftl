/// The same over a base in 4 bits.
recipe llama_3_1_8b_qlora {
  model      "../configs/llama-3.1-8b" { weights: nf4, init: random { seed: 1 } }
  adapter    lora { rank: 8, alpha: 16, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 2048 }
  batch      2
  checkpoint every 1
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
