import "../functions/schedules.ftl"

/// Falls in a straight line from the full rate after the warm-up to `floor` of it at the last step.
schedule linear(warmup: steps = 0, floor: number = 0) {
  factor(step, total) {
    warm(step, warmup) * (1 - (1 - floor) * progress(step, warmup, total))
  }
}
