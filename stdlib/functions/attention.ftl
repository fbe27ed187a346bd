// Scaled dot-product attention with grouped heads.

/// Attention within segments (Vaswani et al., 2017; grouped heads: Ainslie et al., 2023). Position t of a row sees the
/// positions s of its own segment with s <= t and t − s < window; without `causal`, those on both sides with |t − s| < window.
/// The keys and values of `prefix` positions may stand in front of the row's own: every query sees them. A `cap` above zero
/// bends the scores to cap · tanh(score / cap) (Gemma Team, 2024).
///
/// Gives the output and, for each query, the logarithm of the sum of its exponentiated scores, which the backward pass
/// starts from. The kernel (Dao, 2023) never stores a score; the body stores those of a few rows and groups at a time.
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
  let pairs = rows * groups
  let queries = permute(reshape(q, [rows, tokens, groups, share, width]), [0, 2, 3, 1, 4])
  let marks = broadcast(reshape(segments, [rows, 1, tokens]), [rows, groups, tokens])
  let both = chunks(
    (q, k, v, marks) => attention_of_group(q, k, v, marks, scale, window, cap, causal, prefix),
    reshape(queries, [pairs, share, tokens, width]),
    reshape(permute(k, [0, 2, 1, 3]), [pairs, positions, width]),
    reshape(permute(v, [0, 2, 1, 3]), [pairs, positions, width]),
    reshape(marks, [pairs, tokens]),
    each: share * tokens * positions,
  )
  let mixed = permute(reshape(both[.., ..<width], [rows, groups, share, tokens, width]), [0, 3, 1, 2, 4])
  (reshape(mixed, [rows, tokens, heads, width]), reshape(both[.., width..<width + 1], [rows, heads, tokens]))
}

/// The same for queries of `share` heads that see the same keys, each row and group by itself; the statistics stand behind the outputs.
function attention_of_group(
  q: [n, share, tokens, width],
  k: [n, positions, width],
  v: [n, positions, width],
  segments: [n, tokens],
  scale: number,
  window: number,
  cap: number,
  causal: boolean,
  prefix: number,
) -> [n, share, tokens, width + 1] {
  let here = reshape(iota(tokens), [tokens, 1])
  let there = reshape(iota(positions) - prefix, [1, positions])
  let across = if prefix > 0 {
    concat(broadcast(segments[.., ..<1], [n, prefix]), segments, over: -1)
  } else {
    segments
  }
  let same = reshape(segments, [n, 1, tokens, 1]) == reshape(across, [n, 1, 1, positions])
  let near = here - there < window and (if causal { there <= here } else { there - here < window })
  let visible = there < 0 or (same and near)

  let plain = scale * (q @ reshape(k, [n, 1, positions, width]).T)
  let bent = if cap > 0 { cap * tanh(plain / cap) } else { plain }
  let scores = select(visible, bent, -1e30)
  let top = max(scores, over: -1)
  let powers = exp(scores - top)
  let total = sum(powers, over: -1)
  concat((powers / total) @ reshape(v, [n, 1, positions, width]), top + log(total), over: -1)
}

/// Attention of rows that come in pieces: `past` positions came before the first query. Keys and values are `prefix` in front, which
/// every query sees, and then those of all positions, in order; what stands there for positions to come is not seen.
function attention_so_far(
  q: [rows, tokens, heads, width],
  k: [rows, positions, groups, width],
  v: [rows, positions, groups, width],
  past,
  scale: number,
  window: number,
  cap: number = 0,
  prefix: number = 0,
) -> [rows, tokens, heads, width] {
  let share = heads / groups
  let pairs = rows * groups
  let queries = permute(reshape(q, [rows, tokens, groups, share, width]), [0, 2, 3, 1, 4])
  let mixed = chunks(
    (q, k, v) => attention_of_group_so_far(q, k, v, past, scale, window, cap, prefix),
    reshape(queries, [pairs, share, tokens, width]),
    reshape(permute(k, [0, 2, 1, 3]), [pairs, positions, width]),
    reshape(permute(v, [0, 2, 1, 3]), [pairs, positions, width]),
    each: share * tokens * positions,
  )
  let back = permute(reshape(mixed, [rows, groups, share, tokens, width]), [0, 3, 1, 2, 4])
  reshape(back, [rows, tokens, heads, width])
}

/// The same for queries of `share` heads that see the same keys, each row and group by itself.
function attention_of_group_so_far(
  q: [n, share, tokens, width],
  k: [n, positions, width],
  v: [n, positions, width],
  past,
  scale: number,
  window: number,
  cap: number,
  prefix: number,
) -> [n, share, tokens, width] {
  let here = reshape(iota(tokens) + past, [tokens, 1])
  let there = reshape(iota(positions) - prefix, [1, positions])
  let visible = there < 0 or (there <= here and here - there < window)

  let plain = scale * (q @ reshape(k, [n, 1, positions, width]).T)
  let bent = if cap > 0 { cap * tanh(plain / cap) } else { plain }
  let scores = select(visible, bent, -1e30)
  let powers = exp(scores - max(scores, over: -1))
  (powers / sum(powers, over: -1)) @ reshape(v, [n, 1, positions, width])
}

/// `new` put into `old` along their second axis, from position `at` on. What would come to stand past the end is left out.
function put(old: [rows, positions, groups, width], new: [rows, tokens, groups, width], at) -> [
  rows,
  positions,
  groups,
  width,
] {
  let from = iota(positions) - at
  let here = reshape(from >= 0 and from < tokens, [positions, 1, 1])
  let moved = if tokens == 1 {
    new
  } else {
    permute(permute(new, [1, 0, 2, 3])[clamp(from, 0, tokens - 1)], [1, 0, 2, 3])
  }
  select(here, moved, old)
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
