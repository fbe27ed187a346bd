import "../functions/initial.ftl"

/// LoRA for a whole range of ranks in one run (DyLoRA, Valipour et al., 2023; over quantized weights QDyLoRA, Rajabzadeh et al., 2024). Each
/// step draws a rank b and trains the first b rows of A and columns of B, so that the first directions learn to serve alone. The adapter
/// may be cut to any rank of the range afterwards; it is evaluated at the largest unless told otherwise.
adapter dylora(
  /// The ranks that are trained for, such as 1..64; a rank alone is a range of one.
  rank: ranks,
  /// Weight of what is learned: it is multiplied by alpha / b.
  alpha: number = rank.last,
  /// Share of the inputs that is left out at random while training.
  dropout: number = 0,
  /// What a step changes: "all" rows up to the b-th, or the "last" of them only, the paper's frozen form. Other rows keep their weights
  /// and the optimizer's states, without decay.
  update: string = "all",
  /// How b is drawn: "uniform", "geometric" (small ranks more often), or a list of ranks that are taken in turn, one a step.
  draw: draws = "uniform",
  /// Of the geometric draw: the share by which each rank is less likely than the one before it.
  p: number = 0.15,
) on linear {
  example { rank: 1..8, alpha: 16 }
  require update in ["all", "last"], "'update' is all or last"
  let b = rank.drawn(draw, p)
  let first = if update == "last" { b - 1 } else { 0 }
  train A [rank.last, in] at "lora_A.weight" = kaiming_uniform(in) { moving: [first..<b] }
  train B [out, rank.last] at "lora_B.weight" = 0 { moving: [.., first..<b] }

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    y + alpha / b * (drop(x, dropout) @ A[0..<b].T @ B[.., 0..<b].T)
  }

  peft {
    peft_type: "LORA"
    r: rank.last
    lora_alpha: alpha
    lora_dropout: dropout
    bias: "none"
    fan_in_fan_out: base.transposed
    use_rslora: false
    use_dora: false
    rank_pattern: by_part(rank.last)
    alpha_pattern: by_part(alpha)
    init_lora_weights: true
    ranks: [rank.first, rank.last]
  }
}
