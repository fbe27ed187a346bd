/// Low-memory optimization (Lv et al., 2023): plain gradient descent, made while the backward pass goes on. The gradients of one
/// layer exist at a time, and there is no state: memory is that of the weights and activations.
optimizer lomo(
  /// The learning rate.
  rate: number,
  /// The largest size of one element of a gradient; none if unsaid.
  clip_value: number = none,
  /// Share of a parameter that is added to its gradient.
  weight_decay: number = 0,
) during backward {
  example { rate: 3e-2 }

  update(w, g, s) {
    let clipped = if clip_value == none { g } else { clamp(g, -clip_value, clip_value) }
    w = w - rate * (clipped + weight_decay * w)
  }
}
