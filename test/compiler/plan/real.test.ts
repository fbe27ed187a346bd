// Plans of real recipes with real kernels: verified, as large as the lower bound, and doing with simulated memory what the modules
// mean: every dispatch computes its fused region in float64 from the bytes it is given and writes the bytes it is given.
import { describe, expect, test } from "vitest";
import { evaluateProgram, interpret } from "../../../compiler/ir/interpret.ts";
import { sizeOf, type Module } from "../../../compiler/ir/graph.ts";
import { chooseKernel, inPlaceCandidates } from "../../../compiler/kernels/choose.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import { desktop, webgpu } from "../../../compiler/profile/builtin.ts";
import { verify } from "../../../compiler/verify/verify.ts";
import { planOf } from "./plans.ts";
import { in16Bits, lora, moduleOf, recipe } from "./recipes.ts";
import { remembering, runPlan, type Evaluate, type Values } from "./simulate.ts";

/** Small numbers for what is computed with, whole ones for what counts. */
function firstTensors({ variables }: Module): Map<string, Tensor> {
  return new Map(
    variables.map(({ name, shape, type, initial }, at) => {
      if (initial.from === "table")
        return [name, interpret(initial.region, [])[0] ?? { shape, data: new Float64Array() }];
      const isWhole = type === "i32" || type === "u32";
      const element = (index: number): number =>
        isWhole ? (index * 5 + at) % 11 : Math.sin(at * 37 + index * 1.7) / 4 + 0.3;
      const data = Float64Array.from({ length: sizeOf(shape) }, (_, index) =>
        name === "positions" ? index % 16 : element(index),
      );
      return [name, { shape, data }];
    }),
  );
}

const byMeaning: Evaluate = (node, inputs) => {
  const [region] = node.regions;
  if (region === undefined) throw new Error("no region");
  const tensors = inputs.map((values, at) => ({
    shape: node.inputs[at]?.shape ?? [],
    data: Float64Array.from(values),
  }));
  return interpret(region, tensors).map(({ data }) => [...data]);
};

function agree(module: Module, profile: DeviceProfile, programs: readonly string[]): Plan {
  const kernels = remembering({ choose: chooseKernel, inPlaceCandidates });
  const plan = planOf(module, profile, kernels, interpret);
  expect(verify(plan).refusals).toEqual([]);
  const variables = firstTensors(module);
  const first = new Map<string, Values>([...variables].map(([name, { data }]) => [name, [...data]]));
  const found = runPlan(plan, programs, (kernel) => kernels.find(kernel), first, byMeaning);
  for (const name of programs) {
    for (const [variable, tensor] of evaluateProgram(module, name, variables))
      variables.set(variable, tensor);
  }
  for (const [name, values] of found) {
    const expected = variables.get(name)?.data ?? new Float64Array();
    expect(values.length, name).toBe(expected.length);
    expect(
      values.findIndex((value, at) => !Object.is(value, expected[at])),
      name,
    ).toBe(-1);
  }
  return plan;
}

describe("plans of real recipes", () => {
  const order = ["micro", "micro", "update", "evaluate", "micro"];
  test.each([
    ["an adapter", recipe(lora), desktop],
    ["an adapter, blocks computed again", recipe(`${lora}\n  checkpoint every 1`), desktop],
    ["all weights", recipe("", " { train: all }"), desktop],
    [
      "all weights, updated during the backward pass",
      recipe("checkpoint every 1", " { train: all }").replace(
        /optimizer .*/,
        "optimizer adalomo { rate: 0.1 }",
      ),
      desktop,
    ],
    ["an adapter in 16 bits", in16Bits(recipe(`${lora}\n  checkpoint every 1`)), desktop],
    ["all weights in 16 bits", in16Bits(recipe("", " { train: all }"), "compute: bf16"), desktop],
    [
      "an adapter of odd rank in 16 bits on a device of few bindings",
      in16Bits(recipe(lora.replace("rank: 4", "rank: 3"))),
      webgpu,
    ],
    [
      "an adapter on a device of small buffers",
      recipe(lora),
      {
        ...desktop,
        limits: { ...desktop.limits, maxBufferSize: 2 ** 17, maxStorageBufferBindingSize: 2 ** 17 },
      },
    ],
  ])("%s", (_, text, profile) => {
    const module = moduleOf(text, profile);
    const known = module.programs.map(({ name }) => name);
    const plan = agree(
      module,
      profile,
      order.filter((name) => known.includes(name)),
    );
    expect(plan.peakBytes / plan.lowerBoundBytes).toBeLessThan(1.01);
    expect(plan.kernels.length).toBeLessThan(
      plan.programs.reduce((sum, { dispatches }) => sum + dispatches.length, 0),
    );
  });
});
