import "../functions/schedules.ftl"

/// The full rate after the warm-up.
schedule constant(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
) {
  example { warmup: 10 steps }

  factor(step, total) { warm(step, warmup) }
}
