import "../functions/schedules.ftl"

/// Falls along half a cosine to `floor` of the rate at the last step (Loshchilov and Hutter, 2017). With restarts the steps after the
/// warm-up are split into falls of equal length, each from the full rate.
schedule cosine(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
  /// Share of the rate that is left at the last step.
  floor: number = 0,
  /// How often it begins again at the full rate.
  restarts: number = 0,
) {
  example { warmup: 3%, floor: 10% }
  require restarts >= 0 and restarts % 1 == 0, "restarts takes a whole number from 0, not {restarts}"

  factor(step, total) {
    let steps = max(1, total - warmup)
    let falls = restarts + 1
    // Counted in whole steps: a fall begins at exactly 0.
    let done = falls * clamp(step - warmup, 0, steps)
    let way = select(done < falls * steps, done % steps / steps, 1)
    warm(step, warmup) * (1 - (1 - floor) * curve("cosine", way))
  }
}
