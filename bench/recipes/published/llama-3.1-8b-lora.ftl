/// Llama-3.1-8B, LoRA of rank 8 on two rows of 2,048 tokens.
recipe llama_3_1_8b_lora {
  model      "../configs/llama-3.1-8b" { init: random { seed: 1 } }
  adapter    lora { rank: 8, alpha: 16, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 2048 }
  batch      2
  checkpoint every 1
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
