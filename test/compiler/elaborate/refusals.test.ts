// What a definition refuses of a config, and the places that are shown: what config.json or the recipe says, then the condition.
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import type { Diagnostic } from "../../../grammar/diagnostic.ts";
import { textOf, type Span } from "../../../grammar/source.ts";

const recipe = `recipe refused {
  model     "model" { train: all }
  data      "rows.jsonl" { format: tokens, length: 64 }
  batch     2
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;

const gpt2 = { model_type: "gpt2", vocab_size: 11, n_positions: 64, n_embd: 8, n_layer: 2, n_head: 2 };
const falcon = {
  model_type: "falcon",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
};
const opt = {
  model_type: "opt",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 1,
  num_attention_heads: 2,
  ffn_dim: 16,
  max_position_embeddings: 64,
};
const llama = {
  model_type: "llama",
  vocab_size: 11,
  hidden_size: 8,
  num_hidden_layers: 2,
  num_attention_heads: 2,
  num_key_value_heads: 1,
  head_dim: 4,
  intermediate_size: 16,
  rms_norm_eps: 1e-6,
  hidden_act: "silu",
};
const mistral = { ...llama, model_type: "mistral" };
const qwen2 = { ...llama, model_type: "qwen2" };
const qwen3 = { ...llama, model_type: "qwen3" };
const gemma = { ...llama, model_type: "gemma", hidden_act: "gelu_pytorch_tanh" };
const gemma2 = {
  ...gemma,
  model_type: "gemma2",
  hidden_activation: "gelu_pytorch_tanh",
  query_pre_attn_scalar: 4,
};
const phi3 = { ...llama, model_type: "phi3", max_position_embeddings: 64 };

interface Case {
  readonly config: object;
  readonly message: string;
  /** The places as "file: text"; of the library's only the file. */
  readonly places: readonly string[];
}

const cases: Readonly<Record<string, Case>> = {
  "gpt2: rows longer than its positions": {
    config: { ...gpt2, n_positions: 32 },
    message: "FTL0721 rows have 64 positions, and the model has learned 32 (n_positions)",
    places: ["recipe.ftl: 64", "model/config.json: 32", "stdlib/architectures/gpt2.ftl"],
  },
  "gpt2: attention to an encoder": {
    config: { ...gpt2, add_cross_attention: true },
    message: "FTL0721 attention to an encoder (add_cross_attention) is not supported",
    places: ["model/config.json: true", "stdlib/architectures/gpt2.ftl"],
  },
  "gpt2: an activation that nobody knows": {
    config: { ...gpt2, activation_function: "swash" },
    message: 'FTL0722 "swash" is not supported here; silu,',
    places: ['model/config.json: "swash"', "stdlib/functions/activations.ftl"],
  },
  "falcon: alibi": {
    config: { ...falcon, alibi: true },
    message: "FTL0721 attention biased by distance (alibi) is not supported",
    places: ["model/config.json: true", "stdlib/architectures/falcon.ftl"],
  },
  "falcon: the new style without its parallel sides": {
    config: { ...falcon, new_decoder_architecture: true, parallel_attn: false },
    message: "FTL0721 new_decoder_architecture without parallel_attn is not supported",
    places: ["model/config.json: false", "model/config.json: true", "stdlib/architectures/falcon.ftl"],
  },
  "opt: rows longer than its positions": {
    config: { ...opt, max_position_embeddings: 63 },
    message: "FTL0721 rows have 64 positions, and the model has learned 63 (max_position_embeddings)",
    places: ["recipe.ftl: 64", "model/config.json: 63", "stdlib/architectures/opt.ftl"],
  },
  "opt: norms without weights": {
    config: { ...opt, layer_norm_elementwise_affine: false },
    message: "FTL0721 norms without weights (layer_norm_elementwise_affine) are not supported",
    places: ["model/config.json: false", "stdlib/architectures/opt.ftl"],
  },
  "llama: positions stretched in a way that nobody knows": {
    config: { ...llama, rope_scaling: { rope_type: "spiral", factor: 2 } },
    message: 'FTL0722 "spiral" is not supported here; default, linear, dynamic, llama3, yarn,',
    places: ['model/config.json: "spiral"', "stdlib/functions/rotary.ftl"],
  },
  "llama: positions of their own for each kind of layer": {
    config: {
      ...llama,
      rope_parameters: { full_attention: { rope_theta: 1e6 }, sliding_attention: { rope_theta: 1e4 } },
    },
    message: "FTL0721 rotary positions of their own for each kind of layer are not supported",
    places: ["stdlib/functions/rotary.ftl"],
  },
  "gemma: attention to both sides": {
    config: { ...gemma, use_bidirectional_attention: true },
    message: "FTL0721 attention to both sides (use_bidirectional_attention) is not supported",
    places: ["model/config.json: true", "stdlib/architectures/gemma.ftl"],
  },
  "gemma: two activations": {
    config: { ...gemma, hidden_activation: "gelu" },
    message: "FTL0721 a hidden_activation other than hidden_act is not supported",
    places: [
      'model/config.json: "gelu"',
      'model/config.json: "gelu_pytorch_tanh"',
      'model/config.json: "gelu_pytorch_tanh"',
      "stdlib/architectures/gemma.ftl",
    ],
  },
  "gemma2: a kind of layer that nobody knows": {
    config: { ...gemma2, layer_types: ["full_attention", "chunked_attention"] },
    message: 'FTL0722 "chunked_attention" is not supported here; sliding_attention, full_attention are',
    places: ['model/config.json: "chunked_attention"', "stdlib/functions/attention.ftl"],
  },
  "phi3: positions stretched in another way": {
    config: { ...phi3, rope_scaling: { type: "yarn", factor: 2 } },
    message: "FTL0721 phi3 stretches its positions by longrope only",
    places: ['model/config.json: "yarn"', "stdlib/architectures/phi3.ftl"],
  },
};

function found(config: object): readonly Diagnostic[] {
  const files = new Map([["model/config.json", JSON.stringify(config, null, 2)]]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  return input === undefined ? diagnostics : elaborate(input).diagnostics;
}

function shown(span: Span): string {
  const { path } = span.source;
  return path.startsWith("stdlib/") ? path : `${path}: ${textOf(span)}`;
}

test.each(Object.entries(cases))("%s", (_, { config, message, places }) => {
  const [first, ...others] = found(config);
  expect(others).toEqual([]);
  expect(`${first?.code} ${first?.message}`.startsWith(message)).toBe(true);
  const spans = first === undefined ? [] : [first.span, ...first.related.map(({ span }) => span)];
  expect(spans.map(shown)).toEqual(places);
});

test("what stands beside them in the configs is fine", () => {
  for (const config of [gpt2, falcon, opt, llama, mistral, qwen2, qwen3, gemma, gemma2, phi3])
    expect(found(config)).toEqual([]);
});
