// The configs of published models: each is elaborated at its full size, and has as many parameters as its makers say.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";

const recipe = `recipe published {
  model "base" { weights: bf16 }
  adapter lora { rank: 16, alpha: 32, on: [all_linear] }
  data "rows.jsonl" { format: text, length: 2048 }
  batch 1
  checkpoint every 2
  optimizer adamw { rate: 1e-4 }
  training 100 steps
}`;

function reading(name: string): (path: string) => string | undefined {
  const config = readFileSync(new URL(`../../fixtures/configs/${name}.json`, import.meta.url), "utf8");
  return (path) => (path.endsWith("config.json") ? config : undefined);
}

test.each([
  ["llama-2-7b", 6_738_415_616],
  ["llama-3.1-8b", 8_030_261_248],
  ["mistral-7b-v0.1", 7_241_732_096],
  ["mistral-7b-v0.3", 7_248_023_552],
  ["qwen3-0.6b", 596_049_920],
  ["gemma-2b", 2_506_172_416],
  ["gemma-2-2b", 2_614_341_888],
  ["phi-3-mini-4k", 3_821_079_552],
  ["phi-3-mini-128k", 3_821_079_552],
])("%s", (name, parameters) => {
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, reading(name));
  expect(diagnostics).toEqual([]);
  if (input === undefined) throw new Error("no input");
  const { elaborated, diagnostics: found } = elaborate(input);
  expect(found).toEqual([]);
  expect((elaborated?.parameters.total ?? 0) - (elaborated?.parameters.trainable ?? 0)).toBe(parameters);
});

test("a model of two kinds of layers is planned at its full size", () => {
  const { plan, diagnostics } = compile(recipe, {
    path: "recipe.ftl",
    read: reading("gemma-2-2b"),
    profile: desktop,
  });
  expect(diagnostics).toEqual([]);
  expect(plan?.peakBytes).toBeGreaterThan(2_614_341_888 * 2);
});
