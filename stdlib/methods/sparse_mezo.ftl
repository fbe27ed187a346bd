import "../functions/quantile.ftl"

/// MeZO on a few weights of each tensor, chosen once by their size: the smallest, as in Sparse MeZO (Liu et al., 2024), or the largest. That
/// a thousandth of the weights, fixed before training, is enough is Guo et al.'s (2024) finding. All others stay as they are.
method sparse_mezo(
  /// How far the weights are moved along the direction.
  eps: number = 1e-3,
  /// The share of each tensor's weights that train.
  share: number = 0.1%,
  /// The largest train instead of the smallest.
  largest: boolean = false,
) {
  step(loss, s) {
    let chosen = kept(
      w => if largest { abs(w) > quantile(abs(w), 1 - share) } else { abs(w) < quantile(abs(w), share) },
    )
    let direction = w => select(chosen(w), normal(like: w), 0)

    each(w => w + eps * direction(w))
    let above = loss()
    each(w => w - 2 * eps * direction(w))
    let below = loss()
    each(w => w + eps * direction(w))
    let slope = (above - below) / (2 * eps)
    w => (slope * direction(w), chosen(w))
  }

  example { share: 1% }
}
