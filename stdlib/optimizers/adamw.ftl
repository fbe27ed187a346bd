/// Adam with decoupled weight decay (Loshchilov and Hutter, 2019).
optimizer adamw(rate: number, betas: [2] = [0.9, 0.999], eps: number = 1e-8, weight_decay: number = 0) {
  state m = 0
  state v = 0

  update(w, g, s) {
    m = betas[0] * m + (1 - betas[0]) * g
    v = betas[1] * v + (1 - betas[1]) * g * g
    let step = m / (1 - betas[0] ^ s) / (sqrt(v / (1 - betas[1] ^ s)) + eps)
    w = w - rate * (step + weight_decay * w)
  }
}
