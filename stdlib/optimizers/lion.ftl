/// Evolved sign momentum (Chen et al., 2023): every element moves by the rate, in the direction of a momentum. The rate is usually
/// three to ten times smaller, and the decay as many times larger, than those of `adamw`.
optimizer lion(
  /// The learning rate.
  rate: number,
  /// Shares of the momentum that stay: in the direction of a step, and from update to update.
  betas: [2] = [0.9, 0.99],
  /// Share of a parameter that an update at rate 1 takes away.
  weight_decay: number = 0,
) {
  example { rate: 3e-5, weight_decay: 0.1 }

  state m = 0

  update(w, g, s) {
    let direction = sign(betas[0] * m + (1 - betas[0]) * g)
    m = betas[1] * m + (1 - betas[1]) * g
    w = w - rate * (direction + weight_decay * w)
  }
}
