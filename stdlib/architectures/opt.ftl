import "../functions/activations.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// OPT (Zhang et al., 2022): learned positions whose table begins with two rows that no token uses; norms before or, in the 350M model,
/// after each half of a block; words that may be narrower than the blocks.
architecture opt(config) {
  example {
    vocab_size: 64
    max_position_embeddings: 512
    hidden_size: 16
    num_attention_heads: 4
    num_hidden_layers: 2
    ffn_dim: 32
  }
  expect (config.attention_dropout ?? 0) == 0, "the dropout of pretraining (attention_dropout) is left out"
  expect (config.dropout ?? 0) == 0, "the dropout of pretraining (dropout) is left out"
  expect (config.layerdrop ?? 0) == 0, "the dropout of pretraining (layerdrop) is left out"
  require length <= config.max_position_embeddings,
    "rows have {length} positions, and the model has learned {config.max_position_embeddings} (max_position_embeddings)"
  require config.layer_norm_elementwise_affine ?? true,
    "norms without weights (layer_norm_elementwise_affine) are not supported"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let width = hidden / heads
  let inner = config.ffn_dim
  let bias = config.enable_bias ?? true
  let before = config.do_layer_norm_before ?? true
  let final = before and not (config._remove_final_layer_norm ?? false)
  let tied = config.tie_word_embeddings ?? true
  let vocabulary = config.vocab_size
  let word = config.word_embed_proj_dim ?? hidden
  let eps = 1e-5

  embedding embed [vocabulary, word] at "model.decoder.embed_tokens"
  embedding place [config.max_position_embeddings + 2, hidden] at "model.decoder.embed_positions"
  if word != hidden {
    linear enter [word -> hidden] at "model.decoder.project_in"
    linear leave [hidden -> word] at "model.decoder.project_out"
  }

  layer block[i in 0..<config.num_hidden_layers] at "model.decoder.layers.{i}" {
    layernorm attention_norm [hidden] at "self_attn_layer_norm" { eps: eps }
    linear query [hidden -> hidden] at "self_attn.q_proj" as attention { bias: bias }
    linear key [hidden -> hidden] at "self_attn.k_proj" as attention { bias: bias }
    linear value [hidden -> hidden] at "self_attn.v_proj" as attention { bias: bias }
    linear output [hidden -> hidden] at "self_attn.out_proj" as attention { bias: bias }
    attention attend [heads, heads, width] at "self_attn" { project: x => project(x) }
    sublayer attended [hidden] at "self_attn" as attention

    layernorm mlp_norm [hidden] at "final_layer_norm" { eps: eps }
    linear widen [hidden -> inner] at "fc1" as mlp { bias: bias }
    linear narrow [inner -> hidden] at "fc2" as mlp { bias: bias }
    sublayer fed [hidden] at "mlp" as mlp

    forward(x: [rows, tokens, hidden], segments: [rows, tokens]) {
      if before {
        let h = x + mix(attention_norm(x), segments)
        h + mlp(mlp_norm(h))
      } else {
        let h = attention_norm(x + mix(x, segments))
        mlp_norm(h + mlp(h))
      }
    }

    mix(x: [rows, tokens, hidden], segments: [rows, tokens]) -> [rows, tokens, hidden] {
      let q = reshape(query(x), [rows, tokens, heads, width])
      let (k, v) = project(x)
      attended(x, output(reshape(attend(q, k, v, segments), [rows, tokens, hidden])))
    }

    project(x: [rows, tokens, hidden]) {
      (reshape(key(x), [rows, tokens, heads, width]), reshape(value(x), [rows, tokens, heads, width]))
    }

    mlp(x: [rows, tokens, hidden]) -> [rows, tokens, hidden] {
      fed(x, narrow(activation(config.activation_function ?? "relu", widen(x))))
    }
  }

  if final {
    layernorm norm [hidden] at "model.decoder.final_layer_norm" { eps: eps }
  }
  if not tied {
    linear head [word -> vocabulary] at "lm_head" as head
  }

  /// From embedded words to the last hidden states, both as wide as a word.
  forward(x: [rows, tokens, word], positions: [rows, tokens], segments: [rows, tokens]) {
    let entered = if word == hidden { x } else { enter(x) }
    let y = block(entered + place(positions + 2), segments)
    let normed = if final { norm(y) } else { y }
    if word == hidden { normed } else { leave(normed) }
  }

  /// The score of every word of the vocabulary.
  logits(x: [n, word]) -> [n, vocabulary] {
    if tied { x @ embed.W.T } else { head(x) }
  }
}
