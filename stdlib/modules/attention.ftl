import "../functions/attention.ftl"

/// Attention as a place that adapters can change: queries, keys and values in, mixed values out.
module attention[heads, groups, width](scale: number = 1 / sqrt(width), window: number = 1e9) {
  forward(
    q: [rows, tokens, heads, width],
    k: [rows, tokens, groups, width],
    v: [rows, tokens, groups, width],
    segments: [rows, tokens],
  ) -> [rows, tokens, heads, width] {
    let (mixed, statistics) = attention_with_statistics(q, k, v, segments, scale, window)
    mixed
  }
}
