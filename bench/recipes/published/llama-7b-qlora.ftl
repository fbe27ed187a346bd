/// LLaMA-7B as the QLoRA paper tunes it, on one row of 512 tokens.
recipe llama_7b_qlora {
  model      "../../../test/fixtures/recipes/configs/llama-2-7b" {
    weights: nf4 { block: 64, double: true }
    init: random { seed: 1 }
  }
  adapter    lora { rank: 64, alpha: 16, on: [all_linear] }
  precision  mixed { compute: bf16 }
  data       "rows.jsonl" { format: tokens, length: 512 }
  batch      1
  checkpoint none
  optimizer  adamw { rate: 1e-4 }
  training   100 steps
  output     "out"
}
