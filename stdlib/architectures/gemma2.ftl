import "../functions/activations.ftl"
import "../functions/attention.ftl"
import "../functions/rotary.ftl"
import "../modules/embedding.ftl"
import "../modules/gated_mlp.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/self_attention.ftl"

/// Gemma 2 (Gemma Team, 2024): as Gemma, with norms after attention and MLP too, soft caps on the scores of attention and of words,
/// and a window in the layers that `layer_types` names, or in every other one from the first.
architecture gemma2(config) {
  example {
    vocab_size: 64
    hidden_size: 16
    num_attention_heads: 4
    num_key_value_heads: 2
    head_dim: 8
    num_hidden_layers: 2
    intermediate_size: 32
    rms_norm_eps: 1e-6
    hidden_activation: "gelu_pytorch_tanh"
    query_pre_attn_scalar: 8
    sliding_window: 64
  }
  expect (config.attention_dropout ?? 0) == 0, "the dropout of pretraining (attention_dropout) is left out"
  require not (config.use_bidirectional_attention ?? false),
    "attention to both sides (use_bidirectional_attention) is not supported"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let groups = config.num_key_value_heads
  let width = config.head_dim
  let eps = config.rms_norm_eps
  let tied = config.tie_word_embeddings ?? true
  let vocabulary = config.vocab_size
  let reach = if "sliding_window" in config { config.sliding_window } else { 4096 }
  let cap = if "attn_logit_softcapping" in config { config.attn_logit_softcapping } else { 50 }
  let word_cap = if "final_logit_softcapping" in config { config.final_logit_softcapping } else { 30 }

  let (angles, gain) = rotary_angles(config, width, length)
  table cosines = gain * cos(angles)
  table sines = gain * sin(angles)

  embedding words [vocabulary, hidden] at "model.embed_tokens"

  layer block[i in 0..<config.num_hidden_layers] at "model.layers.{i}" {
    let slides = if config.layer_types == none {
      i % 2 == 0
    } else {
      is_sliding(config.layer_types[i])
    }

    rmsnorm before_attention [hidden] at "input_layernorm" { eps: eps, offset: 1 }
    self_attention attend [hidden, heads, groups, width] at "self_attn" {
      bias: config.attention_bias ?? false
      scale: 1 / sqrt(config.query_pre_attn_scalar)
      window: if slides { reach } else { none }
      cap: cap
    }
    rmsnorm after_attention [hidden] at "post_attention_layernorm" { eps: eps, offset: 1 }
    rmsnorm before_mlp [hidden] at "pre_feedforward_layernorm" { eps: eps, offset: 1 }
    gated_mlp mlp [hidden, config.intermediate_size] at "mlp" { activate: config.hidden_activation }
    rmsnorm after_mlp [hidden] at "post_feedforward_layernorm" { eps: eps, offset: 1 }

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let h = x + after_attention(attend(before_attention(x), positions, segments, cosines, sines))
      h + after_mlp(mlp(before_mlp(h)))
    }
  }

  rmsnorm norm [hidden] at "model.norm" { eps: eps, offset: 1 }
  if not tied {
    linear head [hidden -> vocabulary] at "lm_head" as head
  }

  /// Words, scaled up to the size of what the layers add.
  embed(ids: [rows, tokens]) -> [rows, tokens, hidden] { words(ids) * sqrt(hidden) }

  /// From embedded words to the hidden states after the last norm.
  forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
    norm(block(x, positions, segments))
  }

  /// The score of every word of the vocabulary.
  logits(x: [n, hidden]) -> [n, vocabulary] {
    soft_cap(if tied { x @ words.W.T } else { head(x) }, word_cap)
  }
}
