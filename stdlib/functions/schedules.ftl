// The parts that schedules are made of. A step counts from 1 to the total; all of it is computed by the host in float64.

/// Rises from 1 / warmup to 1 over the warm-up steps and stays there.
function warm(step, warmup) {
  min(1, step / max(1, warmup))
}

/// How far the steps after the warm-up have come, from 0 to 1.
function progress(step, warmup, total) {
  clamp((step - warmup) / max(1, total - warmup), 0, 1)
}

/// How much of a change is done at a share `way` of its steps: along a line, along half a cosine, or soon most of it.
function curve(name, way) {
  match name {
    "linear" => way
    "cosine" => 0.5 * (1 - cos(pi * way))
    "sqrt" => sqrt(way)
  }
}
