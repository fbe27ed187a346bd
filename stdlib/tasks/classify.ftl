import "../functions/losses.ftl"
import "../functions/positions.ftl"
import "../modules/linear.ftl"

/// One class for each row: the sum of −log p(class) over the rows at hand. The scores come from the architecture's own head where
/// it has one, else from a linear map of the last position that is not padding, as Transformers' …ForSequenceClassification have it.
/// The head trains with every adapter and is saved beside it; where no file has it, it begins at random.
task classify(
  /// How many classes there are; rows name theirs by a number from 0.
  labels: number,
) {
  example { labels: 3, data.format: label }
  peft { task_type: "SEQ_CLS", modules_to_save: ["classifier", "score"] }
  require labels >= 2, "classes are at least two"

  if model?.classify == none {
    linear score [model.hidden -> labels] at "score" as head
  }

  scores(ids: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) -> [rows, labels] {
    let x = model(model.embed(ids), positions, segments)
    if model?.classify == none { score(last_position(x, segments)) } else { model.classify(x) }
  }

  loss(ids: [rows, tokens], classes: [rows], positions: [rows, tokens], segments: [rows, tokens]) {
    sum(cross_entropy(scores(ids, positions, segments), classes))
  }

  /// The class with the highest score, the first of equals.
  predictions(ids: [rows, tokens], positions: [rows, tokens], segments: [rows, tokens]) {
    let s = scores(ids, positions, segments)
    let best = s == max(s, over: -1)
    labels - max(select(best, labels - iota(labels), 0), over: -1)
  }
}
