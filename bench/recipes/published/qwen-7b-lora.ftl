/// Qwen-7B, LoRA of rank 64 on one row. Published for lengths from 256 to 8,192.
recipe qwen_7b_lora {
  model      "../configs/qwen-7b" { init: random { seed: 1 } }
  adapter    lora { rank: 64, alpha: 16, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 256 }
  batch      1
  checkpoint every 1
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
