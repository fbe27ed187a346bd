// No text may crash or hang the checks: recipes and definitions with words replaced, left out and doubled, and deep or long ones.
import fc from "fast-check";
import { expect, test } from "vitest";
import { checkDefinitions } from "../../../compiler/language/names.ts";
import { checkRecipe } from "../../../compiler/language/recipe.ts";
import { resolve } from "../../../compiler/language/resolve.ts";
import { applySetting } from "../../../compiler/language/set.ts";
import { library } from "../../../compiler/library.gen.ts";
import { fixture, render } from "./support.ts";

function checkAll(text: string, path = "fuzz.ftl"): string {
  const { scope, diagnostics } = resolve({ path, text }, () => undefined);
  const recipes = scope.root.recipes.flatMap((recipe) => {
    const { diagnostics, planned } = checkRecipe(recipe, scope);
    return [...diagnostics, ...planned];
  });
  return render([...diagnostics, ...checkDefinitions(scope), ...recipes]);
}

const seeds = [
  fixture("recipes/qdylora.ftl"),
  fixture("recipes/gpt2-full.ftl"),
  library.get("stdlib/optimizers/adafactor.ftl") ?? "",
  `recipe r { model "m", adapter lora as a { rank: 4 }, sweep { a.rank: [1, 2] }, stage s { batch: 4 }, devices 4 { data: 2 } }`,
  library.get("stdlib/architectures/llama.ftl") ?? "",
  library.get("stdlib/architectures/gpt_neox.ftl") ?? "",
];
const pieces = seeds.map((text) => text.match(/\w+|\s+|./gs) ?? []);
const words = [
  ...new Set(pieces.flat()),
  "__proto__",
  "constructor",
  "1e999",
  "-",
  "{ }",
  '"{x}"',
  "0..<",
  "9007199254740993",
];

test("mutated texts are checked without a crash", () => {
  const edit = fc.record({
    at: fc.nat(),
    remove: fc.nat(3),
    insert: fc.array(fc.constantFrom(...words), { maxLength: 3 }),
  });
  fc.assert(
    fc.property(fc.nat(seeds.length - 1), fc.array(edit, { minLength: 1, maxLength: 6 }), (seed, edits) => {
      const text = [...(pieces[seed] ?? [])];
      for (const { at, remove, insert } of edits) text.splice(at % (text.length + 1), remove, ...insert);
      checkAll(text.join(""));
    }),
    { numRuns: 300 },
  );
});

test("any setting is put in place or refused", () => {
  const { scope } = resolve({ path: "r.ftl", text: seeds[0] ?? "" }, () => undefined);
  const [recipe] = scope.root.recipes;
  if (recipe === undefined) throw new Error("no recipe");
  const part = fc.constantFrom(...words.filter((word) => /^\w+$/.test(word)));
  const path = fc.array(part, { minLength: 1, maxLength: 4 }).map((parts) => parts.join("."));
  fc.assert(
    fc.property(path, fc.array(fc.constantFrom(...words), { maxLength: 6 }), (path, value) => {
      const changed = applySetting(recipe, `${path}=${value.join(" ")}`);
      render([...changed.diagnostics, ...checkRecipe(changed.recipe, scope).diagnostics]);
    }),
    { numRuns: 300 },
  );
});

test("long and deep values", () => {
  const long = `batch ${"1 + ".repeat(20_000)}1`;
  const deep = `batch ${"(".repeat(5_000)}1${")".repeat(5_000)}`;
  const minus = `batch ${"-".repeat(20_000)}1`;
  const chained = `batch a${".b".repeat(20_000)}`;
  for (const line of [long, deep, minus, chained]) {
    expect(checkAll(`recipe r {\n  ${line}\n}`)).not.toBe("");
    expect(checkAll(`function f(x: [..]) {\n  ${line.slice(6)}\n}`)).toBeTypeOf("string");
  }
});
