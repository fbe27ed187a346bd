import "../functions/activations.ftl"
import "../modules/attention.ftl"
import "../modules/embedding.ftl"
import "../modules/linear.ftl"
import "../modules/norms.ftl"
import "../modules/sublayer.ftl"

/// RoBERTa (Liu et al., 2019): BERT's encoder, in which every position sees the whole text. Normalization follows each sum. Use it with
/// `head masked` or `head classify`.
architecture roberta(config) {
  example {
    vocab_size: 64
    hidden_size: 16
    num_attention_heads: 2
    num_hidden_layers: 2
    intermediate_size: 32
    max_position_embeddings: 514
    type_vocab_size: 1
    pad_token_id: 1
    layer_norm_eps: 1e-5
    hidden_act: "gelu"
  }
  expect (config.hidden_dropout_prob ?? 0) == 0,
    "the dropout of pretraining (hidden_dropout_prob) is left out"
  expect (config.attention_probs_dropout_prob ?? 0) == 0,
    "the dropout of pretraining (attention_probs_dropout_prob) is left out"
  require (config.position_embedding_type ?? "absolute") == "absolute",
    "position_embedding_type {config.position_embedding_type} is not supported; absolute is"
  require not (config.is_decoder ?? false), "roberta as a decoder (is_decoder) is not supported"
  require not (config.add_cross_attention ?? false),
    "attention to another text (add_cross_attention) is not supported"
  require config.tie_word_embeddings ?? true,
    "words are scored by their embeddings; tie_word_embeddings: false is not supported"
  require length < config.max_position_embeddings - config.pad_token_id,
    "rows of {length} positions are longer than the model's {config.max_position_embeddings - config.pad_token_id - 1}"
  let hidden = config.hidden_size
  let heads = config.num_attention_heads
  let width = hidden / heads
  let eps = config.layer_norm_eps ?? 1e-12
  let vocabulary = config.vocab_size
  /// Positions see those after them too.
  let causal = false

  embedding embed [vocabulary, hidden] at "roberta.embeddings.word_embeddings"
  embedding place [config.max_position_embeddings, hidden] at "roberta.embeddings.position_embeddings"
  embedding kind [config.type_vocab_size, hidden] at "roberta.embeddings.token_type_embeddings"
  layernorm before [hidden] at "roberta.embeddings.LayerNorm" { eps: eps }

  layer block[i in 0..<config.num_hidden_layers] at "roberta.encoder.layer.{i}" {
    linear query [hidden -> hidden] at "attention.self.query" as attention { bias: true }
    linear key [hidden -> hidden] at "attention.self.key" as attention { bias: true }
    linear value [hidden -> hidden] at "attention.self.value" as attention { bias: true }
    linear output [hidden -> hidden] at "attention.output.dense" as attention { bias: true }
    attention attend [heads, heads, width] at "attention.self" { causal: causal, project: x => project(x) }
    sublayer attended [hidden] at "attention" as attention
    layernorm after_attention [hidden] at "attention.output.LayerNorm" { eps: eps }

    linear up [hidden -> config.intermediate_size] at "intermediate.dense" as mlp { bias: true }
    linear down [config.intermediate_size -> hidden] at "output.dense" as mlp { bias: true }
    sublayer fed [hidden] at "output" as mlp
    layernorm after_mlp [hidden] at "output.LayerNorm" { eps: eps }

    forward(x: [rows, tokens, hidden], segments: [rows, tokens]) {
      let q = reshape(query(x), [rows, tokens, heads, width])
      let (k, v) = project(x)
      let mixed = output(reshape(attend(q, k, v, segments), [rows, tokens, hidden]))
      let h = after_attention(x + attended(x, mixed))
      after_mlp(h + fed(h, down(activation(config.hidden_act, up(h)))))
    }

    project(x: [rows, tokens, hidden]) {
      (reshape(key(x), [rows, tokens, heads, width]), reshape(value(x), [rows, tokens, heads, width]))
    }
  }

  /// From embedded words to the hidden states of the last layer. Positions count from the one after padding's.
  forward(x: [rows, tokens, hidden], positions: [rows, tokens], segments: [rows, tokens]) {
    let placed = x + place(positions + config.pad_token_id + 1) + kind.W[0]
    block(before(placed), segments)
  }

  linear dense [hidden -> hidden] at "lm_head.dense" as head { bias: true }
  layernorm scaled [hidden] at "lm_head.layer_norm" { eps: eps }
  weight b [vocabulary] at "lm_head.bias" = 0

  /// The score of every word of the vocabulary at a position.
  logits(x: [n, hidden]) -> [n, vocabulary] { scaled(gelu(dense(x))) @ embed.W.T + b }

  if task.name == "classify" {
    linear pooled [hidden -> hidden] at "classifier.dense" as head { bias: true }
    linear chosen [hidden -> task.labels] at "classifier.out_proj" as head { bias: true }

    /// The score of every class, from the first position of each row.
    classify(x: [rows, tokens, hidden]) -> [rows, task.labels] { chosen(tanh(pooled(x[0..<rows, 0]))) }
  }
}
