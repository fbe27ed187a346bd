import "../functions/orthogonal.ftl"

/// Momentum orthogonalized by Newton-Schulz iterations (Jordan et al., 2024) for the matrices inside the model. Embeddings, heads and
/// vectors are updated as `adamw` does it, and often want a rate of their own, by a group.
optimizer muon(
  /// The learning rate.
  rate: number,
  /// Share of a matrix's momentum that stays from update to update.
  momentum: number = 0.95,
  /// Steps along the momentum as it will be, not as it is.
  nesterov: boolean = true,
  /// Newton-Schulz iterations.
  steps: number = 5,
  /// How a matrix's step is scaled by its sides: "original", or "match_rms_adamw" (Liu et al., 2025), with which one rate suits all.
  adjust: string = "original",
  /// Share of a parameter that an update at rate 1 takes away.
  weight_decay: number = 0,
  /// For what is no matrix inside the model: as in `adamw`.
  betas: [2] = [0.9, 0.95],
  /// As in `adamw`.
  eps: number = 1e-8,
) {
  example { rate: 2e-2 }

  let matrix = dims(w) == 2 and w.module != "embedding" and w.role != "head"

  state m = 0
  if not matrix {
    state v = 0
  }

  update(w, g, s) {
    let step = if matrix {
      m = momentum * m + (1 - momentum) * g
      let direction = if nesterov { momentum * m + (1 - momentum) * g } else { m }
      let rows = w.shape[0]
      let columns = w.shape[1]
      let scale = match adjust {
        "original" => sqrt(max(1, rows / columns))
        "match_rms_adamw" => 0.2 * sqrt(max(rows, columns))
      }
      scale * orthogonal(direction, steps)
    } else {
      m = betas[0] * m + (1 - betas[0]) * g
      v = betas[1] * v + (1 - betas[1]) * g * g
      m / (1 - betas[0] ^ s) / (sqrt(v / (1 - betas[1] ^ s)) + eps)
    }
    w = w - rate * (step + weight_decay * w)
  }
}
