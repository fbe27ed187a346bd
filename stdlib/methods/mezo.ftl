/// Memory-efficient zeroth-order optimization (Malladi et al., 2023): two forward passes a step and no backward one. The gradient is
/// estimated from the losses on both sides of the weights along a random direction (Spall, 1992), which is drawn again from the seed
/// whenever it is needed. The memory is that of inference. With `optimizer sgd` it is MeZO, with momentum or adam its other forms.
method mezo(
  /// How far the weights are moved along the direction.
  eps: number = 1e-3,
) {
  step(loss, s) {
    each(w => w + eps * normal(like: w))
    let above = loss()
    each(w => w - 2 * eps * normal(like: w))
    let below = loss()
    each(w => w + eps * normal(like: w))
    let slope = (above - below) / (2 * eps)
    w => slope * normal(like: w)
  }

  example { eps: 1e-3 }
}
