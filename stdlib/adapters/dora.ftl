import "../functions/low-rank.ftl"

/// Weight-decomposed low-rank adaptation (Liu et al., 2024): a trained magnitude for each row times the direction of
/// W + scale · B A. As the paper has it, no gradient flows through the length that the direction is divided by.
adapter dora(
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
  train magnitude [out] at "lora_magnitude_vector" = reshape(norm(base.W, over: in), [out])

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    let factor = magnitude / stop_gradient(low_rank_lengths(base.W, A, B, scale))
    let dropped = drop(x, dropout)
    y + (factor - 1) * (dropped @ base.W.T) + factor * scale * (dropped @ A.T @ B.T)
  }

  merge(W: [out, in]) -> [out, in] {
    let factor = reshape(magnitude / low_rank_lengths(base.W, A, B, scale), [out, 1])
    W + (factor - 1) * base.W + factor * scale * (B @ A)
  }

  peft {
    peft_type: "LORA"
    r: rank
    lora_alpha: alpha
    lora_dropout: dropout
    bias: "none"
    fan_in_fan_out: base.transposed
    use_rslora: rslora
    use_dora: true
    rank_pattern: by_part(rank)
    alpha_pattern: by_part(alpha)
    init_lora_weights: if init == "kaiming" { true } else { init }
  }
}
