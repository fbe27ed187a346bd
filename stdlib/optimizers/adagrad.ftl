/// Gradients divided by the root of the sum of all squares so far (Duchi et al., 2011), as torch.optim.Adagrad computes it.
/// `initial` is the sum at the start; the rate falls as 1 / (1 + rate_decay · (update − 1)).
optimizer adagrad(
  rate: number,
  rate_decay: number = 0,
  initial: number = 0,
  eps: number = 1e-10,
  weight_decay: number = 0,
) {
  state total = initial

  update(w, g, s) {
    let decayed = g + weight_decay * w
    total = total + decayed * decayed
    w = w - rate / (1 + rate_decay * (s - 1)) * decayed / (sqrt(total) + eps)
  }
}
