// Texts written word by word, on the library's decoders and with adapters that put something in front, in float64: the scores after each
// word are those that the whole row has there, whatever pieces it came in.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { filled } from "../parity/reference.ts";

interface Made extends Elaborated {
  readonly variables: ReadonlyMap<string, Tensor>;
}

function made(model: string, what: string, length: number, more: object = {}, format = "tokens"): Made {
  const text = `recipe generating {
    model     "model" { train: ${what.startsWith("adapter") ? "none" : "all"}, init: random { seed: 3 } }
    ${what}
    data      "rows.jsonl" { format: ${format}, length: ${length} }
    batch     1
    optimizer sgd { rate: 0.1 }
    training  3 steps
  }`;
  const path = new URL(`../../fixtures/reference/models/${model}/base/config.json`, import.meta.url);
  const config = { ...(JSON.parse(readFileSync(path, "utf8")) as object), ...more };
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (name) =>
    name === "model/config.json" ? JSON.stringify(config) : undefined,
  );
  const found = input === undefined ? undefined : elaborate({ ...input, purposes: ["score", "generate"] });
  if (found?.elaborated === undefined)
    throw new Error([...diagnostics, ...(found?.diagnostics ?? [])].map(({ message }) => message).join("\n"));
  const { elaborated } = found;
  const spread = elaborated.module.variables.flatMap(({ name, kind, shape }, at): [string, Tensor][] => {
    if (kind !== "weights" && kind !== "adapter") return [];
    const value = (_: unknown, index: number): number =>
      (((index + 1) * 0.618034 + at * 0.414214) % 1) - 0.5 + (name.includes("norm") ? 1 : 0);
    return [[name, { shape, data: Float64Array.from({ length: sizeOf(shape) }, value) }]];
  });
  return {
    ...elaborated,
    variables: new Map([...filled(elaborated.module, new Map(), new Map()), ...spread]),
  };
}

const wholes = (values: readonly number[], shape: readonly number[] = [1, values.length]): Tensor => ({
  shape,
  data: Float64Array.from(values),
});

/** Scores after every word, from the whole row. */
function atOnce({ module, variables }: Made, ids: readonly number[]): Float64Array {
  const given = new Map([
    ...variables,
    ["ids", wholes(ids)] as const,
    ["positions", wholes(ids.map((_, at) => at))] as const,
    ["segments", wholes(ids.map(() => 1))] as const,
  ]);
  return evaluateProgram(module, "logits", given).get("logits")?.data ?? new Float64Array();
}

/** Scores after the words from the `prompt`-th on, from pieces and then word by word. */
function wordByWord(
  { module, variables, generating }: Made,
  ids: readonly number[],
  prompt: number,
): number[] {
  const { piece = 0, inFront = 0 } = generating ?? {};
  const state = new Map(variables);
  const run = (program: string, given: Readonly<Record<string, Tensor>>): void => {
    for (const [name, tensor] of Object.entries(given)) state.set(name, tensor);
    for (const [name, tensor] of evaluateProgram(module, program, state)) state.set(name, tensor);
  };
  const before = ids.slice(0, prompt - 1);
  // What stands behind the words of a piece must not matter.
  const filler = Array.from({ length: piece }, (_, at) => 1 + (at % 5));
  const pieces = Math.max(inFront > 0 ? 1 : 0, Math.ceil(before.length / piece));
  for (let at = 0; at < pieces * piece; at += piece) {
    const words = [...before.slice(at, at + piece), ...filler].slice(0, piece);
    const given = { piece: wholes(words), begun: wholes([inFront + at], []) };
    run(at === 0 && inFront > 0 ? "begin" : "prefill", given);
  }
  const scores: number[] = [];
  for (let at = prompt - 1; at < ids.length; at += 1) {
    run("decode", { word: wholes([ids[at] ?? 0]), begun: wholes([inFront + at], []) });
    scores.push(...(state.get("next")?.data ?? []));
  }
  return scores;
}

function agree(what: Made, length: number, prompt: number): void {
  const ids = Array.from({ length }, (_, at) => 1 + ((at * 7) % 23));
  const whole = atOnce(what, ids);
  const words = whole.length / length;
  const wanted = whole.subarray((prompt - 1) * words);
  const found = wordByWord(what, ids, prompt);
  expect(found.length).toBe(wanted.length);
  const apart = found.reduce((most, value, at) => Math.max(most, Math.abs(value - (wanted[at] ?? NaN))), 0);
  expect(apart).toBeLessThan(1e-9);
}

const models = [
  "llama",
  "llama-dynamic-rope",
  "llama-yarn",
  "qwen2",
  "qwen3",
  "mistral",
  "gemma",
  "gemma2",
  "phi3",
  "phi3-longrope",
  "gpt2",
  "gpt-neox",
  "falcon-7b-style",
  "falcon-40b-style",
  "opt",
];

describe.each(models)("%s", (model) => {
  test("the base", () => agree(made(model, "", 11), 11, 5));
  test.each([
    "adapter prefix_tuning { tokens: 3 }",
    "adapter prompt_tuning { tokens: 4 }",
    "adapter lora { rank: 2 }",
  ])("%s", (adapter) => agree(made(model, adapter, 9), 9, 4));
});

test("rows in front of the model and of its attention together, and a prompt of one word", () => {
  const adapters = "adapter prompt_tuning { tokens: 4 }\n adapter prefix_tuning { tokens: 3 }";
  agree(made("gpt2", adapters, 9), 9, 4);
  agree(made("llama", adapters, 6), 6, 1);
  agree(made("opt", "adapter llama_adapter { tokens: 3, last: 1 }", 8), 8, 3);
});

test("a window that is shorter than the text", () => {
  agree(made("mistral", "", 12, { sliding_window: 4 }), 12, 7);
  agree(made("gemma2", "adapter prefix_tuning { tokens: 2 }", 12, { sliding_window: 3 }), 12, 7);
});

test("several pieces, the last not full", { timeout: 60_000 }, () => {
  const what = made("llama", "adapter prompt_tuning { tokens: 4 }", 150);
  expect(what.generating).toEqual({ piece: 128, inFront: 4 });
  agree(what, 150, 147);
});

test("a head without a next word is refused", () => {
  expect(() => made("llama", "head classify { labels: 3 }", 9, {}, "label")).toThrow(
    "head 'classify' does not say which word comes next",
  );
});
