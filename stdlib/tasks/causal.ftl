import "../functions/losses.ftl"

/// Next-token prediction: the sum of −log p(target) over the learned targets of the rows at hand. The logits exist for one
/// chunk of positions at a time, never for a whole batch.
task causal {
  peft { task_type: "CAUSAL_LM" }
  require model?.causal ?? true,
    "a model that sees the words to come cannot learn to predict them: write 'head masked' or 'head classify'"

  scores(ids: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    model.logits(reshape(x, [rows * tokens, size(x, -1)]))
  }

  loss(ids: [rows, tokens], targets: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    let states = reshape(x, [rows * tokens, size(x, -1)])
    let learned = reshape(targets, [rows * tokens])
    sum(chunks((h, t) => cross_entropy(model.logits(h), t), states, learned, each: model.vocabulary))
  }
}
