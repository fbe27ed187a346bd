import "../functions/schedules.ftl"

/// The full rate between the warm-up and a decay over the last steps (Hu et al., 2024; Hägele et al., 2024): a run can be prolonged
/// from any step before its decay.
schedule warmup_stable_decay(
  /// Steps over which the rate rises to its full value.
  warmup: steps = 0,
  /// Last steps, over which the rate falls.
  decay: steps = 10%,
  /// Share of the rate that is left at the last step.
  floor: number = 0,
  /// How it falls: `linear`, `cosine`, or `sqrt`, fast at first.
  along: string = "linear",
) {
  example { warmup: 3%, decay: 20% }

  factor(step, total) {
    let way = clamp((step - (total - decay)) / max(1, decay), 0, 1)
    warm(step, warmup) * (1 - (1 - floor) * curve(along, way))
  }
}
