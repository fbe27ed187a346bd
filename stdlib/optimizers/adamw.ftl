/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
optimizer adamw(
  /// The learning rate.
  rate: number,
  /// Shares of the mean gradient and of the mean square that stay from update to update.
  betas: [2] = [0.9, 0.999],
  /// Added to the root of the mean square.
  eps: number = 1e-8,
  /// Share of a parameter that an update at rate 1 takes away.
  weight_decay: number = 0,
) {
  example { rate: 2e-4, weight_decay: 0.01 }

  state m = 0
  state v = 0 { signed: false }

  update(w, g, s) {
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    let step = m / (1 - betas[0] ^ s) / (sqrt(v / (1 - betas[1] ^ s)) + eps)
    w = w - rate * (step + weight_decay * w)
  }
}
