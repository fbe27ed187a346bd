/// Gradients divided by the root of the sum of all squares so far (Duchi et al., 2011), as torch.optim.Adagrad computes it.
optimizer adagrad(
  /// The learning rate.
  rate: number,
  /// How the rate falls: by 1 / (1 + rate_decay · (s − 1)) at update s.
  rate_decay: number = 0,
  /// The sum of squares at the start.
  initial: number = 0,
  /// Added to the root of the sum.
  eps: number = 1e-10,
  /// Share of a parameter that is added to its gradient.
  weight_decay: number = 0,
) {
  example { rate: 1e-2 }

  state total = initial { signed: false }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    total = total + decayed * decayed
    w = w - rate / (1 + rate_decay * (s - 1)) * decayed / (sqrt(total) + eps)
  }
}
