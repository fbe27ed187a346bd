import "../functions/rotary.ftl"
import "attention.ftl"
import "linear.ftl"
import "norms.ftl"
import "sublayer.ftl"

/// Self-attention with grouped heads and rotary positions (Vaswani et al., 2017; Ainslie et al., 2023; Su et al., 2021).
module self_attention[hidden, heads, groups, width](
  /// Whether queries, keys and values have biases.
  bias: boolean = false,
  /// Whether the output has.
  output_bias: boolean = bias,
  /// Normalizes the queries and keys of each head, with this eps (Henry et al., 2020).
  norm_eps: number = none,
  /// What scores are multiplied by.
  scale: number = 1 / sqrt(width),
  /// How many positions each sees, itself included: all without.
  window: number = none,
  /// Bends scores to cap · tanh(score / cap).
  cap: number = none,
) {
  linear query [hidden -> heads * width] at "q_proj" as attention { bias: bias }
  linear key [hidden -> groups * width] at "k_proj" as attention { bias: bias }
  linear value [hidden -> groups * width] at "v_proj" as attention { bias: bias }
  linear output [heads * width -> hidden] at "o_proj" as attention { bias: output_bias }
  if norm_eps != none {
    rmsnorm query_norm [width] at "q_norm" { eps: norm_eps }
    rmsnorm key_norm [width] at "k_norm" { eps: norm_eps }
  }
  attention attend [heads, groups, width] at "" {
    scale: scale
    window: window
    cap: cap
    project: x => project(x)
  }
  sublayer end [hidden] at "" as attention

  forward(
    x: [rows, tokens, hidden],
    positions: [rows, tokens],
    segments: [rows, tokens],
    cosines: [n, half],
    sines: [n, half],
  ) -> [rows, tokens, hidden] {
    let q = reshape(query(x), [rows, tokens, heads, width])
    let (k, v) = project(x)
    let turned_q = rotary(if norm_eps == none { q } else { query_norm(q) }, positions, cosines, sines)
    let turned_k = rotary(k, positions, cosines, sines)
    let mixed = attend(turned_q, turned_k, v, segments)
    end(x, output(reshape(mixed, [rows, tokens, heads * width])))
  }

  /// Keys, not turned yet, and values.
  project(x: [rows, tokens, hidden]) -> ([rows, tokens, groups, width], [rows, tokens, groups, width]) {
    let k = reshape(key(x), [rows, tokens, groups, width])
    let v = reshape(value(x), [rows, tokens, groups, width])
    (if norm_eps == none { k } else { key_norm(k) }, v)
  }
}
