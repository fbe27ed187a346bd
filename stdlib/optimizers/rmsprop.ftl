/// Gradients divided by a running root mean square (Tieleman and Hinton, 2012), as torch.optim.RMSprop computes it.
optimizer rmsprop(
  /// The learning rate.
  rate: number,
  /// Share of the mean square that stays from update to update.
  alpha: number = 0.99,
  /// Added to the root of the mean square.
  eps: number = 1e-8,
  /// Share of the momentum that stays from update to update.
  momentum: number = 0,
  /// Takes the square of the mean gradient off the mean square (Graves, 2013).
  centered: boolean = false,
  /// Share of a parameter that is added to its gradient.
  weight_decay: number = 0,
) {
  example { rate: 1e-4 }

  state v = 0 { signed: false }
  if centered {
    state average = 0
  }
  if momentum > 0 {
    state m = 0
  }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    v = alpha * v + (1 - alpha) * decayed * decayed
    let variance = if centered {
      average = alpha * average + (1 - alpha) * decayed
      v - average * average
    } else {
      v
    }
    let step = decayed / (sqrt(variance) + eps)
    if momentum > 0 {
      m = momentum * m + step
      w = w - rate * m
    } else {
      w = w - rate * step
    }
  }
}
