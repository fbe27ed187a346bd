import "../functions/activations.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// GPT-2 (Radford et al., 2019): learned positions, one projection for queries, keys and values, and weights stored [in, out].
architecture gpt2(config) {
  example {
    vocab_size: 64
    n_positions: 512
    n_embd: 16
    n_head: 4
    n_layer: 2
  }
  expect (config.attn_pdrop ?? 0) == 0, "the dropout of pretraining (attn_pdrop) is left out"
  expect (config.embd_pdrop ?? 0) == 0, "the dropout of pretraining (embd_pdrop) is left out"
  expect (config.resid_pdrop ?? 0) == 0, "the dropout of pretraining (resid_pdrop) is left out"
  require length <= config.n_positions,
    "rows have {length} positions, and the model has learned {config.n_positions} (n_positions)"
  require not (config.add_cross_attention ?? false),
    "attention to an encoder (add_cross_attention) is not supported"
  let hidden = config.n_embd
  let heads = config.n_head
  let width = hidden / heads
  let inner = config.n_inner ?? 4 * hidden
  let eps = config.layer_norm_epsilon ?? 1e-5
  let tied = config.tie_word_embeddings ?? true
  let by_depth = config.scale_attn_by_inverse_layer_idx ?? false
  let scale = if config.scale_attn_weights ?? true { 1 / sqrt(width) } else { 1 }
  let vocabulary = config.vocab_size

  embedding embed [vocabulary, hidden] at "transformer.wte"
  embedding place [config.n_positions, hidden] at "transformer.wpe"

  layer block[i in 0..<config.n_layer] at "transformer.h.{i}" {
    layernorm before_attention [hidden] at "ln_1" { eps: eps }
    linear fused [hidden -> 3 * hidden] at "attn.c_attn" as attention { bias: true, transposed: true }
    linear output [hidden -> hidden] at "attn.c_proj" as attention { bias: true, transposed: true }
    attention attend [heads, heads, width] at "attn" {
      scale: if by_depth { scale / (i + 1) } else { scale }
      project: x => project(x)
    }
    sublayer attended [hidden] at "attn" as attention

    layernorm before_mlp [hidden] at "ln_2" { eps: eps }
    linear widen [hidden -> inner] at "mlp.c_fc" as mlp { bias: true, transposed: true }
    linear narrow [inner -> hidden] at "mlp.c_proj" as mlp { bias: true, transposed: true }
    sublayer fed [hidden] at "mlp" as mlp

    forward(x: [rows, tokens, hidden], segments: [rows, tokens]) {
      let n = before_attention(x)
      let (q, k, v) = split(n)
      let mixed = attend(q, k, v, segments)
      let h = x + attended(n, output(reshape(mixed, [rows, tokens, hidden])))

      let m = before_mlp(h)
      h + fed(m, narrow(activation(config.activation_function ?? "gelu_new", widen(m))))
    }

    /// Queries, keys and values.
    split(x: [rows, tokens, hidden]) {
      let parts = reshape(fused(x), [rows, tokens, 3, heads, width])
      (parts[.., 0, .., ..], parts[.., 1, .., ..], parts[.., 2, .., ..])
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
    norm(block(x + place(positions), segments))
  }

  /// The score of every word of the vocabulary.
  logits(x: [n, hidden]) -> [n, vocabulary] {
    if tied { x @ embed.W.T } else { head(x) }
  }
}
