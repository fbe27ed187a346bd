/// Prefix tuning (Li and Liang, 2021): trained keys and values stand in front of every layer's own, for every position to see. PEFT
/// keeps those of all layers in one tensor; the row's positions count from behind the prefix.
adapter prefix_tuning(
  /// Trained keys and values a layer, also called virtual tokens.
  tokens: number,
) on attention {
  example { tokens: 20 }
  train prefix [tokens, layers * 2 * groups * width] at "prompt_embeddings" = normal(1) { shared: true }

  front() { tokens }

  forward(q, k, v, segments) {
    let all = permute(reshape(prefix, [tokens, layers, 2, groups, width]), [1, 2, 0, 3, 4])
    let own = all[layer]
    let front = [size(q, 0), tokens, groups, width]
    let keys = concat(broadcast(own[0], front), k, over: 1)
    let values = concat(broadcast(own[1], front), v, over: 1)
    base(q, keys, values, segments, prefix: tokens)
  }

  peft {
    peft_type: "PREFIX_TUNING"
    num_virtual_tokens: tokens
    num_layers: layers
    num_attention_heads: groups
    token_dim: groups * width
    num_transformer_submodules: 1
    prefix_projection: false
  }
}
