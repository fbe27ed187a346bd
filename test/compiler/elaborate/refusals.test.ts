// What a definition refuses of a config, shown where config.json says it. Refresh with `vitest -u`.
import { expect, test } from "vitest";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";

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

const cases: Readonly<Record<string, object>> = {
  "gpt2: rows longer than its positions": { ...gpt2, n_positions: 32 },
  "gpt2: attention to an encoder": { ...gpt2, add_cross_attention: true },
  "gpt2: an activation that nobody knows": { ...gpt2, activation_function: "swash" },
  "gpt2: dropout, of which it only warns": { ...gpt2, attn_pdrop: 0.1 },
  "falcon: alibi": { ...falcon, alibi: true },
  "falcon: the new style without its parallel sides": {
    ...falcon,
    new_decoder_architecture: true,
    parallel_attn: false,
  },
  "opt: rows longer than its positions": { ...opt, max_position_embeddings: 63 },
  "opt: norms without weights": { ...opt, layer_norm_elementwise_affine: false },
};

function found(config: object): string {
  const files = new Map([["model/config.json", JSON.stringify(config, null, 2)]]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  return renderText(input === undefined ? diagnostics : elaborate(input).diagnostics);
}

test.each(Object.keys(cases))("%s", (name) => {
  expect(found(cases[name] ?? {})).toMatchSnapshot();
});

test("a warning stops nothing", () => {
  const config = JSON.stringify({ ...gpt2, attn_pdrop: 0.1 });
  const read = (path: string): string | undefined => (path === "model/config.json" ? config : undefined);
  const { input } = readRecipe({ path: "recipe.ftl", text: recipe }, read);
  if (input === undefined) throw new Error("the recipe does not read");
  const { elaborated, diagnostics } = elaborate(input);
  expect(elaborated?.parameters.total).toBeGreaterThan(0);
  expect(diagnostics).toMatchObject([{ code: "FTL0727", severity: "warning" }]);
});

test("what stands beside them in the configs is fine", () => {
  for (const config of [gpt2, falcon, opt]) expect(found(config)).toBe("");
});
