import "../functions/attention.ftl"
import "../functions/rotary.ftl"
import "../modules/embedding.ftl"
import "../modules/gated_mlp.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/self_attention.ftl"

/// Qwen2 and Qwen2.5 (Yang et al., 2024): as Llama, with a bias on queries, keys and values. The layers that `layer_types` names, or
/// those from `max_window_layers` on, may see a window only.
architecture qwen2(config) {
  example {
    vocab_size: 64
    hidden_size: 16
    num_attention_heads: 4
    num_key_value_heads: 2
    num_hidden_layers: 2
    intermediate_size: 32
    rms_norm_eps: 1e-6
    hidden_act: "silu"
  }
  expect (config.attention_dropout ?? 0) == 0, "the dropout of pretraining (attention_dropout) is left out"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let groups = config.num_key_value_heads ?? heads
  let width = config.head_dim ?? hidden / heads
  let eps = config.rms_norm_eps
  let tied = config.tie_word_embeddings ?? false
  let vocabulary = config.vocab_size
  let windowed = config.use_sliding_window ?? false

  let (angles, gain) = rotary_angles(config, width, length)
  table cosines = gain * cos(angles)
  table sines = gain * sin(angles)

  embedding embed [vocabulary, hidden] at "model.embed_tokens"

  layer block[i in 0..<config.num_hidden_layers] at "model.layers.{i}" {
    let slides = if not windowed {
      false
    } else if config.layer_types == none {
      i >= config.max_window_layers
    } else {
      is_sliding(config.layer_types[i])
    }

    rmsnorm before_attention [hidden] at "input_layernorm" { eps: eps }
    self_attention attend [hidden, heads, groups, width] at "self_attn" {
      bias: true
      output_bias: false
      window: if slides { config.sliding_window } else { none }
    }
    rmsnorm before_mlp [hidden] at "post_attention_layernorm" { eps: eps }
    gated_mlp mlp [hidden, config.intermediate_size] at "mlp" { activate: config.hidden_act }

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let h = x + attend(before_attention(x), positions, segments, cosines, sines)
      h + mlp(before_mlp(h))
    }
  }

  rmsnorm norm [hidden] at "model.norm" { eps: eps }
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
