/// Adaptive moments (Kingma and Ba, 2015). Weight decay is added to the gradient and so passes through the moments; `adamw` decays
/// the parameters themselves.
optimizer adam(
  /// The learning rate.
  rate: number,
  /// Shares of the mean gradient and of the mean square that stay from update to update.
  betas: [2] = [0.9, 0.999],
  /// Added to the root of the mean square.
  eps: number = 1e-8,
  /// Share of a parameter that is added to its gradient.
  weight_decay: number = 0,
) {
  example { rate: 1e-3 }

  state m = 0
  state v = 0 { signed: false }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    m = betas[0] * m + (1 - betas[0]) * decayed
    v = betas[1] * v + (1 - betas[1]) * decayed * decayed
    w = w - rate * (m / (1 - betas[0] ^ s)) / (sqrt(v / (1 - betas[1] ^ s)) + eps)
  }
}
