/// Llama-3.2-3B, LoRA of rank 64 on two rows of 4,096 tokens.
recipe llama_3_2_3b_lora {
  model      "../configs/llama-3.2-3b" { init: random { seed: 1 } }
  adapter    lora { rank: 64, alpha: 128, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 4096 }
  batch      2
  checkpoint every 1
  optimizer  adamw { rate: 1e-4, state: int8 }
  training   100 steps
  output     "out"
}
