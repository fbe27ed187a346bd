// Rotary position embedding (Su et al., 2021) and the ways to stretch it to longer texts.

/// The angular frequency of each pair of features, as `config.json` asks: [width / 2], in radians a position.
function rotary_frequencies(width: number, base: number, scaling) {
  let plain = base ^ (-2 * iota(width / 2) / width)
  match scaling?.rope_type ?? scaling?.type ?? "default" {
    "default" => plain
    "linear" => plain / scaling.factor
    "llama3" => llama3_frequencies(plain, scaling)
  }
}

/// Llama 3's scaling (Grattafiori et al., 2024): long waves are slowed by `factor`, short ones kept, those between blended.
function llama3_frequencies(plain: [n], scaling) -> [n] {
  let original = scaling.original_max_position_embeddings
  let turns = original * plain / (2 * pi)
  let blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
  let kept = clamp(blend, 0, 1)
  kept * plain + (1 - kept) * plain / scaling.factor
}

/// The angle of each position and pair of features: [positions, width / 2].
function rotary_angles(positions: number, frequencies: [half]) -> [positions, half] {
  reshape(iota(positions), [positions, 1]) * frequencies
}

/// Turns the pairs (x[j], x[j + width / 2]) by the angles of their positions.
function rotary(
  x: [rows, tokens, heads, width],
  positions: [rows, tokens],
  cosines: [n, half],
  sines: [n, half],
) -> [rows, tokens, heads, width] {
  let c = reshape(cosines[positions], [rows, tokens, 1, half])
  let s = reshape(sines[positions], [rows, tokens, 1, half])
  let left = x[.., ..<half]
  let right = x[.., half..]
  concat(left * c - right * s, right * c + left * s, over: -1)
}
