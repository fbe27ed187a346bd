// Plans of hand-made modules with kernels that only look like some.
import type { Module, StepRun } from "../../../compiler/ir/graph.ts";
import { buildPlan, type PlanRequest, type PlanResult } from "../../../compiler/plan/build.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import type { KernelSource } from "../../../compiler/plan/choice.ts";
import { desktop, fakeKernels } from "./fake.ts";
import { hashPlan } from "./hash.ts";

export function planResult(
  module: Module,
  profile: DeviceProfile = desktop,
  kernels: KernelSource = fakeKernels,
  interpret: PlanRequest["interpret"] = zeros,
): PlanResult {
  const ids = module.variables.find(({ name }) => name === "ids")?.shape ?? [2, 64];
  const [rows, tokens] = ids.length === 2 ? ids : [1, ids[0]];
  return buildPlan({
    module,
    profile,
    budget: profile.memory,
    job: {
      batch: 2 * (rows ?? 1),
      accumulation: 2,
      rows: rows ?? 1,
      tokens: tokens ?? 1,
      ranks: [],
      room: 0,
      vocabulary: 512,
      learns: { kind: "targets" },
    },
    parameters: { total: 1000, trainable: 100 },
    step: module.programs.flatMap(({ name }): StepRun[] => {
      if (name === "micro") return [{ program: name, each: "micro-batch" }];
      return name === "update" ? [{ program: name, each: "step" }] : [];
    }),
    decisions: [],
    kernels,
    interpret,
  });
}

export function planOf(
  module: Module,
  profile?: DeviceProfile,
  kernels?: KernelSource,
  interpret?: PlanRequest["interpret"],
): Plan {
  const result = planResult(module, profile, kernels, interpret);
  if ("obstacles" in result) throw new Error(result.obstacles.map(({ message }) => message).join("\n"));
  return { ...result.plan, hash: hashPlan(result.plan) };
}

/** Tables of hand-made modules: all zero. */
const zeros: PlanRequest["interpret"] = (region) =>
  region.results.map(({ shape }) => ({ shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)) }));
