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
  /// First values of A: kaiming, or gaussian with deviation 1 / rank. With pissa, A and B begin as the principal part of the weight, which
  /// leaves what the frozen part does without (Meng et al., 2024): as twice as many rows, of which the second half takes away what the first
  /// begins with and stays. So the weight itself is as it was, in whatever format, and what is saved is a LoRA of twice the rank.
  init: string = "kaiming",
) on linear {
  example { rank: 8, alpha: 16 }
  require init in ["kaiming", "gaussian", "pissa"], "'init' is kaiming, gaussian or pissa"
  let scale = low_rank_scale(rank, alpha, rslora)
  let principal = init == "pissa"
  let rows = if principal { 2 * rank } else { rank }
  train A [rows, in] at "lora_A.weight" = if principal {
    pissa_inputs(base.W, rank, scale)
  } else {
    low_rank_initial(init, rank, in)
  } { moving: [..<rank] }
  train B [out, rows] at "lora_B.weight" = if principal { pissa_outputs(base.W, A, rank, scale) } else { 0 } {
    rate: ratio
    moving: [.., ..<rank]
  }

  // The alpha that gives all rows the same scale.
  let saved_alpha = if rslora { alpha * sqrt(rows / rank) } else { alpha * rows / rank }

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    y + scale * (drop(x, dropout) @ A.T @ B.T)
  }

  merge(W: [out, in]) -> [out, in] { W + scale * (B @ A) }

  peft {
    peft_type: "LORA"
    r: rows
    lora_alpha: saved_alpha
    lora_dropout: dropout
    bias: "none"
    fan_in_fan_out: base.transposed
    use_rslora: rslora
    use_dora: false
    rank_pattern: by_part(rows)
    alpha_pattern: by_part(saved_alpha)
    init_lora_weights: if init == "gaussian" { init } else { true }
  }
}
