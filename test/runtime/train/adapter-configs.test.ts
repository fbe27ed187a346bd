// The config that is written for each adapter that PEFT has: what PEFT wrote for the same adapter, field by field; and PEFT's own
// folders are taken as what a recipe continues, without a warning.
import { join } from "node:path";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { openAdapter } from "../../../runtime/checkpoint/peft.ts";
import { checkAdapter } from "../../../runtime/train/adapters.ts";
import { adapterFields } from "../../../runtime/train/peft.ts";
import { fixtures } from "../checkpoint/files.ts";

const model = join(fixtures, "reference/models/llama/base");

const methods = [
  ["ia3", "ia3 { on: [k_proj, v_proj, down_proj]"],
  ["prompt-tuning", "prompt_tuning { tokens: 6"],
  ["prefix-tuning", "prefix_tuning { tokens: 6"],
  ["llama-adapter", "llama_adapter { tokens: 6"],
] as const;

test.each(methods)("%s", async (method, options) => {
  const text = `recipe configured {
    model     "${model}"
    adapter   ${options}, start: "adapter" }
    data      "rows.jsonl" { format: tokens, length: 8 }
    batch     1
    optimizer sgd { rate: 0.1 }
    training  1 steps
  }`;
  const { input } = readRecipe({ path: "recipe.ftl", text }, (path) => readFileSync(path, "utf8"));
  const facts = input === undefined ? undefined : elaborate(input).elaborated?.adapters[0];
  if (facts === undefined) throw new Error("the recipe does not elaborate");
  const { tensors } = await openCheckpoint(model);
  const modules = [...tensors.keys()].map((name) => name.replace(/\.weight$/, ""));
  const fields = adapterFields(facts, "base", modules);

  const adapter = await openAdapter(join(fixtures, "reference/methods", method, "adapter_final"));
  const sorted = (value: unknown): unknown => (Array.isArray(value) ? value.map(String).toSorted() : value);
  for (const [name, value] of fields) {
    // The path of the base model is the recipe's; a list that nothing is in may be left out.
    if (name === "base_model_name_or_path" || (value === null && !(name in adapter.values))) continue;
    expect(sorted(value), name).toEqual(sorted(adapter.values[name]));
  }
  const keys = facts.saved.flatMap((saved) => saved.keys);
  expect(keys.toSorted()).toEqual([...adapter.weights.tensors.keys()].sort());
  const { alias, parts } = facts;
  expect(checkAdapter({ alias, adapter, fields: facts.fields, parts }, keys)).toEqual([]);
});
