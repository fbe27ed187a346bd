// Training steps without a device: the module of a recipe for a reference model, and its programs run in float64 in the order that a step
// gives them.
import { readFileSync } from "node:fs";
import { compile } from "../../../compiler/compile.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Module, StepRun } from "../../../compiler/ir/graph.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import type { Plan } from "../../../compiler/plan/plan.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { batchOf, learnedTargets, modelFolder } from "./reference.ts";

export interface Stepping {
  readonly model: string;
  readonly plan: Plan;
  /** As kernels are chosen for it. */
  readonly module: Module;
}

export type Variables = ReadonlyMap<string, Tensor>;

/** A recipe for a reference model: two rows, of 48 tokens unless it is only to be planned. `lines` say what trains and how. */
export function stepping(model: string, lines: string, trains = "", length = 48): Stepping {
  const text = `recipe stepping {
  model     "base"${trains}
  precision f32
  data      "rows.jsonl" { format: tokens, length: ${length}, shuffle: false }
  batch     2
  training  20 steps
  ${lines}
}`;
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const { plan, modules, diagnostics } = compile(text, { path: `${modelFolder(model)}/recipe.ftl`, read });
  const module = modules.get("fuse");
  if (plan === undefined || module === undefined)
    throw new Error(diagnostics.map(({ code, message }) => `${code} ${message}`).join("\n"));
  return { model, plan, module };
}

/** What the variables hold after a step on the reference batch; `runs` are part of the step, or all of it. */
export function stepped(
  { model, module, plan }: Stepping,
  before: Variables,
  step: number,
  seed: number,
  runs: readonly StepRun[] = plan.step,
): Map<string, Tensor> {
  const numbers = { step, update: step, steps: 20, targets: learnedTargets(model), seed };
  const scalars = new Float64Array(64);
  module.scalars.forEach(({ expression }, slot) => (scalars[slot] = evaluateScalar(expression, numbers)));
  const variables = new Map(before);
  variables.set("scalars", { shape: [64], data: scalars });
  variables.set("keys", { shape: [1], data: Float64Array.of(seed) });
  const { rows, accumulation } = plan.job;
  const run = (program: string): void =>
    evaluateProgram(module, program, variables).forEach((value, name) => void variables.set(name, value));
  for (const { program, each } of runs) {
    for (let micro = 0; micro < (each === "step" ? 1 : accumulation); micro += 1) {
      if (each === "micro-batch")
        batchOf(model, micro * rows, rows).forEach((value, name) => void variables.set(name, value));
      run(program);
    }
  }
  return variables;
}
