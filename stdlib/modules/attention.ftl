import "../functions/attention.ftl"

/// Attention as a place that adapters can change: queries, keys and values in, mixed values out. `window` and `cap` may be none.
/// The first `prefix` keys and values stand in front of the row's own, for every query to see. `project` tells adapters what keys and
/// values hidden states of their own would have. Where rows come in pieces, as in decoding, the keys and values of all positions so
/// far are kept, so that each is computed once.
module attention[heads, groups, width](
  scale: number = 1 / sqrt(width),
  window: number = none,
  cap: number = none,
  causal: boolean = true,
  project = none,
) {
  state keys [1, length, groups, width] = 0
  state values [1, length, groups, width] = 0

  forward(
    q: [rows, tokens, heads, width],
    k: [rows, positions, groups, width],
    v: [rows, positions, groups, width],
    segments: [rows, tokens],
    prefix: number = 0,
  ) -> [rows, tokens, heads, width] {
    if past() == none {
      let (mixed, statistics) = attention_with_statistics(
        q,
        k,
        v,
        segments,
        scale,
        window ?? 1e9,
        cap ?? 0,
        causal,
        prefix,
      )
      mixed
    } else {
      require causal, "a row that is seen from both sides cannot come in pieces"
      keys = put(keys, k[0..<rows, prefix.., ..], past())
      values = put(values, v[0..<rows, prefix.., ..], past())
      let all_keys = if prefix > 0 { concat(k[0..<rows, ..<prefix, ..], keys, over: 1) } else { keys }
      let all_values = if prefix > 0 { concat(v[0..<rows, ..<prefix, ..], values, over: 1) } else { values }
      attention_so_far(q, all_keys, all_values, past(), scale, window ?? 1e9, cap ?? 0, prefix)
    }
  }
}
