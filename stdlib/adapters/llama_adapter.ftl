import "../functions/attention.ftl"

/// LLaMA-Adapter (Zhang et al., 2023): in the last layers every query also attends to a trained prompt, by a softmax of its own. What
/// it finds there enters through a gate that starts at zero, so that training starts from the model as it is.
adapter llama_adapter(
  /// Trained rows a layer.
  tokens: number = 10,
  /// How many layers, from the last; all of them if unsaid.
  last: number = layers,
) on attention {
  example { tokens: 10 }
  require base.project != none,
    "llama_adapter needs the attention of this architecture to say how it projects keys and values (project)"
  require last <= layers, "the model has {layers} layers, fewer than {last} (last)"
  if layer >= layers - last {
    train prompt [1, tokens, model.hidden] at "adaption_prompt" = normal(1)
    train gate [1] at "adaption_gate" = 0

    forward(q, k, v, segments, y) {
      let (keys, values) = base.project(prompt)
      y + gate * cross_attention(q, keys, values, base.scale)
    }
  }

  peft { peft_type: "ADAPTION_PROMPT", adapter_len: tokens, adapter_layers: last, target_modules: name }
}
