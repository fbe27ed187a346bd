import "../functions/activations.ftl"
import "../functions/rotary.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// GPT-NeoX and Pythia (Black et al., 2022; Biderman et al., 2023): one projection whose rows are grouped by heads, rotation of a part
/// of each head, attention and MLP side by side.
architecture gpt_neox(config) {
  example {
    vocab_size: 64
    hidden_size: 16
    num_attention_heads: 2
    num_hidden_layers: 2
    intermediate_size: 32
  }
  expect (config.attention_dropout ?? 0) == 0, "the dropout of pretraining (attention_dropout) is left out"
  expect (config.hidden_dropout ?? 0) == 0, "the dropout of pretraining (hidden_dropout) is left out"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let width = hidden / heads
  let eps = config.layer_norm_eps ?? 1e-5
  let tied = config.tie_word_embeddings ?? false
  let parallel = config.use_parallel_residual ?? true
  let vocabulary = config.vocab_size

  let turned = floor(width * (config.rope_parameters?.partial_rotary_factor ?? config.rotary_pct ?? 0.25))
  let base = config.rope_parameters?.rope_theta ?? config.rotary_emb_base ?? 10000
  let (angles, gain) = rotary_angles(config, turned, length, base)
  table cosines = gain * cos(angles)
  table sines = gain * sin(angles)

  embedding embed [vocabulary, hidden] at "gpt_neox.embed_in"

  layer block[i in 0..<config.num_hidden_layers] at "gpt_neox.layers.{i}" {
    layernorm before_attention [hidden] at "input_layernorm" { eps: eps }
    linear fused [hidden -> 3 * hidden] at "attention.query_key_value" as attention {
      bias: config.attention_bias ?? true
    }
    linear output [hidden -> hidden] at "attention.dense" as attention {
      bias: config.attention_bias ?? true
    }
    attention attend [heads, heads, width] at "attention" { project: x => project(x) }
    sublayer attended [hidden] at "attention" as attention

    layernorm before_mlp [hidden] at "post_attention_layernorm" { eps: eps }
    linear widen [hidden -> config.intermediate_size] at "mlp.dense_h_to_4h" as mlp { bias: true }
    linear narrow [config.intermediate_size -> hidden] at "mlp.dense_4h_to_h" as mlp { bias: true }
    sublayer fed [hidden] at "mlp" as mlp

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let n = before_attention(x)
      let (plain_q, plain_k, v) = split(n)
      let q = rotary(plain_q, positions, cosines, sines)
      let k = rotary(plain_k, positions, cosines, sines)
      let mixed = attend(q, k, v, segments)
      let h = x + attended(n, output(reshape(mixed, [rows, tokens, hidden])))

      let m = before_mlp(if parallel { x } else { h })
      h + fed(m, narrow(activation(config.hidden_act ?? "gelu", widen(m))))
    }

    /// Queries, keys and values, not turned yet.
    split(x: [rows, tokens, hidden]) {
      let parts = reshape(fused(x), [rows, tokens, heads, 3 * width])
      (parts[.., ..<width], parts[.., width..<2 * width], parts[.., 2 * width..])
    }

    project(x) {
      let (q, k, v) = split(x)
      (k, v)
    }
  }

  layernorm norm [hidden] at "gpt_neox.final_layer_norm" { eps: eps }
  if not tied {
    linear head [hidden -> vocabulary] at "embed_out" as head
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
