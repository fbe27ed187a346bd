import "../functions/activations.ftl"
import "../functions/rotary.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// Phi-3 (Abdin et al., 2024): as Llama, with one projection for queries, keys and values, one for gate and up, a part of each head
/// turned, and long texts by LongRoPE.
architecture phi3(config) {
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
  expect (config.embd_pdrop ?? 0) == 0, "the dropout of pretraining (embd_pdrop) is left out"
  expect (config.resid_pdrop ?? 0) == 0, "the dropout of pretraining (resid_pdrop) is left out"
  let scaling = config.rope_parameters ?? config.rope_scaling
  require (scaling?.rope_type ?? scaling?.type ?? "default") in ["default", "longrope", "su"],
    "phi3 stretches its positions by longrope only"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let groups = config.num_key_value_heads ?? heads
  let width = config.head_dim ?? hidden / heads
  let inner = config.intermediate_size
  let eps = config.rms_norm_eps
  let tied = config.tie_word_embeddings ?? false
  let vocabulary = config.vocab_size

  let (angles, gain) = rotary_angles(config, rotary_width(config, width), length)
  table cosines = gain * cos(angles)
  table sines = gain * sin(angles)

  embedding embed [vocabulary, hidden] at "model.embed_tokens"

  layer block[i in 0..<config.num_hidden_layers] at "model.layers.{i}" {
    rmsnorm before_attention [hidden] at "input_layernorm" { eps: eps }
    linear fused [hidden -> (heads + 2 * groups) * width] at "self_attn.qkv_proj" as attention
    linear output [heads * width -> hidden] at "self_attn.o_proj" as attention
    attention attend [heads, groups, width] at "self_attn" {
      window: config.sliding_window
      project: x => project(x)
    }
    sublayer attended [hidden] at "self_attn" as attention

    rmsnorm before_mlp [hidden] at "post_attention_layernorm" { eps: eps }
    linear gate_up [hidden -> 2 * inner] at "mlp.gate_up_proj" as mlp
    linear down [inner -> hidden] at "mlp.down_proj" as mlp

    sublayer fed [hidden] at "mlp" as mlp

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let n = before_attention(x)
      let (plain_q, plain_k, v) = split(n)
      let q = rotary(plain_q, positions, cosines, sines)
      let k = rotary(plain_k, positions, cosines, sines)
      let mixed = attend(q, k, v, segments)
      let h = x + attended(n, output(reshape(mixed, [rows, tokens, heads * width])))

      let m = before_mlp(h)
      let both = gate_up(m)
      h + fed(m, down(activation(config.hidden_act, both[.., ..<inner]) * both[.., inner..]))
    }

    /// Queries, keys and values, not turned yet.
    split(x: [rows, tokens, hidden]) {
      let parts = reshape(fused(x), [rows, tokens, heads + 2 * groups, width])
      (parts[.., ..<heads, ..], parts[.., heads..<heads + groups, ..], parts[.., heads + groups.., ..])
    }

    project(x) {
      let (q, k, v) = split(x)
      (k, v)
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
