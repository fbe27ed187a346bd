import "../functions/low-rank.ftl"

/// Quantization-aware low-rank adaptation (Xu et al., 2023): LoRA on inputs summed over groups of neighbours. All weights of a group move
/// alike, so that merged weights in `int4` of the same group have the base's codes and scales, and other offsets.
adapter qa_lora(
  /// Columns of B: how many directions are learned for each module.
  rank: number,
  /// Weight of what is learned: it is multiplied by alpha / rank.
  alpha: number = rank,
  /// Neighbours that are summed: the `block` of the base's format.
  block: number = 32,
  /// Share of the inputs that is left out at random while training.
  dropout: number = 0,
) on linear {
  example { rank: 8, alpha: 16, block: 16 }
  require in % block == 0, "inputs of {in} are no whole number of groups of {block}"
  let scale = alpha / rank
  train A [rank, in / block] at "lora_A.weight" = low_rank_initial("kaiming", rank, in / block)
  train B [out, rank] at "lora_B.weight" = 0

  forward(x: [.., in], y: [.., out]) -> [.., out] {
    y + scale * (drop(x, dropout) @ spread(A, block).T @ B.T)
  }

  merge(W: [out, in]) -> [out, in] { W + scale * (B @ spread(A, block)) }

  peft {
    peft_type: "QA_LORA"
    r: rank
    lora_alpha: alpha
    lora_dropout: dropout
    qalora_group_size: block
  }
}

/// Each column as often as a group has neighbours: a product with it sums the inputs of each group.
function spread(A: [rank, groups], group: number) {
  reshape(broadcast(reshape(A, [rank, groups, 1]), [rank, groups, group]), [rank, groups * group])
}
