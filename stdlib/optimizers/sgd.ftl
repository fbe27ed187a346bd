/// Stochastic gradient descent with optional momentum (Polyak, 1964; Nesterov, 1983), as torch.optim.SGD computes it: the first
/// gradient enters the momentum whole, later ones less `dampening`.
optimizer sgd(
  rate: number,
  momentum: number = 0,
  dampening: number = 0,
  nesterov: boolean = false,
  weight_decay: number = 0,
) {
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
