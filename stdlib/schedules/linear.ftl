import "../functions/schedules.ftl"

/// Falls in a straight line from the full rate after the warm-up to `floor` of it at the last step.
schedule linear(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
  /// Share of the rate that is left at the last step.
  floor: number = 0,
) {
  example { warmup: 3% }

  factor(step, total) {
    warm(step, warmup) * (1 - (1 - floor) * progress(step, warmup, total))
  }
}
