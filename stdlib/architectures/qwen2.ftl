import "../functions/activations.ftl"
import "../functions/rotary.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"

/// Qwen2 and Qwen2.5 (Yang et al., 2024): as Llama, with a bias on queries, keys and values.
architecture qwen2(config) {
  require not (config.use_sliding_window ?? false),
    "sliding windows of qwen2 (use_sliding_window) are not supported"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let groups = config.num_key_value_heads ?? heads
  let width = config.head_dim ?? hidden / heads
  let eps = config.rms_norm_eps
  let tied = config.tie_word_embeddings ?? false
  let scaling = config.rope_parameters ?? config.rope_scaling
  let vocabulary = config.vocab_size
  let base = config.rope_parameters?.rope_theta ?? config.rope_theta ?? 10000

  let angles = rotary_angles(length, rotary_frequencies(width, base, scaling))
  table cosines = cos(angles)
  table sines = sin(angles)

  embedding embed [config.vocab_size, hidden] at "model.embed_tokens"

  layer block[i in 0..<config.num_hidden_layers] at "model.layers.{i}" {
    rmsnorm before_attention [hidden] at "input_layernorm" { eps: eps }
    linear query [hidden -> heads * width] at "self_attn.q_proj" as attention { bias: true }
    linear key [hidden -> groups * width] at "self_attn.k_proj" as attention { bias: true }
    linear value [hidden -> groups * width] at "self_attn.v_proj" as attention { bias: true }
    linear output [heads * width -> hidden] at "self_attn.o_proj" as attention
    attention attend [heads, groups, width] at "self_attn"

    rmsnorm before_mlp [hidden] at "post_attention_layernorm" { eps: eps }
    linear gate [hidden -> config.intermediate_size] at "mlp.gate_proj" as mlp
    linear up [hidden -> config.intermediate_size] at "mlp.up_proj" as mlp
    linear down [config.intermediate_size -> hidden] at "mlp.down_proj" as mlp

    forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
      let n = before_attention(x)
      let q = rotary(reshape(query(n), [rows, tokens, heads, width]), positions, cosines, sines)
      let k = rotary(reshape(key(n), [rows, tokens, groups, width]), positions, cosines, sines)
      let v = reshape(value(n), [rows, tokens, groups, width])
      let mixed = attend(q, k, v, segments)
      let h = x + output(reshape(mixed, [rows, tokens, heads * width]))

      let m = before_mlp(h)
      h + down(activation(config.hidden_act, gate(m)) * up(m))
    }
  }

  rmsnorm norm [hidden] at "model.norm" { eps: eps }
  if not tied {
    linear head [hidden -> config.vocab_size] at "lm_head" as head
  }

  /// From embedded words to the hidden states after the last norm.
  forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
    norm(block(x, positions, segments))
  }

  /// The score of every word of the vocabulary.
  logits(x: [n, hidden]) -> [n, config.vocab_size] {
    if tied { x @ embed.W.T } else { head(x) }
  }
}
