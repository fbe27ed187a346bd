import "../functions/second-moment.ftl"

/// Adafactor (Shazeer and Stern, 2018): the second moment of a matrix is kept as its row and column means, so that the state takes
/// a row and a column for each matrix.
optimizer adafactor(
  /// The learning rate; none for relative steps.
  rate: number = none,
  /// Steps of the paper's own size: 1 / √s at update s, at most 0.01.
  relative: boolean = rate == none,
  /// Relative steps rise from 1e-6 by 1e-6 an update.
  warmup: boolean = false,
  /// Steps in proportion to the root mean square of the parameter.
  scaled: boolean = relative,
  /// The least size that a scaled parameter counts with.
  floor: number = 1e-3,
  /// The largest root mean square of a step before the rate.
  clipping: number = 1,
  /// Exponent of the second moment's decay.
  decay: number = -0.8,
  /// Added to squares of gradients.
  eps: number = 1e-30,
  /// Share of the mean step that stays from update to update; 0 keeps no mean.
  momentum: number = 0,
  /// Share of a parameter that an update at rate 1 takes away.
  weight_decay: number = 0,
) {
  example { warmup: true }
  require relative != (rate != none), "adafactor takes a rate, or 'relative: true' and no rate"
  require relative or not warmup, "warmup belongs to relative steps; a schedule warms a rate up"

  if dims(w) >= 2 {
    state row [w.shape[..<-1], 1] = 0
    state column [w.shape[..<-2], 1, w.shape[-1]] = 0
  } else {
    state v = 0
  }
  if momentum > 0 {
    state m = 0
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
    let share = if relative { min(if warmup { 1e-6 * s } else { 1e-2 }, 1 / sqrt(s)) } else { rate }
    let own = share * (if scaled { max(floor, rms(w)) } else { 1 })
    let step = own * direction / max(1, rms(direction) / clipping)
    let decayed = w - weight_decay * own * w
    if momentum > 0 {
      m = momentum * m + (1 - momentum) * step
      w = decayed - m
    } else {
      w = decayed - step
    }
  }
}
