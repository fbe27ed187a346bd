// Documentation that is found in the library's own text holds against the compiler: examples compile, fields of a config.json are those
// that an architecture asks for, papers and parameters are read as they are written.
import { describe, expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import type { Meaning, RecordMeaning } from "../../../compiler/elaborate/meaning.ts";
import { exampleModel } from "../../../compiler/docs/example-recipe.ts";
import { papersIn, type Page } from "../../../compiler/docs/page.ts";
import { libraryPages, summaryOf } from "../../../compiler/docs/pages.ts";
import { readRecipe } from "../../../compiler/front.ts";

const pages = libraryPages();
const architectures = pages.filter(({ kind }) => kind === "architecture");

/** What elaborating a recipe with a config finds wrong; `watch` is told the fields that are asked for. */
function mistakes(recipe: string, config: object, watch?: (field: string) => void): string[] {
  const files = new Map([[`${exampleModel}/config.json`, JSON.stringify(config)]]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  if (input === undefined) return diagnostics.map(({ message }) => message);
  const watched = watch === undefined ? input.config : watching(input.config, watch);
  return elaborate({ ...input, config: watched }).diagnostics.map(({ message }) => message);
}

/** The record, telling which of its fields are asked for. */
function watching(record: RecordMeaning, watch: (field: string) => void): RecordMeaning {
  const fields: ReadonlyMap<string, Meaning> = new (class extends Map<string, Meaning> {
    override get(name: string): Meaning | undefined {
      watch(name);
      return super.get(name);
    }
  })(record.fields);
  return { ...record, fields };
}

const withExample = pages.filter((page): page is Page & { example: string } => page.example !== undefined);

/** What is wrong with a recipe and the first of the configs that has nothing wrong with it, or the last. */
function withOneOf(recipes: readonly string[], configs: readonly object[]): string[] {
  let found: string[] = ["nothing to try"];
  for (const recipe of recipes)
    for (const config of configs) {
      found = mistakes(recipe, config);
      if (found.length === 0) return found;
    }
  return found;
}

/** One that predicts words, and one that reads whole texts. */
const configs = ["llama", "roberta"].map(
  (name) => architectures.find((page) => page.name === name)?.config?.example ?? {},
);

test.each(withExample)("the example of $kind $name compiles", ({ example }) => {
  expect(withOneOf([example], configs)).toEqual([]);
});

const heads = withExample.filter(({ kind }) => kind === "task");

describe.each(architectures)("architecture $name", ({ config }) => {
  const example: Readonly<Record<string, unknown>> = config?.example ?? {};
  const asked = new Set<string>();
  const short = heads.map((page) => page.example.replace("length: 512", "length: 8"));
  /** The recipe of a head that the architecture has. */
  const small = (): string => short.find((recipe) => mistakes(recipe, example).length === 0) ?? "";

  test("its example is a config that it takes, and reads what its page says", () => {
    expect(mistakes(small(), example, (field) => asked.add(field))).toEqual([]);
    const said = new Set((config?.fields ?? []).map(({ name }) => name.split(".")[0]));
    // The storage of frozen weights is the compiler's question, not the architecture's.
    const own = [...asked].filter((field) => !["dtype", "torch_dtype"].includes(field));
    expect(own.filter((field) => !said.has(field))).toEqual([]);
  });

  test("it needs the fields that its page says it needs, and no others", () => {
    const recipe = small();
    for (const { name } of (config?.fields ?? []).filter((field) => field.needed)) {
      expect(example, `it needs ${name}`).toHaveProperty(name);
      const { [name]: _, ...rest } = example;
      expect(mistakes(recipe, rest), `without ${name}`).not.toEqual([]);
    }
  });
});

test("papers are those with a year", () => {
  expect(
    papersIn(
      "A (Hu et al., 2021; Le and Ma, 2022) b (see below) c (in 2020), d (Loshchilov and\nHutter, 2019).",
    ),
  ).toEqual(["Hu et al., 2021", "Le and Ma, 2022", "Loshchilov and Hutter, 2019"]);
});

test("the first sentence ends at its point", () => {
  const page = (text: string): Page => ({ ...(pages[0] as Page), text });
  expect(summaryOf(page("One (Hu et al. 2021) of e.g. two. Then three."))).toBe(
    "One (Hu et al. 2021) of e.g. two.",
  );
  expect(summaryOf(page("No point"))).toBe("No point");
});
