// The styles that one architecture comes in: which tensors of one layer, and outside of layers, each config reads, as Transformers names
// and shapes them.
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";

const recipe = `recipe variant {
  model     "model"
  data      "rows.jsonl" { format: tokens, length: 16 }
  adapter   lora { rank: 2, on: [all_linear] }
  batch     1
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;

/** Tensors of layer 0 by their names there, those outside of layers, and the modules that `all_linear` means. */
function tensors(config: object): {
  readonly layer: readonly string[];
  readonly outside: readonly string[];
  readonly adapted: readonly string[];
} {
  const files = new Map([["model/config.json", JSON.stringify(config)]]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  const made = input === undefined ? { elaborated: undefined, diagnostics } : elaborate(input);
  expect(made.diagnostics).toEqual([]);
  const { module, adapters } = made.elaborated ?? {};
  const layer: string[] = [];
  const outside: string[] = [];
  for (const { initial, shape, stack } of module?.variables ?? []) {
    if (initial.from !== "checkpoint") continue;
    for (const name of initial.names) {
      const text = ` ${(stack ? shape.slice(1) : shape).join("x")}`;
      const [, index, own] = /\.(\d+)\.(.*)$/.exec(name) ?? [];
      if (own === undefined) outside.push(name + text);
      else if (index === "0") layer.push(own + text);
    }
  }
  const parts = (adapters?.[0]?.parts ?? []).map((path) => path.replace(/^.*\.\d+\./, ""));
  return { layer: layer.sort(), outside: outside.sort(), adapted: [...new Set(parts)].sort() };
}

const norm = (name: string): readonly string[] => [`${name}.bias 12`, `${name}.weight 12`];
const linear = (name: string, out: number, into: number, bias = true): readonly string[] =>
  bias ? [`${name}.bias ${out}`, `${name}.weight ${out}x${into}`] : [`${name}.weight ${out}x${into}`];
const sorted = (...names: readonly (readonly string[])[]): readonly string[] => names.flat().sort();

const falcon = {
  model_type: "falcon",
  vocab_size: 11,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 6,
};
const falconParts = [
  "mlp.dense_4h_to_h",
  "mlp.dense_h_to_4h",
  "self_attention.dense",
  "self_attention.query_key_value",
];

test("falcon as 7B: one key and value for all heads, one norm", () => {
  const { layer, outside, adapted } = tensors(falcon);
  expect(layer).toEqual(
    sorted(
      norm("input_layernorm"),
      linear("self_attention.query_key_value", (6 + 2) * 2, 12, false),
      linear("self_attention.dense", 12, 12, false),
      linear("mlp.dense_h_to_4h", 48, 12, false),
      linear("mlp.dense_4h_to_h", 12, 48, false),
    ),
  );
  expect(outside).toEqual(sorted(norm("transformer.ln_f"), ["transformer.word_embeddings.weight 11x12"]));
  expect(adapted).toEqual(falconParts);
});

test("falcon as 40B: grouped keys and values, two norms; the older spelling means the same", () => {
  const { layer } = tensors({ ...falcon, new_decoder_architecture: true, num_kv_heads: 3 });
  expect(layer).toEqual(
    sorted(
      norm("ln_attn"),
      norm("ln_mlp"),
      linear("self_attention.query_key_value", (6 + 2 * 3) * 2, 12, false),
      linear("self_attention.dense", 12, 12, false),
      linear("mlp.dense_h_to_4h", 48, 12, false),
      linear("mlp.dense_4h_to_h", 12, 48, false),
    ),
  );
  const { model_type, vocab_size, hidden_size } = falcon;
  const older = { model_type, vocab_size, hidden_size, n_layer: 2, n_head: 6, n_head_kv: 3 };
  expect(tensors(older).layer).toEqual(layer);
});

test("falcon one after the other, a key and value for each head, biases, a head of its own", () => {
  const { layer, outside, adapted } = tensors({
    ...falcon,
    multi_query: false,
    parallel_attn: false,
    bias: true,
    ffn_hidden_size: 20,
    tie_word_embeddings: false,
  });
  expect(layer).toEqual(
    sorted(
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      linear("self_attention.query_key_value", 36, 12),
      linear("self_attention.dense", 12, 12),
      linear("mlp.dense_h_to_4h", 20, 12),
      linear("mlp.dense_4h_to_h", 12, 20),
    ),
  );
  expect(outside).toContain("lm_head.weight 11x12");
  expect(adapted).toEqual(falconParts);
});

const opt = {
  model_type: "opt",
  vocab_size: 11,
  hidden_size: 12,
  num_hidden_layers: 2,
  num_attention_heads: 3,
  ffn_dim: 20,
  max_position_embeddings: 16,
};

test("opt as 350M: norms after each half, words narrower than the blocks, no last norm", () => {
  const { layer, outside, adapted } = tensors({
    ...opt,
    do_layer_norm_before: false,
    word_embed_proj_dim: 8,
  });
  expect(layer).toEqual(
    sorted(
      norm("self_attn_layer_norm"),
      norm("final_layer_norm"),
      ...["q_proj", "k_proj", "v_proj", "out_proj"].map((name) => linear(`self_attn.${name}`, 12, 12)),
      linear("fc1", 20, 12),
      linear("fc2", 12, 20),
    ),
  );
  expect(outside).toEqual([
    "model.decoder.embed_positions.weight 18x12",
    "model.decoder.embed_tokens.weight 11x8",
    "model.decoder.project_in.weight 12x8",
    "model.decoder.project_out.weight 8x12",
  ]);
  expect(adapted).toContain("model.decoder.project_in");
  expect(adapted).toContain("model.decoder.project_out");
});

test("opt without biases and with a head of its own, which adapters leave alone", () => {
  const { layer, outside, adapted } = tensors({ ...opt, enable_bias: false, tie_word_embeddings: false });
  expect(layer.filter((name) => name.includes("bias"))).toEqual([
    "final_layer_norm.bias 12",
    "self_attn_layer_norm.bias 12",
  ]);
  expect(outside).toEqual(
    sorted(norm("model.decoder.final_layer_norm"), [
      "lm_head.weight 11x12",
      "model.decoder.embed_positions.weight 18x12",
      "model.decoder.embed_tokens.weight 11x12",
    ]),
  );
  expect(adapted).not.toContain("lm_head");
});

test("gpt_neox without biases in attention, its embedding tied", () => {
  const { layer, outside } = tensors({
    model_type: "gpt_neox",
    vocab_size: 11,
    hidden_size: 12,
    num_hidden_layers: 2,
    num_attention_heads: 3,
    intermediate_size: 20,
    rotary_pct: 0.5,
    attention_bias: false,
    tie_word_embeddings: true,
  });
  expect(layer).toEqual(
    sorted(
      norm("input_layernorm"),
      norm("post_attention_layernorm"),
      linear("attention.query_key_value", 36, 12, false),
      linear("attention.dense", 12, 12, false),
      linear("mlp.dense_h_to_4h", 20, 12),
      linear("mlp.dense_4h_to_h", 12, 20),
    ),
  );
  expect(outside).toEqual(sorted(norm("gpt_neox.final_layer_norm"), ["gpt_neox.embed_in.weight 11x12"]));
});

test("gpt2 stores its weights [in, out]; layers whose scores are scaled by depth are no stack of one", () => {
  const { layer } = tensors({
    model_type: "gpt2",
    vocab_size: 11,
    n_positions: 16,
    n_embd: 12,
    n_layer: 2,
    n_head: 3,
    n_inner: null,
    scale_attn_by_inverse_layer_idx: true,
  });
  expect(layer).toEqual(
    sorted(
      norm("ln_1"),
      norm("ln_2"),
      ["attn.c_attn.bias 36", "attn.c_attn.weight 12x36", "attn.c_proj.bias 12", "attn.c_proj.weight 12x12"],
      ["mlp.c_fc.bias 48", "mlp.c_fc.weight 12x48", "mlp.c_proj.bias 12", "mlp.c_proj.weight 48x12"],
    ),
  );
});
