/// Stochastic gradient descent with optional momentum (Polyak, 1964; Nesterov, 1983), as torch.optim.SGD computes it.
optimizer sgd(rate: number, momentum: number = 0, nesterov: boolean = false, weight_decay: number = 0) {
  if momentum > 0 {
    state m = 0
  }

  update(w, g, s) {
    let decayed = g + weight_decay * w
    if momentum > 0 {
      m = momentum * m + decayed
      w = w - rate * (if nesterov { decayed + momentum * m } else { m })
    } else {
      w = w - rate * decayed
    }
  }
}
