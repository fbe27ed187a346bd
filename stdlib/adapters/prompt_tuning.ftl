/// Prompt tuning (Lester et al., 2021): trained rows stand in front of the embedded words of every row, of every document where
/// rows are packed. Nothing is learned at their positions; the row's own positions count from behind them.
adapter prompt_tuning(
  /// Trained rows, also called virtual tokens.
  tokens: number,
) on model {
  example { tokens: 20 }
  train prompts [tokens, base.hidden] at "prompt_embeddings" = normal(1)

  front() { tokens }

  forward(x, positions, segments) {
    // A row that has begun has them in front already.
    if continues() {
      base(x, positions, segments)
    } else {
      let front = [size(x, 0), tokens]
      let rows = broadcast(prompts, [size(x, 0), tokens, base.hidden])
      let states = base(
        concat(rows, x, over: 1),
        concat(broadcast(iota(tokens), front), positions, over: 1),
        concat(broadcast(segments[.., ..<1], front), segments, over: 1),
      )
      states[.., tokens.., ..]
    }
  }

  /// Every document begins with free positions, as many as there are prompts.
  packed(x, positions, segments) {
    let mine = positions < tokens
    let own = prompts[select(mine, positions, 0)]
    base(select(reshape(mine, [size(x, 0), size(x, 1), 1]), own, x), positions, segments)
  }

  peft {
    peft_type: "PROMPT_TUNING"
    num_virtual_tokens: tokens
    token_dim: base.hidden
    num_transformer_submodules: 1
    prompt_tuning_init: "RANDOM"
  }
}
