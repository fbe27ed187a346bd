import "../functions/schedules.ftl"

/// Falls along half a cosine to `floor` of the rate at the last step (Loshchilov and Hutter, 2017).
schedule cosine(warmup: steps = 0, floor: number = 0) {
  factor(step, total) {
    let fall = 0.5 * (1 + cos(pi * progress(step, warmup, total)))
    warm(step, warmup) * (floor + (1 - floor) * fall)
  }
}
