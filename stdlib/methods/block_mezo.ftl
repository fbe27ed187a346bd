/// MeZO on one block of layers a step, in turn (block coordinate descent; Park et al., 2025): a direction in fewer dimensions is a less
/// noisy estimate, and an optimizer's state changes only where the weights do.
method block_mezo(
  /// How far the weights are moved along the direction.
  eps: number = 1e-3,
  /// Layers of a block.
  size: number = 1,
) {
  step(loss, s) {
    let turns = ceil(blocks / size)
    let turn = (s - 1) % turns
    let chosen = w => floor(block(w) / size) == turn
    let direction = w => select(chosen(w), normal(like: w), 0)

    each(w => w + eps * direction(w))
    let above = loss()
    each(w => w - 2 * eps * direction(w))
    let below = loss()
    each(w => w + eps * direction(w))
    let slope = (above - below) / (2 * eps)
    w => (slope * direction(w), chosen(w))
  }

  example { size: 1 }
}
