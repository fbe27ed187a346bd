import "../functions/schedules.ftl"

/// The full rate after the warm-up.
schedule constant(warmup: steps = 0) {
  factor(step, total) { warm(step, warmup) }
}
