/// Gradients divided by a running root mean square (Tieleman and Hinton, 2012), as torch.optim.RMSprop computes it. `alpha` is the
/// share of the running mean that stays; `centered` subtracts the square of the mean gradient (Graves, 2013).
optimizer rmsprop(
  rate: number,
  alpha: number = 0.99,
  eps: number = 1e-8,
  momentum: number = 0,
  centered: boolean = false,
  weight_decay: number = 0,
) {
  state v = 0
  if centered {
    state mean_gradient = 0
  }
  if momentum > 0 {
    state m = 0
  }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    v = alpha * v + (1 - alpha) * decayed * decayed
    let variance = if centered {
      mean_gradient = alpha * mean_gradient + (1 - alpha) * decayed
      v - mean_gradient * mean_gradient
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
