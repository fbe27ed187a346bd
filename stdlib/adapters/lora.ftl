import "../functions/low-rank.ftl"

/// Low-rank adaptation (Hu et al., 2021): y + alpha / rank · (x Aᵀ) Bᵀ, with A and B trained and the weight frozen.
adapter lora(
  /// Rows of A and columns of B: how many directions are learned for each module.
  rank: number,
  /// Weight of what is learned: it is multiplied by alpha / rank.
  alpha: number = rank,
  /// Share of the inputs that is left out at random while training.
  dropout: number = 0,
  /// The scale is alpha / √rank, the same for every rank (Kalajdzievski, 2023).
  rslora: boolean = false,
  /// How many times A's learning rate is B's: LoRA+ (Hayou et al., 2024) takes 16.
  ratio: number = 1,
  /// First values of A: kaiming, or gaussian with deviation 1 / rank.
  init: string = "kaiming",
) on linear {
  example { rank: 8, alpha: 16 }
  let scale = low_rank_scale(rank, alpha, rslora)
  train A [rank, in] at "lora_A.weight" = low_rank_initial(init, rank, in)
  train B [out, rank] at "lora_B.weight" = 0 { rate: ratio }

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    y + scale * (drop(x, dropout) @ A.T @ B.T)
  }

  merge(W: [out, in]) -> [out, in] { W + scale * (B @ A) }

  peft {
    peft_type: "LORA"
    r: rank
    lora_alpha: alpha
    lora_dropout: dropout
    bias: "none"
    fan_in_fan_out: base.transposed
    use_rslora: rslora
    use_dora: false
    rank_pattern: by_part(rank)
    alpha_pattern: by_part(alpha)
    init_lora_weights: if init == "kaiming" { true } else { init }
  }
}
