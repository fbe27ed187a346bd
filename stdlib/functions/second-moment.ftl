// The second moment of a matrix as the outer product of its row and column means (Shazeer and Stern, 2018): for n × m elements, n + m
// numbers are kept.

/// One over the root of the moment that row means [.., n, 1] and column means [.., 1, m] stand for.
function rsqrt_factored(row: [.., n, 1], column: [.., 1, m]) -> [.., n, m] {
  rsqrt(row / mean(row, over: -2)) * rsqrt(column)
}
