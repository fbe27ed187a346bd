// A plan holds what its purposes need and no more, and begins with what training left where it is told to.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { compile, compileStages, type Compilation, type CompileOptions } from "../../../compiler/compile.ts";
import type { Plan } from "../../../compiler/plan/plan.ts";
import { lora, recipe } from "../plan/recipes.ts";

const folder = new URL("../../fixtures/reference/models/llama/", import.meta.url);
const options = {
  path: new URL("recipe.ftl", folder).pathname,
  read: (path: string): string | undefined =>
    path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined,
};

function planned(
  text: string,
  more: Partial<CompileOptions>,
): { plan: Plan; settings: Compilation["settings"] } {
  const { plan, settings, diagnostics } = compile(text, { ...options, ...more });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { plan, settings };
}

const kinds = (plan: Plan): ReadonlySet<string> => new Set(plan.variables.map(({ kind }) => kind));

test("a plan to evaluate has no gradients, no optimizer state, and a lower peak", () => {
  const { plan: all } = planned(recipe(lora), {});
  const { plan } = planned(recipe(lora), { purposes: ["evaluate"] });
  expect(plan.programs.map(({ name }) => name)).toEqual(["evaluate", "initialize"]);
  expect(plan.step).toEqual([]);
  expect([...kinds(plan)].toSorted()).toEqual(["adapter", "constants", "io", "weights"]);
  expect([...kinds(all)]).toEqual(expect.arrayContaining(["gradients", "optimizer"]));
  expect(plan.peakBytes).toBeLessThan(all.peakBytes);
});

test("what training left is what is run: adapters from folders, or none, or another model", () => {
  const stored = planned(recipe(lora), {
    purposes: ["evaluate"],
    tuned: { adapters: new Map([["lora", "/out/adapter"]]) },
  });
  expect(stored.plan.programs.map(({ name }) => name)).toEqual(["evaluate"]);
  const own = stored.plan.variables.filter(({ kind }) => kind === "adapter");
  expect(own.length).toBeGreaterThan(0);
  expect(own.every(({ initial }) => initial.from === "adapter")).toBe(true);
  expect(stored.settings?.adapters[0]?.start?.value).toBe("/out/adapter");

  const none = planned(recipe(lora), { purposes: ["evaluate"], tuned: { adapters: new Map() } });
  expect(kinds(none.plan).has("adapter")).toBe(false);

  const model = new URL("base", folder).pathname;
  const random = planned(recipe("", " { init: random { seed: 1 }, train: all }"), {
    purposes: ["evaluate"],
    tuned: { model, adapters: new Map() },
  });
  const weights = random.plan.variables.filter(({ kind }) => kind === "weights");
  expect(weights.every(({ initial }) => initial.from === "checkpoint")).toBe(true);
});

test("of stages the last is run", () => {
  const text = recipe(`${lora}\n  output "out"\n  stage first {}\n  stage second { training: 2 steps }`);
  const compiled = compileStages(text, {
    ...options,
    purposes: ["evaluate"],
    tuned: { adapters: new Map([["lora", "/out/second/adapter"]]) },
  });
  expect(compiled.map(({ stage }) => stage)).toEqual(["second"]);
});
