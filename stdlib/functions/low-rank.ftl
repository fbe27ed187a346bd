// What the adapters of low rank share.
import "initial.ftl"
import "singular.ftl"

/// What B A is multiplied by: alpha / rank, or alpha / √rank where the ranks are stabilized (Kalajdzievski, 2023).
function low_rank_scale(rank: number, alpha: number, rslora: boolean) {
  if rslora { alpha / sqrt(rank) } else { alpha / rank }
}

/// The first values of A by their names in PEFT; B starts at zero.
function low_rank_initial(init: string, rank: number, in: number) {
  match init {
    "kaiming" => kaiming_uniform(in)
    "gaussian" => normal(1 / rank)
  }
}

/// The lengths of the rows of W + scale · B A. That matrix is not made: |w + s·b A|² = |w|² + 2s·w·(b A) + s²·|b A|², and both
/// products with A are taken with the rank's few columns.
function low_rank_lengths(W: [out, in], A: [rank, in], B: [out, rank], scale: number) -> [out] {
  let own = sum(W * W, over: in)
  let mixed = sum((W @ A.T) * B, over: rank)
  let added = sum((B @ (A @ A.T)) * B, over: rank)
  reshape(sqrt(own + 2 * scale * mixed + scale ^ 2 * added), [out])
}

/// The first values of A where the adapter begins with W's principal directions (PiSSA): A of the best approximation B A of rank `rank`, and
/// behind it the same rows again, which stay.
function pissa_inputs(W: [out, in], rank: number, scale: number) {
  let directions = principal_directions(W, rank)
  let values = norm(directions @ W.T, over: -1)
  let A = sqrt(values / scale) * directions
  concat(A, A, over: 0)
}

/// B of the same approximation, and behind it −B, so that both begin by cancelling out.
function pissa_outputs(W: [out, in], A: [rows, in], rank: number, scale: number) {
  let own = A[..<rank]
  let B = W @ own.T / max(scale * sum(own * own, over: -1).T, 1e-30)
  concat(B, -B, over: -1)
}
