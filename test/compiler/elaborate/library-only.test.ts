// What a model, adapter, optimizer or schedule is stands in `stdlib/` alone: the compiler names none, and a file beside a recipe can
// add one without any TypeScript.
import { readdirSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { libraryIndex } from "../../../compiler/language/resolve.ts";

const compiler = fileURLToPath(new URL("../../../compiler", import.meta.url));
const folders = ["elaborate", "ir", "ops", "passes", "kernels", "plan", "verify", "profile"];

test("no model, adapter, optimizer or schedule is named in the compiler", () => {
  const kinds = ["architecture", "adapter", "optimizer", "schedule"] as const;
  const names = kinds.flatMap((kind) => [...(libraryIndex.get(kind)?.keys() ?? [])]);
  expect(names).toEqual(expect.arrayContaining(["llama", "qwen2", "lora", "adamw", "sgd", "cosine"]));
  // "linear" and "constant" are also words of their own: a module and an operation.
  const telling = names.filter((name) => name !== "linear" && name !== "constant");
  const files = folders.flatMap((folder) =>
    readdirSync(`${compiler}/${folder}`, { recursive: true, encoding: "utf8" }).map(
      (name) => `${folder}/${name}`,
    ),
  );
  const code = files.filter((name) => name.endsWith(".ts"));
  expect(code.length).toBeGreaterThan(50);
  const offending = code.flatMap((name) => {
    const withoutComments = readFileSync(`${compiler}/${name}`, "utf8").replaceAll(
      /\/\*[^]*?\*\/|\/\/.*/g,
      "",
    );
    return telling
      .filter((word) => new RegExp(`["'\`]${word}["'\`]`).test(withoutComments))
      .map((word) => `${name}: ${word}`);
  });
  expect(offending).toEqual([]);
});

const recipe = `import "own.ftl"
recipe own {
  model     "model" { train: all, init: random { seed: 1 } }
  data      "rows.jsonl" { format: tokens, length: 8 }
  batch     2
  optimizer signed { rate: 1e-3 }
  schedule  halving
  training  3 steps
}`;

const own = `import "stdlib/modules/embedding.ftl"
import "stdlib/modules/linear.ftl"
import "stdlib/functions/activations.ftl"

/// Words in a bag: no attention at all.
architecture bag(config) {
  let vocabulary = config.vocab_size
  embedding embed [vocabulary, config.width] at "embed"
  layer block[i in 0..<config.depth] at "blocks.{i}" {
    linear mix [config.width -> config.width] at "mix"
    forward(x: [rows, tokens, config.width]) { x + relu(mix(x)) }
  }
  forward(x: [rows, tokens, config.width], positions: [rows, tokens], segments: [rows, tokens]) { block(x) }
  logits(x: [n, config.width]) -> [n, vocabulary] { x @ embed.W.T }
}

/// The direction of the gradient only.
optimizer signed(rate: number) {
  update(w, g, s) { w = w - rate * sign(g) }
}

/// Halves the rate every step.
schedule halving() {
  factor(step, total) { 0.5 ^ step }
}
`;

test("an architecture, an optimizer and a schedule of one's own are one .ftl file", () => {
  const files = new Map([
    ["own.ftl", own],
    ["model/config.json", JSON.stringify({ model_type: "bag", vocab_size: 11, width: 4, depth: 3 })],
  ]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  expect(diagnostics).toEqual([]);
  if (input === undefined) throw new Error("the recipe did not check");
  const { elaborated, diagnostics: mistakes } = elaborate(input);
  expect(mistakes).toEqual([]);
  expect(elaborated?.parameters).toEqual({ total: 11 * 4 + 3 * 16, trainable: 11 * 4 + 3 * 16 });
  const names = elaborated?.module.variables.map(({ name }) => name);
  expect(names).toContain("blocks.{i}.mix.weight");
  expect(elaborated?.module.programs.map(({ name }) => name)).toEqual([
    "micro",
    "update",
    "evaluate",
    "initialize",
  ]);
});
