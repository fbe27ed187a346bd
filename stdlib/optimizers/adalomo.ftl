import "../functions/second-moment.ftl"

/// LOMO with an adaptive rate (Lv et al., 2023): the second moment is kept as row and column means as in `adafactor`, steps are
/// in proportion to the parameter and normalized tensor by tensor, so that no norm of all gradients is needed.
optimizer adalomo(
  /// The learning rate, in units of the root mean square of each parameter.
  rate: number,
  /// Exponent of the second moment's decay.
  decay: number = -0.8,
  /// The largest root mean square of a step before the rate.
  clipping: number = 1,
  /// Added to squares of gradients.
  eps: number = 1e-30,
  /// The least size that a parameter counts with.
  floor: number = 1e-3,
  /// Share of a parameter that an update takes away, in units of its step.
  weight_decay: number = 0,
) during backward {
  example { rate: 5e-4 }

  if dims(w) >= 2 {
    state row [w.shape[..<-1], 1] = 0
    state column [w.shape[..<-2], 1, w.shape[-1]] = 0
  } else {
    state v = 0
  }

  update(w, g, s) {
    let beta = 1 - s ^ decay
    let square = g * g + eps
    let direction = if dims(w) >= 2 {
      row = beta * row + (1 - beta) * mean(square, over: -1)
      column = beta * column + (1 - beta) * mean(square, over: -2)
      g * rsqrt_factored(row, column)
    } else {
      v = beta * v + (1 - beta) * square
      g * rsqrt(v)
    }
    let own = rate * max(floor, rms(w))
    let step = direction / max(1, rms(direction) / clipping)
    w = w - own * (step + weight_decay * w)
  }
}
