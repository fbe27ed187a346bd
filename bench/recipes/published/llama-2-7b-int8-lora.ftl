/// Llama-2-7B in 8 bits, LoRA of rank 8 on the attention, on four rows of 512 tokens.
recipe llama_2_7b_int8_lora {
  model      "../../../test/fixtures/recipes/configs/llama-2-7b" { weights: int8, init: random { seed: 1 } }
  adapter    lora { rank: 8, alpha: 16, on: [attention] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 512 }
  batch      4
  checkpoint none
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
