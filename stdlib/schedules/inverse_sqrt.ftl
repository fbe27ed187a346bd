import "../functions/schedules.ftl"

/// Falls with one over the square root of the steps, whatever their number in all (Vaswani et al., 2017).
schedule inverse_sqrt(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
  /// Steps after the warm-up over which the rate falls to 1 / √2; those of the warm-up if unsaid, 10000 without one.
  timescale: steps = none,
) {
  example { warmup: 10% }

  factor(step, total) {
    let scale = timescale ?? select(warmup > 0, warmup, 10000)
    warm(step, warmup) / sqrt(1 + max(0, step - warmup) / scale)
  }
}
