// Scaled dot-product attention with grouped heads.

/// Attention within segments (Vaswani et al., 2017; grouped heads: Ainslie et al., 2023). Position t of a row sees the
/// positions s of its own segment with s <= t and t − s < window; without `causal`, those on both sides with |t − s| < window.
/// The keys and values of `prefix` positions may stand in front of the row's own: every query sees them. A `cap` above zero
/// bends the scores to cap · tanh(score / cap) (Gemma Team, 2024).
///
/// Gives the output and, for each query, the logarithm of the sum of its exponentiated scores, which the backward pass
/// starts from. The kernel (Dao, 2023) never stores a score.
function attention_with_statistics(
  q: [rows, tokens, heads, width],
  k: [rows, positions, groups, width],
  v: [rows, positions, groups, width],
  segments: [rows, tokens],
  scale: number,
  window: number,
  cap: number = 0,
  causal: boolean = true,
  prefix: number = 0,
) -> ([rows, tokens, heads, width], [rows, heads, tokens]) kernel attention {
  require positions == prefix + tokens,
    "attention of {tokens} queries needs {prefix + tokens} keys, {prefix} of them in front, not {positions}"
  let share = heads / groups
  let queries = permute(reshape(q, [rows, tokens, groups, share, width]), [0, 2, 3, 1, 4])
  let keys = permute(reshape(k, [rows, positions, groups, 1, width]), [0, 2, 3, 4, 1])
  let values = permute(reshape(v, [rows, positions, groups, 1, width]), [0, 2, 3, 1, 4])

  let here = reshape(iota(tokens), [tokens, 1])
  let there = reshape(iota(positions) - prefix, [1, positions])
  let across = if prefix > 0 {
    concat(broadcast(segments[.., ..<1], [rows, prefix]), segments, over: -1)
  } else {
    segments
  }
  let same = reshape(segments, [rows, 1, 1, tokens, 1]) == reshape(across, [rows, 1, 1, 1, positions])
  let near = here - there < window and (if causal { there <= here } else { there - here < window })
  let visible = there < 0 or (same and near)

  let plain = scale * (queries @ keys)
  let bent = if cap > 0 { cap * tanh(plain / cap) } else { plain }
  let scores = select(visible, bent, -1e30)
  let top = max(scores, over: -1)
  let powers = exp(scores - top)
  let total = sum(powers, over: -1)
  let mixed = (powers / total) @ values

  let output = reshape(permute(mixed, [0, 3, 1, 2, 4]), [rows, tokens, heads, width])
  (output, reshape(top + log(total), [rows, heads, tokens]))
}

/// Attention to keys and values that stand outside of the rows: every query of every row sees all of them, wherever it is.
function cross_attention(
  q: [rows, tokens, heads, width],
  k: [1, count, groups, width],
  v: [1, count, groups, width],
  scale: number,
) -> [rows, tokens, heads, width] {
  let share = heads / groups
  let queries = permute(reshape(q, [rows, tokens, groups, share, width]), [0, 2, 3, 1, 4])
  let keys = permute(reshape(k, [count, groups, 1, width]), [1, 2, 3, 0])
  let values = permute(reshape(v, [count, groups, 1, width]), [1, 2, 0, 3])

  let scores = scale * (queries @ keys)
  let powers = exp(scores - stop_gradient(max(scores, over: -1)))
  let mixed = (powers / sum(powers, over: -1)) @ values
  reshape(permute(mixed, [0, 3, 1, 2, 4]), [rows, tokens, heads, width])
}

/// Whether a layer sees a window only, by its entry in `layer_types` of `config.json`.
function is_sliding(layer_type) {
  match layer_type {
    "sliding_attention" => true
    "full_attention" => false
  }
}
