import "../functions/schedules.ftl"

/// One rise to the full rate and one fall far below where it began (Smith and Topin, 2018), in the phases of
/// torch.optim.lr_scheduler.OneCycleLR.
schedule one_cycle(
  /// Steps of the rise: the last of them has the full rate.
  warmup: steps = 30%,
  /// Share of the rate at the first step.
  start: number = 0.04,
  /// Share of the rate at the last step.
  floor: number = 4e-6,
  /// How it rises and falls: `cosine` or `linear`.
  along: string = "cosine",
  /// Falls to `start` in as many steps as it rose, and only then to `floor`.
  three_phase: boolean = false,
) {
  example { warmup: 30% }

  factor(step, total) {
    let at = step - 1
    let last = total - 1
    let top = max(0, warmup - 1)
    // Where the first fall ends, and at which share.
    let turn = if three_phase { min(2 * top, last) } else { last }
    let low = if three_phase { start } else { floor }

    let rise = start + (1 - start) * curve(along, at / max(1, top))
    let fall = 1 - (1 - low) * curve(along, (at - top) / max(1, turn - top))
    let rest = low - (low - floor) * curve(along, (at - turn) / max(1, last - turn))
    select(at < top, rise, select(at <= turn, fall, rest))
  }
}
