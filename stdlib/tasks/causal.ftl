import "../functions/losses.ftl"

/// Next-token prediction: the sum of −log p(target) over the learned targets of the rows at hand. The logits exist for one
/// chunk of positions at a time, never for a whole batch.
task causal(model) {
  loss(ids: [rows, tokens], targets: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    let width = size(x, -1)
    let states = reshape(x, [rows * tokens, width])
    let learned = reshape(targets, [rows * tokens])
    sum(chunks((h, t) => cross_entropy(model.logits(h), t), states, learned, each: model.vocabulary))
  }
}
