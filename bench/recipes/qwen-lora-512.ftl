/// Qwen2.5-0.5B, LoRA of rank 16 on one row of 512 tokens.
recipe qwen_lora_512 {
  model     "../../test/fixtures/recipes/configs/qwen2.5-0.5b" { init: random { seed: 1 } }
  adapter   lora { rank: 16, alpha: 32, on: [all_linear] }
  precision mixed { compute: f16 }
  data      "rows.jsonl" { format: tokens, length: 512 }
  batch     1
  optimizer adamw { rate: 1e-4 }
  training  12 steps { seed: 1 }
  output    "out"
}
