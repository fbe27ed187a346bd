import "../functions/schedules.ftl"

/// Falls to `floor` of the rate at the last step as a power of the steps that are left, as DeepLab does (Chen et al., 2017).
schedule polynomial(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
  /// The power: 1 is a straight line, a larger one falls sooner.
  power: number = 1,
  /// Share of the rate that is left at the last step.
  floor: number = 0,
) {
  example { warmup: 3%, power: 2 }
  require power > 0, "power takes a number above zero, not {power}"

  factor(step, total) {
    warm(step, warmup) * (floor + (1 - floor) * (1 - progress(step, warmup, total)) ^ power)
  }
}
