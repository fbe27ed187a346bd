// The adapters that are not low-rank on the library's decoders, three layers deep, with rows of odd length, in float64: the gradient of
// the loss along a direction is its slope there, and what must change nothing changes nothing.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Module } from "../../../compiler/ir/graph.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { keepAll } from "../../../compiler/passes/checkpoint.ts";
import { stages } from "../../../compiler/stages.ts";
import { filled } from "../parity/reference.ts";

const models = [
  "llama",
  "qwen2",
  "qwen3",
  "mistral",
  "gemma",
  "gemma2",
  "phi3",
  "gpt2",
  "gpt-neox",
  "falcon-7b-style",
  "falcon-40b-style",
  "opt",
];

/** Those whose attention and projections differ most: gradients are checked on them. */
const different = ["llama", "gemma2", "gpt2", "falcon-40b-style"];

const adapters = [
  "ia3",
  "prompt_tuning { tokens: 3 }",
  "prefix_tuning { tokens: 3 }",
  "llama_adapter { tokens: 3, last: 2 }",
  "dylora { rank: 1..5 }",
  "bottleneck { size: 5 }",
  "parallel_bottleneck { size: 5, on: [mlp] }",
];

const depth = 3;
const [rows, length] = [2, 7];

/** The reference model's config with another depth. */
function configOf(model: string): string {
  const path = new URL(`../../fixtures/reference/models/${model}/base/config.json`, import.meta.url);
  const config = JSON.parse(readFileSync(path, "utf8")) as Record<string, unknown>;
  const layers = "n_layer" in config ? "n_layer" : "num_hidden_layers";
  const kinds = config["layer_types"];
  const longer = Array.isArray(kinds)
    ? { layer_types: Array.from({ length: depth }, (_, at): unknown => kinds[at % kinds.length]) }
    : {};
  return JSON.stringify({ ...config, ...longer, [layers]: depth });
}

function made(model: string, adapter: string, tokens = length): Elaborated {
  const text = `recipe everywhere {
    model     "model" { train: none, init: random { seed: 3 } }
    adapter   ${adapter}
    data      "rows.jsonl" { format: tokens, length: ${tokens} }
    batch     ${rows}
    optimizer sgd { rate: 0.1 }
    training  3 steps
  }`;
  const config = configOf(model);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (path) =>
    path === "model/config.json" ? config : undefined,
  );
  const found =
    input === undefined ? undefined : elaborate({ ...input, purposes: ["train", "evaluate", "score"] });
  if (found?.elaborated === undefined)
    throw new Error([...diagnostics, ...(found?.diagnostics ?? [])].map(({ message }) => message).join("\n"));
  return found.elaborated;
}

/** The module ready for fusion: differentiated, with slices taken out of loops. */
function differentiated({ module, trained, along, step }: Elaborated): Module {
  const choices = { trained, along, step, checkpoint: keepAll, kernelGradients, profile: desktop } as const;
  return stages
    .filter(({ name }) => name !== "fuse")
    .reduce((before, stage) => stage.run(before, choices), module);
}

type Variables = ReadonlyMap<string, Tensor>;

/** Numbers in (-1, 1) that look random and are the same each time. */
const spread = (count: number, seed: number): Float64Array =>
  Float64Array.from({ length: count }, (_, at) => ((((at + 1) * 0.618034 + seed * 0.414214) % 1) - 0.5) * 2);

const wholes = (values: readonly (readonly number[])[]): Tensor => ({
  shape: [rows, values[0]?.length ?? 0],
  data: Float64Array.from(values.flat()),
});

/** Words, of which the second row has three less. */
const words = [
  [5, 9, 2, 7, 1, 8, 4],
  [3, 6, 6, 2, 0, 0, 0],
];

/** Words of a row that are no padding. */
const known = (row: readonly number[]): number => row.filter((word) => word > 0).length;

/** Weights from the seed, and a batch of these words. */
function variablesOf(module: Module, ids: readonly (readonly number[])[]): Map<string, Tensor> {
  const scalars = new Float64Array(64);
  const numbers = { step: 1, update: 1, steps: 3, targets: 9, "rank of dylora": 3 };
  module.scalars.forEach(({ expression }, slot) => {
    scalars[slot] = evaluateScalar(expression, numbers);
  });
  const target = (row: readonly number[], at: number): number =>
    at + 1 < known(row) ? (row[at + 1] ?? 0) : -100;
  const given = new Map<string, Tensor>([
    ...filled(module, new Map(), new Map()),
    ["scalars", { shape: [64], data: scalars }],
    ["keys", { shape: [1], data: Float64Array.of(3) }],
    ["ids", wholes(ids)],
    ["targets", wholes(ids.map((row) => row.map((_, at) => target(row, at))))],
    ["positions", wholes(ids.map((row) => row.map((_, at) => at)))],
    ["segments", wholes(ids.map((row) => row.map((_, at) => (at < known(row) ? 1 : 0))))],
  ]);
  return new Map([...given, ...evaluateProgram(module, "initialize", given)]);
}

/** The variables with those of these names moved along a direction. */
function moved(variables: Variables, names: readonly string[], by: number, seed: number): Variables {
  const changed = names.map((name, index): [string, Tensor] => {
    const { shape, data } = variables.get(name) ?? { shape: [], data: new Float64Array() };
    const direction = spread(data.length, seed + index);
    return [name, { shape, data: data.map((value, at) => value + by * (direction[at] ?? 0)) }];
  });
  return new Map([...variables, ...changed]);
}

function logitsOf(module: Module, variables: Variables): readonly (readonly number[])[] {
  const { shape, data } = evaluateProgram(module, "logits", variables).get("logits") ?? {
    shape: [0, 0],
    data: [],
  };
  const [count = 0, width = 0] = shape;
  return Array.from({ length: count }, (_, at) => Array.from(data.slice(at * width, (at + 1) * width)));
}

/** The largest distance between scores of the words that are no padding; `ahead` positions of the second's rows are passed over. */
function apart(
  one: readonly (readonly number[])[],
  other: readonly (readonly number[])[],
  ahead = 0,
): number {
  const off = words.flatMap((row, index) =>
    row.slice(0, known(row)).flatMap((_, at) => {
      const [a, b] = [one[index * length + at], other[index * (length + ahead) + ahead + at]];
      return (a ?? []).map((score, word) => Math.abs(score - (b?.[word] ?? NaN)));
    }),
  );
  return Math.max(...off);
}

describe.each(different)("%s", (model) => {
  test.each(adapters)("%s: the gradient is the slope", (adapter) => {
    const elaborated = made(model, adapter);
    const module = differentiated(elaborated);
    const trained = elaborated.trained.map(({ weight }) => weight);
    const start = moved(variablesOf(module, words), trained, 0.2, 1);
    const found = evaluateProgram(module, "micro", start);
    const slope = elaborated.trained.reduce((sum, { gradient }, index) => {
      const data = found.get(gradient)?.data ?? new Float64Array();
      const direction = spread(data.length, 5 + index);
      return data.reduce((inner, value, at) => inner + value * (direction[at] ?? 0), sum);
    }, 0);
    const loss = (by: number): number =>
      evaluateProgram(module, "micro", moved(start, trained, by, 5)).get("loss")?.data[0] ?? NaN;
    expect(Math.abs(slope)).toBeGreaterThan(1e-4);
    expect(Math.abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - slope)).toBeLessThan(
      1e-6 * Math.max(1, Math.abs(slope)),
    );
  });
});

describe.each(models)("%s", (model) => {
  const plain = logitsOf(...firstOf(model, "lora { rank: 1 }"));

  test.each(["ia3", "llama_adapter { tokens: 3 }", "parallel_bottleneck { size: 5 }"])(
    "%s begins by changing nothing",
    (adapter) => {
      expect(apart(plain, logitsOf(...firstOf(model, adapter)))).toBeLessThan(1e-12);
    },
  );

  test("prompts that are embedded words are these words", () => {
    const front = [11, 12, 13];
    const [module, variables] = firstOf(model, "prompt_tuning { tokens: 3 }");
    const embedded = [...variables].find(([name]) => /embed_tokens|wte|embed_in|word_embeddings/.test(name));
    const { shape: [, width = 0] = [], data = new Float64Array() } = embedded?.[1] ?? {};
    const scale = model.startsWith("gemma") ? Math.sqrt(width) : 1;
    const prompts = front.flatMap((word) => [...data.subarray(word * width, (word + 1) * width)]);
    const name = "prompt_tuning.prompt_embeddings";
    const given = new Map([
      ...variables,
      [
        name,
        { shape: [front.length, width], data: Float64Array.from(prompts, (value) => scale * value) },
      ] as const,
    ]);
    const longer = words.map((row) => [...front, ...row]);
    const base = logitsOf(...firstOf(model, "lora { rank: 1 }", longer));
    expect(apart(logitsOf(module, given), base, front.length)).toBeLessThan(1e-9);
  });
});

/** The module of an adapter and its variables before the first step. */
function firstOf(
  model: string,
  adapter: string,
  ids: readonly (readonly number[])[] = words,
): [Module, Variables] {
  const { module } = made(model, adapter, ids[0]?.length);
  return [module, variablesOf(module, ids)];
}
