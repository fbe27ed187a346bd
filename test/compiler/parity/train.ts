// Training in float64 without a device: a recipe beside the reference model's files is compiled through every stage, and the
// interpreter runs its programs on the reference batch, step by step.
import { readFileSync } from "node:fs";
import { expect } from "vitest";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { saidPolicy } from "../../../compiler/checkpointing.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import type { Module } from "../../../compiler/ir/graph.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { stages, type Choices } from "../../../compiler/stages.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import type { PlanJob } from "../../../compiler/plan/plan.ts";
import { drawnRanks } from "../../../runtime/train/ranks.ts";
import { batchOf, filled, learnedTargets, modelFolder, tensorsIn } from "./reference.ts";

/** A job of the reference: `adapter` is its clause, or empty for full training. */
export const parityRecipe = (adapter: string, extra = "", precision = "f32"): string => `recipe parity {
  model     "base"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  precision ${precision}
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  ${extra}
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  20 steps
}`;

export interface Made {
  readonly module: Module;
  readonly elaborated: Elaborated;
  /** The variable of each trained one's gradient. */
  readonly gradients: ReadonlyMap<string, string>;
}

/** The module of a recipe beside a reference model; `changes` replaces choices of the recipe. */
export function moduleOf(model: string, text: string, changes: Partial<Choices> = {}): Made {
  return moduleIn(modelFolder(model), text, changes);
}

/** The module of a recipe in a folder after every stage, each validated. */
export function moduleIn(folder: string, text: string, changes: Partial<Choices> = {}): Made {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const front = readRecipe({ path: `${folder}/recipe.ftl`, text }, read);
  expect(front.diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (front.input === undefined) throw new Error("no input");
  const { elaborated, diagnostics } = elaborate({ ...front.input, purposes: ["train", "evaluate", "score"] });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (elaborated === undefined) throw new Error("not elaborated");
  const policy = front.settings?.checkpoint.value ?? "none";
  const checkpoint = saidPolicy(policy === "auto" ? "none" : policy, elaborated.module);
  let { module } = elaborated;
  for (const stage of stages) {
    module = stage.run(module, {
      trained: elaborated.trained,
      along: elaborated.along,
      step: elaborated.step,
      duringBackward: elaborated.duringBackward,
      checkpoint,
      lossScale: elaborated.lossScale,
      precision: front.settings?.precision.value === "f32" ? undefined : front.settings?.precision.value,
      kernelGradients,
      profile: desktop,
      ...changes,
    });
    expect(validate(module), stage.name).toEqual([]);
  }
  const gradients = new Map(elaborated.trained.map(({ weight, gradient }) => [weight, gradient]));
  return { module, elaborated, gradients };
}

export interface Trace {
  readonly losses: number[];
  readonly norms: number[];
  /** All variables after the first micro-batches, when the gradients are there, and at the end. */
  readonly first: ReadonlyMap<string, Tensor>;
  readonly last: ReadonlyMap<string, Tensor>;
}

export interface Beginning {
  /** The folder of the adapter that is started from. */
  readonly adapter?: string;
  /** The variables of an earlier run to go on with, instead of first values. */
  readonly from?: ReadonlyMap<string, Tensor>;
  /** Draws what is drawn; 0 if unsaid. */
  readonly seed?: number;
  /** Ranges of ranks that are drawn from. */
  readonly ranks?: PlanJob["ranks"];
}

/**
 * Runs updates on the reference batch, split into micro-batches as the module was built for.
 */
export async function run(
  model: string,
  module: Module,
  updates: number,
  { adapter, from, seed = 0, ranks = [] }: Beginning = {},
): Promise<Trace> {
  const begin = from ?? (await firstValues(model, module, adapter, seed));
  const rows = module.variables.find(({ name }) => name === "ids")?.shape[0] ?? 2;
  const micros = rows === 1 ? [batchOf(model, 0, 1), batchOf(model, 1, 1)] : [batchOf(model, 0, rows)];
  return updated(module, begin, { micros, targets: learnedTargets(model), updates, seed, ranks });
}

/** What updates are made of: the same micro-batches each step, and how much is learned in all of them. */
export interface Updates {
  readonly micros: readonly ReadonlyMap<string, Tensor>[];
  readonly targets: number;
  readonly updates: number;
  readonly seed?: number;
  readonly ranks?: PlanJob["ranks"];
}

export function updated(
  module: Module,
  begin: ReadonlyMap<string, Tensor>,
  { micros, targets, updates, seed = 0, ranks = [] }: Updates,
): Trace {
  let variables = begin;
  let first = variables;
  const losses: number[] = [];
  const norms: number[] = [];
  for (let step = 1; step <= updates; step += 1) {
    const numbers = { step, update: step, steps: 20, targets, seed, ...drawnRanks({ ranks }, seed, step) };
    const scalars = new Float64Array(64);
    module.scalars.forEach(({ expression }, index) => (scalars[index] = evaluateScalar(expression, numbers)));
    for (const [at, micro] of micros.entries()) {
      const rows = micro.get("ids")?.shape[0] ?? 1;
      const row = ((step - 1) * micros.length + at) * rows;
      const given = new Map([
        ...variables,
        ...micro,
        ["scalars", { shape: [64], data: scalars }] as const,
        ["keys", { shape: [1], data: Float64Array.of(seed) }] as const,
        ["samples", { shape: [1], data: Float64Array.of(row) }] as const,
      ]);
      variables = new Map([...given, ...evaluateProgram(module, "micro", given)]);
    }
    if (step === 1) first = variables;
    // An update made during the backward pass has no program of its own.
    if (module.programs.some(({ name }) => name === "update"))
      variables = new Map([...variables, ...evaluateProgram(module, "update", variables)]);
    const [loss = NaN, norm = NaN] = variables.get("report")?.data ?? [];
    losses.push(loss);
    norms.push(norm);
  }
  return { losses, norms, first, last: variables };
}

/** All variables before the first step: from files, zero, and as the program "initialize" leaves them, where there is one. */
export async function firstValues(
  model: string,
  module: Module,
  adapter: string | undefined,
  seed: number,
): Promise<ReadonlyMap<string, Tensor>> {
  const base = await tensorsIn(`${modelFolder(model)}/base/model.safetensors`);
  const start =
    adapter === undefined
      ? new Map<string, Tensor>()
      : await tensorsIn(`${adapter}/adapter_model.safetensors`);
  const variables = filled(module, base, start);
  if (!module.programs.some(({ name }) => name === "initialize")) return variables;
  const given = new Map([...variables, ["keys", { shape: [1], data: Float64Array.of(seed) }] as const]);
  return new Map([...given, ...evaluateProgram(module, "initialize", given)]);
}

/** The largest relative difference, but for a difference that rounding explains. */
export function relative(actual: readonly number[], expected: readonly number[], rounding = 0): number {
  return Math.max(
    ...actual.map((value, index) => {
      const wanted = expected[index] ?? NaN;
      return Math.max(0, Math.abs(value - wanted) - rounding) / Math.abs(wanted);
    }),
  );
}

/** Distance of a stack's slices from the tensors of a file, relative to each tensor's norm. */
export function distances(
  module: Module,
  name: string,
  stack: Tensor | undefined,
  file: ReadonlyMap<string, Tensor>,
): number[] {
  const { initial } = module.variables.find((variable) => variable.name === name) ?? {};
  if (initial === undefined || !("names" in initial) || stack === undefined)
    throw new Error(`nothing known of ${name}`);
  const size = stack.data.length / initial.names.length;
  return initial.names.map((key, index) => {
    const wanted = file.get(key)?.data ?? new Float64Array(size).fill(NaN);
    let off = 0;
    let norm = 0;
    wanted.forEach((value, at) => {
      off += ((stack.data[index * size + at] ?? NaN) - value) ** 2;
      norm += value ** 2;
    });
    return Math.sqrt(off) / (Math.sqrt(norm) || 1);
  });
}
