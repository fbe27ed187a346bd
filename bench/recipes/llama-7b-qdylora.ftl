/// Llama-2-7B, QDyLoRA for the ranks 1 to 64 on one row of 2,048 tokens.
recipe llama_7b_qdylora {
  model      "../../test/fixtures/recipes/configs/llama-2-7b" {
    weights: nf4 { block: 64, double: true }
    init: random { seed: 1 }
  }
  adapter    dylora { rank: 1..64, alpha: 16, on: [all_linear] }
  precision  mixed { compute: f16 }
  data       "rows.jsonl" { format: tokens, length: 2048 }
  batch      1
  checkpoint every 1
  optimizer  adamw { rate: 1e-4, clip: 1.0, state: int8 }
  training   12 steps { seed: 1 }
  output     "out"
}
