/// Llama-3-70B, QLoRA of rank 16 on one row of 1,024 tokens: 80 layers, to see what planning and verifying cost.
recipe llama_3_70b {
  model      "../../../test/fixtures/recipes/configs/llama-3-70b" { weights: nf4, init: random { seed: 1 } }
  adapter    lora { rank: 16, on: [all_linear] }
  precision  mixed { compute: f16 }
  data       "rows.jsonl" { format: tokens, length: 1024 }
  batch      1
  checkpoint every 1
  optimizer  adamw { rate: 1e-4, clip: 1.0, state: int8 }
  training   100 steps
  output     "out"
}
