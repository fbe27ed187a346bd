import "../functions/attention.ftl"

/// Attention as a place that adapters can change: queries, keys and values in, mixed values out. `window` and `cap` may be none.
/// The first `prefix` keys and values stand in front of the row's own, for every query to see. `project` tells adapters what keys and
/// values hidden states of their own would have.
module attention[heads, groups, width](
  scale: number = 1 / sqrt(width),
  window: number = none,
  cap: number = none,
  causal: boolean = true,
  project = none,
) {
  forward(
    q: [rows, tokens, heads, width],
    k: [rows, positions, groups, width],
    v: [rows, positions, groups, width],
    segments: [rows, tokens],
    prefix: number = 0,
  ) -> [rows, tokens, heads, width] {
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
  }
}
