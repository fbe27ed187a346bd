// Losses. A target below zero is not learned and costs nothing.

/// log Σ exp(x) over the last axis, kept as an axis of one.
function logsumexp(x: [.., n]) -> [.., 1] {
  let top = stop_gradient(max(x, over: n))
  top + log(sum(exp(x - top), over: n))
}

/// −log softmax(logits)[target] for each position, zero where the target is negative.
function cross_entropy(logits: [n, classes], targets: [n]) -> [n] {
  let hit = iota(classes) == reshape(targets, [n, 1])
  let picked = sum(select(hit, logits, 0), over: classes)
  select(targets >= 0, reshape(logsumexp(logits) - picked, [n]), 0)
}
