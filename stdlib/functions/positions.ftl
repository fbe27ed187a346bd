// One position of each row.

/// The features of the last position that belongs to a segment: [rows, width]. Padding has segment 0.
function last_position(x: [rows, tokens, width], segments: [rows, tokens]) -> [rows, width] {
  let at = iota(tokens)
  let last = max(select(segments > 0, at, 0), over: tokens)
  let here = reshape(at == last, [rows, tokens, 1])
  reshape(sum(select(here, x, 0), over: tokens), [rows, width])
}
