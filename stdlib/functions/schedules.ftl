// The parts that schedules are made of. A step counts from 1.

/// Rises from 1 / warmup to 1 over the warm-up steps and stays there.
function warm(step, warmup) {
  min(1, step / max(1, warmup))
}

/// How far the steps after the warm-up have come, from 0 to 1.
function progress(step, warmup, total) {
  clamp((step - warmup) / max(1, total - warmup), 0, 1)
}
