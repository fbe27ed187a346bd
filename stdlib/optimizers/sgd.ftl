/// Stochastic gradient descent with optional momentum (Polyak, 1964; Nesterov, 1983), as torch.optim.SGD computes it: the first
/// gradient enters the momentum whole, later ones less the dampening.
optimizer sgd(
  /// The learning rate.
  rate: number,
  /// Share of the momentum that stays from update to update.
  momentum: number = 0,
  /// Share of a gradient that does not enter the momentum.
  dampening: number = 0,
  /// Steps along the momentum as it will be, not as it is.
  nesterov: boolean = false,
  /// Share of a parameter that is added to its gradient.
  weight_decay: number = 0,
) {
  example { rate: 1e-2, momentum: 0.9 }
  require not nesterov or momentum > 0 and dampening == 0, "nesterov needs a momentum and no dampening"

  if momentum > 0 {
    state m = 0
  }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    if momentum > 0 {
      m = momentum * m + (1 - dampening * min(1, s - 1)) * decayed
      w = w - rate * (if nesterov { decayed + momentum * m } else { m })
    } else {
      w = w - rate * decayed
    }
  }
}
