import "../functions/second-moment.ftl"

/// Adafactor (Shazeer and Stern, 2018): the second moment of a matrix is kept as its row and column means. With `relative` the rate
/// follows the update's number, `warmup` from 1e-6 an update; with `scaled` a step is in proportion to the parameter.
/// `decay` is the exponent of the moment's decay, `clipping` the largest root mean square of a step, `floor` the least
/// size that a parameter counts with, `momentum` (none by default) smooths the steps.
optimizer adafactor(
  rate: number = none,
  relative: boolean = rate == none,
  scaled: boolean = relative,
  warmup: boolean = false,
  decay: number = -0.8,
  clipping: number = 1,
  eps: number = 1e-30,
  floor: number = 1e-3,
  momentum: number = 0,
  weight_decay: number = 0,
) {
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
    let size = if scaled { max(floor, rms(w)) } else { 1 }
    let base = if relative { min(if warmup { 1e-6 * s } else { 1e-2 }, 1 / sqrt(s)) } else { rate }
    let step = base * size * direction / max(1, rms(direction) / clipping)
    let decayed = w - weight_decay * base * size * w
    if momentum > 0 {
      m = momentum * m + (1 - momentum) * step
      w = decayed - m
    } else {
      w = decayed - step
    }
  }
}
