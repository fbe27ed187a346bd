import "../functions/losses.ftl"

/// Predicting hidden words from both sides (Devlin et al., 2019): the sum of −log p(label) over the positions that have one. Rows
/// that bring `labels` are taken as they are; in all others words are chosen, and most of them hidden, anew in every epoch.
task masked(
  /// The share of words that are predicted.
  share: number = 0.15,
) {
  example { share: 15%, data.format: text }
  peft { task_type: none }
  require not (model?.causal ?? true),
    "only a model that sees both sides of a word can be asked for it, an encoder such as roberta"

  /// Of the chosen words 80 % become the mask token, 10 % a random word, and 10 % stay.
  let masking = [share, 0.8, 0.1]

  scores(ids: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    model.logits(reshape(x, [rows * tokens, size(x, -1)]))
  }

  loss(ids: [rows, tokens], labels: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let x = model(model.embed(ids), positions, segments)
    let states = reshape(x, [rows * tokens, size(x, -1)])
    let learned = reshape(labels, [rows * tokens])
    sum(chunks((h, t) => cross_entropy(model.logits(h), t), states, learned, each: model.vocabulary))
  }
}
