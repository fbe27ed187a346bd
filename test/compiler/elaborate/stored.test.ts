// A weight that the checkpoint stores in another order of axes than definitions name it: what it computes, what adapters see of it, and
// what `stored` may say.
import { expect, test } from "vitest";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate, type Elaboration } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";

const files = (mix: string): ReadonlyMap<string, string> =>
  new Map([
    ["model/config.json", JSON.stringify({ model_type: "bag", vocab_size: 5 })],
    [
      "own.ftl",
      `import "stdlib/modules/embedding.ftl"
import "stdlib/modules/linear.ftl"

architecture bag(config) {
  let vocabulary = config.vocab_size
  embedding embed [vocabulary, 3] at "embed"
  ${mix}
  forward(x: [rows, tokens, 3], positions: [rows, tokens], segments: [rows, tokens]) { mix(x) }
  logits(x: [n, 2]) -> [n, vocabulary] { concat(x, x, x[.., ..<1], over: -1) }
}

/// Doubles what the weight makes, by the weight itself.
adapter twice() on linear {
  train s [out] at "s" = 1
  forward(x, y) { y + s * (x @ base.W.T) }
}
`,
    ],
  ]);

function elaborated(mix: string, adapter = ""): Elaboration {
  const text = `import "own.ftl"
recipe own {
  model     "model"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  data      "rows.jsonl" { format: tokens, length: 4 }
  batch     1
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;
  const given = files(mix);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) => given.get(path));
  if (input === undefined) return { elaborated: undefined, diagnostics };
  return elaborate({ ...input, purposes: ["train", "evaluate", "score"] });
}

const table = Float64Array.from({ length: 15 }, (_, at) => Math.sin(at + 1));
const rowsOfOut = [1, -2, 3, 0.5, 4, -6];
const rowsOfIn = [1, 0.5, -2, 4, 3, -6];

/** Logits of four words with the weight given as the file has it. */
function logits(mix: string, weight: Tensor, adapter?: string): readonly number[] {
  const { elaborated: made, diagnostics } = elaborated(mix, adapter);
  expect(renderText(diagnostics)).toBe("");
  const module = made?.module;
  if (module === undefined) throw new Error("not elaborated");
  const stored = module.variables.find(({ name }) => name === "mix.weight");
  expect(stored?.shape).toEqual(weight.shape);
  const row = (values: readonly number[]): Tensor => ({ shape: [1, 4], data: Float64Array.from(values) });
  const result = evaluateProgram(
    module,
    "logits",
    new Map<string, Tensor>([
      ["ids", row([3, 0, 2, 2])],
      ["targets", row([0, 2, 2, -100])],
      ["positions", row([0, 1, 2, 3])],
      ["segments", row([1, 1, 1, 1])],
      ["embed.weight", { shape: [5, 3], data: table }],
      ["mix.weight", weight],
      ["twice.mix.s", { shape: [2], data: Float64Array.of(1, 1) }],
    ]),
  );
  return [...(result.get("logits")?.data ?? [])];
}

const plain = 'linear mix [3 -> 2] at "mix"';
const transposed = 'linear mix [3 -> 2] at "mix" { transposed: true }';
const outIn: Tensor = { shape: [2, 3], data: Float64Array.from(rowsOfOut) };
const inOut: Tensor = { shape: [3, 2], data: Float64Array.from(rowsOfIn) };

test("a linear layer stored [in, out] computes what one stored [out, in] does", () => {
  const wanted = logits(plain, outIn);
  expect(wanted.some((value) => Math.abs(value) > 1)).toBe(true);
  expect(logits(transposed, inOut)).toEqual(wanted);
});

test("an adapter sees the weight as [out, in] however it is stored", () => {
  const doubled = logits(plain, outIn).map((value) => 2 * value);
  expect(logits(plain, outIn, "adapter twice")).toEqual(doubled);
  expect(logits(transposed, inOut, "adapter twice")).toEqual(doubled);
});

test("stored lists the sizes of the weight", () => {
  const module = (stored: string): string => `weight W [2, 3] at "w" { stored: ${stored} }
  ${plain}`;
  expect(renderText(elaborated(module("[3, 4]")).diagnostics)).toMatchSnapshot();
});
