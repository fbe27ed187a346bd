import "../functions/activations.ftl"
import "../functions/rotary.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// Falcon (Almazrouei et al., 2023), in its two styles. As the 7B model: one key and value for all heads (multi_query), attention and
/// MLP side by side after one norm (parallel_attn). As the 40B model (new_decoder_architecture): keys and values for groups of
/// heads, a norm for each side.
architecture falcon(config) {
  example {
    vocab_size: 64
    hidden_size: 16
    num_attention_heads: 4
    num_hidden_layers: 2
  }
  expect (config.attention_dropout ?? 0) == 0, "the dropout of pretraining (attention_dropout) is left out"
  expect (config.hidden_dropout ?? 0) == 0, "the dropout of pretraining (hidden_dropout) is left out"
  require not (config.alibi ?? false), "attention biased by distance (alibi) is not supported"
  let hidden = config.hidden_size ?? config.n_embed
  let heads = config.num_attention_heads ?? config.n_head
  let layers = config.num_hidden_layers ?? config.n_layer
  let grouped = config.num_kv_heads ?? config.n_head_kv
  let new = config.new_decoder_architecture ?? config.n_head_kv != none
  let groups = if new { grouped ?? heads } else if config.multi_query ?? true { 1 } else { heads }
  let share = heads / groups
  let width = hidden / heads
  let inner = config.ffn_hidden_size ?? 4 * hidden
  let bias = config.bias ?? false
  let eps = config.layer_norm_epsilon ?? 1e-5
  let tied = config.tie_word_embeddings ?? true
  let vocabulary = config.vocab_size

  let parallel = config.parallel_attn ?? true
  require parallel or not new, "new_decoder_architecture without parallel_attn is not supported"
  let norms = if parallel { config.num_ln_in_parallel_attn ?? (if new { 2 } else { 1 }) } else { 2 }
  let (first, second) = if parallel and norms == 2 {
    ("ln_attn", "ln_mlp")
  } else {
    ("input_layernorm", "post_attention_layernorm")
  }

  let (angles, gain) = rotary_angles(config, width, length)
  table cosines = gain * cos(angles)
  table sines = gain * sin(angles)

  embedding embed [vocabulary, hidden] at "transformer.word_embeddings"

  layer block[i in 0..<layers] at "transformer.h.{i}" {
    layernorm before_attention [hidden] at "{first}" { eps: eps }
    linear fused [hidden -> groups * (share + 2) * width] at "self_attention.query_key_value" as attention {
      bias: bias
    }
    linear output [hidden -> hidden] at "self_attention.dense" as attention { bias: bias }
    attention attend [heads, groups, width] at "self_attention" { project: x => project(x) }
    sublayer attended [hidden] at "self_attention" as attention

    if norms == 2 {
      layernorm before_mlp [hidden] at "{second}" { eps: eps }
    }
    linear widen [hidden -> inner] at "mlp.dense_h_to_4h" as mlp { bias: bias }
    linear narrow [inner -> hidden] at "mlp.dense_4h_to_h" as mlp { bias: bias }

    sublayer fed [hidden] at "mlp" as mlp

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let n = before_attention(x)
      let (plain_q, plain_k, v) = split(n)
      let q = rotary(plain_q, positions, cosines, sines)
      let k = rotary(plain_k, positions, cosines, sines)
      let mixed = attend(q, k, v, segments)
      let h = x + attended(n, output(reshape(mixed, [rows, tokens, hidden])))

      let m = if not parallel { before_mlp(h) } else if norms == 2 { before_mlp(x) } else { n }
      h + fed(m, narrow(activation(config.activation ?? "gelu", widen(m))))
    }

    /// Queries, keys and values, not turned yet.
    split(x: [rows, tokens, hidden]) {
      let parts = reshape(fused(x), [rows, tokens, groups, share + 2, width])
      let q = reshape(parts[.., ..<share, ..], [rows, tokens, heads, width])
      (q, parts[.., share, ..], parts[.., share + 1, ..])
    }

    project(x) {
      let (q, k, v) = split(x)
      (k, v)
    }
  }

  layernorm norm [hidden] at "transformer.ln_f" { eps: eps }
  if not tied {
    linear head [hidden -> vocabulary] at "lm_head" as head
  }

  /// From embedded words to the hidden states after the last norm.
  forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
    norm(block(x, positions, segments))
  }

  /// The score of every word of the vocabulary.
  logits(x: [n, hidden]) -> [n, vocabulary] {
    if tied { x @ embed.W.T } else { head(x) }
  }
}
