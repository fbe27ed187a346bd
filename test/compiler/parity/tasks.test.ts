// Classification and masked words against PyTorch's values, interpreted in float64: scores, losses, gradient norms, and for adapters
// the final adapter with the head that trained beside it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import type { Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { stages } from "../../../compiler/stages.ts";
import { filled, tensorsIn, type Expected } from "./reference.ts";

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/reference/tasks/${name}`, import.meta.url));

interface Case {
  readonly head: string;
  readonly format: "label" | "tokens";
  /** The adapter of the reference; none where it has none. */
  readonly adapter: string | undefined;
}

const cases: Readonly<Record<string, Case>> = {
  "classify-llama": {
    head: "classify { labels: 3 }",
    format: "label",
    adapter: 'adapter lora { rank: 4, alpha: 8, start: "adapter_init" }',
  },
  "classify-roberta": {
    head: "classify { labels: 3 }",
    format: "label",
    adapter: 'adapter lora { rank: 4, alpha: 8, on: [query, value], start: "adapter_init" }',
  },
  "mlm-roberta": { head: "masked", format: "tokens", adapter: undefined },
};

function moduleOf(name: string, { head, format }: Case, adapter: string): Module {
  const text = `recipe task {
    model "base"${adapter === "" ? " { train: all }" : ""}
    ${adapter}
    head ${head}
    data "rows.jsonl" { format: ${format}, length: 48 }
    batch 2
    optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
    schedule constant { warmup: 4 steps }
    training 20 steps
  }`;
  const read = (path: string): string | undefined =>
    path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined;
  const front = readRecipe({ path: `${folderOf(name)}/recipe.ftl`, text }, read);
  expect(front.diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (front.input === undefined) throw new Error("no input");
  const { elaborated, diagnostics } = elaborate({ ...front.input, logits: true });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (elaborated === undefined) throw new Error("not elaborated");
  const choices = {
    trained: elaborated.trained,
    along: elaborated.along,
    step: elaborated.step,
    checkpoint: "none",
    kernelGradients,
    profile: desktop,
  } as const;
  const module = stages.reduce((before, stage) => stage.run(before, choices), elaborated.module);
  expect(validate(module)).toEqual([]);
  return module;
}

/** The reference batch as the variables that the module reads. */
function batchOf(name: string, module: Module): { given: Map<string, Tensor>; targets: number } {
  const batch: { input_ids: number[][]; attention_mask: number[][]; labels: number[] | number[][] } =
    JSON.parse(readFileSync(`${folderOf(name)}/batch.json`, "utf8"));
  const matrix = (lists: number[][]): Tensor => {
    return { shape: [2, lists[0]?.length ?? 0], data: Float64Array.from(lists.flat()) };
  };
  const labels = Float64Array.from(batch.labels.flat());
  const learned: Tensor = { shape: labels.length === 2 ? [2] : [2, labels.length / 2], data: labels };
  const all = new Map([
    ["ids", matrix(batch.input_ids)],
    ["segments", matrix(batch.attention_mask)],
    ["positions", matrix(batch.input_ids.map((row) => row.map((_, at) => at)))],
    ["classes", learned],
    ["labels", learned],
  ]);
  const used = new Set(module.variables.map((variable) => variable.name));
  const given = new Map([...all].filter(([variable]) => used.has(variable)));
  return { given, targets: labels.filter((label) => label >= 0).length };
}

interface Trace {
  readonly losses: number[];
  readonly norms: number[];
  readonly last: ReadonlyMap<string, Tensor>;
}

function run(
  module: Module,
  start: Map<string, Tensor>,
  batch: ReturnType<typeof batchOf>,
  updates: number,
): Trace {
  let variables = new Map([...start, ...batch.given]);
  const [losses, norms]: [number[], number[]] = [[], []];
  for (let step = 1; step <= updates; step += 1) {
    const numbers = { step, update: step, steps: 20, targets: batch.targets, seed: 0 };
    const scalars = new Float64Array(64);
    module.scalars.forEach(({ expression }, index) => (scalars[index] = evaluateScalar(expression, numbers)));
    variables.set("scalars", { shape: [64], data: scalars });
    for (const program of ["micro", "update"])
      variables = new Map([...variables, ...evaluateProgram(module, program, variables)]);
    const [loss = NaN, norm = NaN] = variables.get("report")?.data ?? [];
    losses.push(loss);
    norms.push(norm);
  }
  return { losses, norms, last: variables };
}

/** The largest relative difference. PyTorch's own losses are no closer than its scores, which are rounded in their seventh digit. */
function relative(actual: readonly number[], expected: readonly number[], rounding = 0): number {
  return Math.max(
    ...actual.map((value, at) => {
      const wanted = expected[at] ?? NaN;
      return Math.max(0, Math.abs(value - wanted) - rounding) / wanted;
    }),
  );
}

/** The largest distance of a variable's parts from their tensors in a file, relative to each one's norm. */
function distance(
  module: Module,
  name: string,
  found: Tensor | undefined,
  file: ReadonlyMap<string, Tensor>,
): number {
  const { initial } = module.variables.find((variable) => variable.name === name) ?? {};
  if (initial === undefined || !("names" in initial) || found === undefined)
    throw new Error(`nothing of ${name}`);
  const size = found.data.length / initial.names.length;
  const distances = initial.names.map((key, part) => {
    const wanted = [...(file.get(key)?.data ?? file.get(`base_model.model.${key}`)?.data ?? [NaN])];
    return (
      Math.hypot(...wanted.map((value, at) => (found.data[part * size + at] ?? NaN) - value)) /
      Math.hypot(...wanted)
    );
  });
  return Math.max(...distances);
}

test.each(Object.entries(cases))(
  "%s: scores and full training are PyTorch's",
  { timeout: 120_000 },
  async (name, each) => {
    const expected: { full: Expected } = JSON.parse(readFileSync(`${folderOf(name)}/expected.json`, "utf8"));
    const module = moduleOf(name, each, "");
    const batch = batchOf(name, module);
    const start = filled(module, await tensorsIn(`${folderOf(name)}/base/model.safetensors`), new Map());
    const scores = evaluateProgram(module, "logits", new Map([...start, ...batch.given])).get("logits");
    const wanted =
      (await tensorsIn(`${folderOf(name)}/logits.safetensors`)).get("logits")?.data ?? new Float64Array();
    expect(scores?.data.length).toBe(wanted.length);
    const segments = batch.given.get("segments")?.data ?? new Float64Array();
    const width = wanted.length / segments.length;
    wanted.forEach((value, at) => {
      if (width < 1 || segments[Math.floor(at / width)] !== 0)
        expect(Math.abs((scores?.data[at] ?? NaN) - value)).toBeLessThan(1e-4);
    });
    const { losses, norms } = run(module, start, batch, 4);
    expect(relative(losses, expected.full.losses)).toBeLessThan(3e-5);
    expect(relative(norms, expected.full.total_grad_norms)).toBeLessThan(1e-4);
  },
);

test.each(Object.entries(cases).filter(([, { adapter }]) => adapter !== undefined))(
  "%s: an adapter and the head train as PEFT has them",
  { timeout: 120_000 },
  async (name, each) => {
    const folder = folderOf(name);
    const expected: { lora: Expected } = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8"));
    const module = moduleOf(name, each, each.adapter ?? "");
    const adapter = await tensorsIn(`${folder}/adapter_init/adapter_model.safetensors`);
    const start = filled(module, await tensorsIn(`${folder}/base/model.safetensors`), adapter);
    const { losses, norms, last } = run(module, start, batchOf(name, module), 20);
    expect(relative(losses, expected.lora.losses, 3e-7)).toBeLessThan(1e-5);
    expect(relative(norms, expected.lora.total_grad_norms)).toBeLessThan(1e-4);
    const final = await tensorsIn(`${folder}/adapter_final/adapter_model.safetensors`);
    let compared = 0;
    for (const { name: weight, initial } of module.variables) {
      if (initial.from !== "adapter" && initial.from !== "optional") continue;
      expect(distance(module, weight, last.get(weight), final), weight).toBeLessThan(1e-3);
      compared += initial.names.length;
    }
    expect(compared).toBe(final.size);
  },
);
