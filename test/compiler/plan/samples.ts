// Plans of several kinds, for tests that want all of them: with and without recomputation, one layer and many, a device of small
// limits, and the odd shapes of stacks.
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import { desktop } from "./fake.ts";
import {
  away,
  f32,
  fuse1,
  program,
  repeat,
  reshape,
  training,
  variable,
  type TrainingShape,
} from "./modules.ts";
import { planOf } from "./plans.ts";
import type { Module } from "../../../compiler/ir/graph.ts";

const shape: TrainingShape = {
  layers: 3,
  tokens: 64,
  width: 64,
  inner: 256,
  vocabulary: 512,
  rank: 8,
  recompute: false,
};

/** Limits at which a buffer holds few tensors of the sample models. */
export const narrow: DeviceProfile = {
  ...desktop,
  name: "narrow",
  limits: { ...desktop.limits, maxBufferSize: 2 ** 18, maxStorageBufferBindingSize: 2 ** 17 + 4 },
};

/** Slices that are no whole units, a stack that is read whole, a value that is written whole and read by slices. */
export function stacks(layers = 4, width = 10): Module {
  const weights = variable("w", "weights", [layers, width], {
    stack: true,
    initial: { from: "checkpoint", names: Array.from({ length: layers }, (_, at) => `w.${at}`) },
  });
  const per = variable("per", "constants", [layers], {
    initial: { from: "table", region: { parameters: [], results: [] } },
  });
  const x = variable("x", "io", [width], { initial: { from: "host" } });
  const sum = variable("sum", "io", [width]);
  const all = variable("all", "io", [layers, width]);
  const kept = variable("kept", "optimizer", [layers, width], { stack: true });
  const grown = variable("grown", "optimizer", [layers, width], { stack: true });
  const main = program("main", [weights, x, kept, grown], ([w, start, old, whole]) => {
    if (!w || !start || !old || !whole) throw new Error("values");
    // Written whole by one kernel, then read by slices of 40 bytes.
    const spread = fuse1("spread", [w, start], f32(layers, width));
    const { carried, collected } = repeat(
      { count: layers, carried: [start], stacked: [w, spread, old] },
      ({ carried, stacked }) => {
        const [current] = carried;
        const [own, slice, before] = stacked;
        if (!current || !own || !slice || !before) throw new Error("values");
        const next = fuse1("next", [current, own, slice], f32(width), [[0, 0]], "layer.{i}");
        const mean = fuse1("mean", [next, before], f32(width), [[0, 1]], "layer.{i}");
        return { carried: [next], collected: [next, mean] };
      },
    );
    const [last] = carried;
    const [steps, means] = collected;
    if (!last || !steps || !means) throw new Error("values");
    // Collected by slices, then read whole, under another shape.
    const flat = fuse1("flat", [reshape(steps, [layers * width])], f32(width));
    const more = fuse1("more", [whole, w], f32(layers, width), [[0, 0]]);
    return [
      [sum, fuse1("sum", [flat, last], f32(width))],
      [all, steps],
      [kept, means],
      [grown, more],
    ];
  });
  return {
    name: "stacks",
    variables: [weights, x, sum, all, kept, grown, per],
    scalars: [],
    programs: [main],
  };
}

export function samplePlans(): { name: string; plan: Plan }[] {
  return [
    { name: "everything kept", plan: planOf(training(shape)) },
    { name: "blocks computed again", plan: planOf(training({ ...shape, recompute: true })) },
    { name: "one layer", plan: planOf(training({ ...shape, layers: 1 })) },
    { name: "six layers", plan: planOf(training({ ...shape, layers: 6, recompute: true })) },
    {
      name: "sizes that are no whole units",
      plan: planOf(
        training({ ...shape, layers: 2, tokens: 13, width: 10, inner: 30, vocabulary: 67, rank: 3 }),
      ),
    },
    { name: "a narrow device", plan: planOf(training(shape), narrow) },
    { name: "stacks of odd sizes", plan: planOf(stacks()) },
    { name: "away from the device", plan: planOf(away(training({ ...shape, recompute: true }))) },
    { name: "stacks of odd sizes, away", plan: planOf(away(stacks())) },
  ];
}
