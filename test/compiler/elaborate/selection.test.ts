// Which parameters train by `model.train`: by patterns of names, in single layers too; and a pattern that selects nothing.
import { expect, test } from "vitest";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";

const config = {
  model_type: "roberta",
  vocab_size: 11,
  hidden_size: 8,
  num_attention_heads: 2,
  num_hidden_layers: 4,
  intermediate_size: 12,
  max_position_embeddings: 20,
  type_vocab_size: 1,
  pad_token_id: 1,
  hidden_act: "gelu",
};

function made(train: string): Elaborated | string {
  const text = `recipe own {
  model     "model" { train: ${train} }
  head      classify { labels: 3 }
  data      "rows.jsonl" { format: label, length: 8 }
  batch     2
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;
  const front = readRecipe({ path: "recipe.ftl", text }, (path) =>
    path === "model/config.json" ? JSON.stringify(config) : undefined,
  );
  if (front.input === undefined) return renderText(front.diagnostics);
  const { elaborated, diagnostics } = elaborate(front.input);
  return elaborated ?? renderText(diagnostics);
}

/** What is written of the model, by the checkpoint's names. */
function trained(train: string): string[] {
  const found = made(train);
  if (typeof found === "string") throw new Error(found);
  expect(found.trained.map(({ weight }) => weight).toSorted()).toEqual(
    found.model.map(({ variable }) => variable).toSorted(),
  );
  return found.model.flatMap(({ keys }) => keys).toSorted();
}

test("the biases alone (BitFit, Ben Zaken et al., 2022), written by their names", () => {
  const names = trained('["*.bias"]');
  expect(names).toHaveLength(1 + 4 * 8 + 2);
  expect(names.every((name) => name.endsWith(".bias"))).toBe(true);
  expect(names).toContain("roberta.encoder.layer.3.output.LayerNorm.bias");
});

test("single layers, where the others stay", () => {
  const names = trained('["layer.1", "layer.3.intermediate"]');
  expect(names.filter((name) => name.includes("layer.1."))).toHaveLength(16);
  expect(names.filter((name) => name.includes("layer.3."))).toEqual(
    ["bias", "weight"].map((name) => `roberta.encoder.layer.3.intermediate.dense.${name}`),
  );
  expect(names).toHaveLength(18);
});

test("the head alone", () => {
  expect(trained('["classifier"]')).toEqual(
    ["dense.bias", "dense.weight", "out_proj.bias", "out_proj.weight"].map((name) => `classifier.${name}`),
  );
});

test("a pattern that selects nothing is a mistake", () => {
  expect(made('["*.bias", "lm_head", "score*"]')).toMatchSnapshot();
});
