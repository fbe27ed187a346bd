// Scaled dot-product attention with grouped heads.

/// Causal attention within segments (Vaswani et al., 2017; grouped heads: Ainslie et al., 2023). Position t of a row sees the
/// positions s <= t of the same segment with t − s < window. Gives the output and, for each query, the logarithm of the sum of
/// its exponentiated scores, which the backward pass starts from. The kernel (Dao, 2023) never stores a score.
function attention_with_statistics(
  q: [rows, tokens, heads, width],
  k: [rows, tokens, groups, width],
  v: [rows, tokens, groups, width],
  segments: [rows, tokens],
  scale: number,
  window: number,
) -> ([rows, tokens, heads, width], [rows, heads, tokens]) kernel attention {
  let share = heads / groups
  let queries = permute(reshape(q, [rows, tokens, groups, share, width]), [0, 2, 3, 1, 4])
  let keys = permute(reshape(k, [rows, tokens, groups, 1, width]), [0, 2, 3, 4, 1])
  let values = permute(reshape(v, [rows, tokens, groups, 1, width]), [0, 2, 3, 1, 4])

  let at = iota(tokens)
  let here = reshape(at, [tokens, 1])
  let there = reshape(at, [1, tokens])
  let same = reshape(segments, [rows, 1, 1, tokens, 1]) == reshape(segments, [rows, 1, 1, 1, tokens])
  let visible = same and there <= here and here - there < window

  let scores = select(visible, scale * (queries @ keys), -1e30)
  let top = max(scores, over: -1)
  let powers = exp(scores - top)
  let total = sum(powers, over: -1)
  let mixed = (powers / total) @ values

  let output = reshape(permute(mixed, [0, 3, 1, 2, 4]), [rows, tokens, heads, width])
  (output, reshape(top + log(total), [rows, heads, tokens]))
}
