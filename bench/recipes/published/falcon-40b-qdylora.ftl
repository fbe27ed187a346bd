/// Falcon-40B for the ranks 1 to 64, as the QDyLoRA paper has it, in 30 GiB.
recipe falcon_40b_qdylora {
  model      "../../../test/fixtures/recipes/configs/falcon-40b" {
    weights: nf4 { block: 64, double: true }
    init: random { seed: 1 }
  }
  adapter    dylora { rank: 1..64, alpha: 16, on: [attention, mlp] }
  precision  mixed { compute: f16, loss_scale: dynamic }
  data       "rows.jsonl" { format: tokens, length: 512 }
  batch      16
  accumulation auto
  checkpoint auto
  optimizer  adamw { rate: 2e-4, clip: 1.0, state: int8 }
  training   100 steps
  output     "out"
  memory     30GiB
}
