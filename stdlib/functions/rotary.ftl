// Rotary position embedding (Su et al., 2021) and the ways to stretch it to longer texts.

/// How many features of a head turn: all of them, or the share that `config.json` says.
function rotary_width(config, width: number) {
  floor(width * (config.rope_parameters?.partial_rotary_factor ?? config.partial_rotary_factor ?? 1))
}

/// The angle of each position and pair of features, [length, width / 2] in radians, and the factor that their cosines and
/// sines are multiplied by, from `rope_parameters` (Transformers 5) or `rope_scaling` and `rope_theta` (Transformers 4).
/// "dynamic" and "longrope" look at the length of the text. Rows are all padded to `length` positions, so the angles are those
/// that Transformers takes for a batch of that length, whatever is padding in it.
function rotary_angles(
  config,
  width: number,
  length: number,
  base: number = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000,
) {
  let scaling = config.rope_parameters ?? config.rope_scaling
  require scaling?.full_attention == none and scaling?.sliding_attention == none,
    "rotary positions of their own for each kind of layer are not supported"
  let longest = config.max_position_embeddings
  let seen = scaling?.original_max_position_embeddings ?? longest
  let original = config.original_max_position_embeddings ?? seen
  let plain = rotary_frequencies(width, base)
  let factor = () => scaling.factor ?? longest / original

  let (frequencies, gain) = match scaling?.rope_type ?? scaling?.type ?? "default" {
    "default" => (plain, 1)
    "linear" => (plain / scaling.factor, 1)
    "dynamic" => (rotary_frequencies(width, dynamic_base(width, base, scaling.factor, length, longest)), 1)
    "llama3" => (llama3_frequencies(plain, scaling, original), 1)
    "yarn" => yarn_frequencies(plain, base, scaling, original, factor())
    "longrope", "su" => longrope_frequencies(plain, scaling, original, factor(), length)
  }
  (reshape(iota(length), [length, 1]) * frequencies, gain)
}

/// The angular frequency of each pair of features: [width / 2], in radians a position.
function rotary_frequencies(width: number, base: number) {
  base ^ (-2 * iota(width / 2) / width)
}

/// NTK-aware scaling for texts longer than the model has seen (Peng et al., 2024, section 3.1): the base grows with them.
function dynamic_base(width: number, base: number, factor: number, length: number, longest: number) {
  base * (factor * max(length, longest) / longest - (factor - 1)) ^ (width / (width - 2))
}

/// Llama 3's scaling (Grattafiori et al., 2024): long waves are slowed by `factor`, short ones kept, those between blended.
function llama3_frequencies(plain: [n], scaling, original: number) -> [n] {
  let turns = original * plain / (2 * pi)
  let blend = (turns - scaling.low_freq_factor) / (scaling.high_freq_factor - scaling.low_freq_factor)
  let kept = clamp(blend, 0, 1)
  kept * plain + (1 - kept) * plain / scaling.factor
}

/// YaRN (Peng et al., 2024): pairs that turn often in the `original` length are kept, slow ones stretched, those between
/// blended in a straight line. With the frequencies, the gain that sharpens attention as texts grow.
function yarn_frequencies(plain: [n], base: number, scaling, original: number, factor: number) {
  let pair = turns => n * log(original / (2 * pi * turns)) / log(base)
  let (first, last) = (pair(scaling.beta_fast ?? 32), pair(scaling.beta_slow ?? 1))
  let whole = scaling.truncate ?? true
  let low = max(if whole { floor(first) } else { first }, 0)
  let high = min(if whole { ceil(last) } else { last }, 2 * n - 1)
  let run = if high == low { 0.001 } else { high - low }
  let stretched = clamp(iota(n) / run - low / run, 0, 1)

  let (one, all) = (scaling.mscale ?? 0, scaling.mscale_all_dim ?? 0)
  let grown = 0.1 * log(max(factor, 1))
  let gain = if one != 0 and all != 0 { (one * grown + 1) / (all * grown + 1) } else { grown + 1 }
  (plain * (1 - stretched) + plain / factor * stretched, scaling.attention_factor ?? gain)
}

/// LongRoPE (Ding et al., 2024): each pair is stretched by a factor of its own, found by search, one list for texts within the
/// `original` length and one for longer ones. With the frequencies, a gain as YaRN has.
function longrope_frequencies(plain: [n], scaling, original: number, factor: number, length: number) {
  let stretch = if length > original { scaling.long_factor } else { scaling.short_factor }
  let gain = if factor > 1 { sqrt(1 + log(factor) / log(original)) } else { 1 }
  (plain / stretch, scaling.attention_factor ?? gain)
}

/// Turns the pairs (x[j], x[j + half]) of each head by the angles of their positions; features past 2 · half stay as they are.
function rotary(
  x: [rows, tokens, heads, width],
  positions: [rows, tokens],
  cosines: [n, half],
  sines: [n, half],
) -> [rows, tokens, heads, width] {
  let c = reshape(cosines[positions], [rows, tokens, 1, half])
  let s = reshape(sines[positions], [rows, tokens, 1, half])
  let left = x[.., ..<half]
  let right = x[.., half..<2 * half]
  let turned = concat(left * c - right * s, right * c + left * s, over: -1)
  if 2 * half == width { turned } else { concat(turned, x[.., 2 * half..], over: -1) }
}
