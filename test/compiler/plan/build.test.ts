// Plans leave in the variables what the module says, whatever shares memory with what; and they have the properties that the
// planner promises: no copies where none are needed, text that does not grow with depth, memory at the lower bound.
import { describe, expect, test } from "vitest";
import type { Module } from "../../../compiler/ir/graph.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { verify } from "../../../compiler/verify/verify.ts";
import { desktop, fakeKernels } from "./fake.ts";
import {
  away,
  f32,
  fuse1,
  fused,
  program,
  repeat,
  reshape,
  training,
  variable,
  type TrainingShape,
} from "./modules.ts";
import { planOf, planResult } from "./plans.ts";
import { narrow, stacks } from "./samples.ts";
import { firstValues, remembering, runModule, runPlan } from "./simulate.ts";

const small: TrainingShape = {
  layers: 3,
  tokens: 6,
  width: 10,
  inner: 12,
  vocabulary: 20,
  rank: 3,
  recompute: false,
};

/** Plans the module, verifies it, runs both, compares all variables; the same with variables in the host's memory. Gives the plan. */
function agree(
  module: Module,
  programs: readonly string[],
  profile: DeviceProfile = desktop,
): ReturnType<typeof planOf> {
  agreeOnce(away(module), programs, profile);
  return agreeOnce(module, programs, profile);
}

function agreeOnce(
  module: Module,
  programs: readonly string[],
  profile: DeviceProfile,
): ReturnType<typeof planOf> {
  const kernels = remembering(fakeKernels);
  const plan = planOf(module, profile, kernels);
  expect(verify(plan).refusals).toEqual([]);
  const first = firstValues(module);
  const expected = runModule(module, programs, first);
  const found = runPlan(plan, programs, (kernel) => kernels.find(kernel), first);
  for (const [name, values] of found) expect(values, name).toEqual(expected.get(name));
  return plan;
}

describe("what plans compute", () => {
  const order = ["micro", "micro", "update", "evaluate", "micro", "update"];
  test.each([
    ["everything kept", small],
    ["blocks computed again", { ...small, recompute: true }],
    ["one layer", { ...small, layers: 1 }],
    ["whole units", { ...small, width: 64, inner: 128, tokens: 16, rank: 8 }],
  ])("a training step, %s", (_, shape) => {
    const plan = agree(training(shape), order);
    expect(plan.decisions.filter(({ what }) => what.startsWith("copies"))).toEqual([]);
  });

  test("a training step on a device of small buffers", () => {
    const plan = agree(training({ ...small, width: 64, inner: 128, tokens: 64 }), order, {
      ...narrow,
      limits: { ...narrow.limits, maxBufferSize: 65536, maxStorageBufferBindingSize: 65536 },
    });
    expect(plan.buffers.filter(({ name }) => name.startsWith("arena")).length).toBeGreaterThan(1);
  });

  test.each([10, 64])("stacks read by slices and whole, slices of %i elements", (width) => {
    agree(stacks(4, width), ["main", "main"]);
  });

  test("two variables exchanged", () => {
    const [a, b] = [variable("a", "optimizer", [8]), variable("b", "optimizer", [8])];
    agree(
      {
        name: "swap",
        variables: [a, b],
        scalars: [],
        programs: [
          program("main", [a, b], ([x, y]) =>
            x && y
              ? [
                  [a, y],
                  [b, x],
                ]
              : [],
          ),
        ],
      },
      ["main"],
    );
  });

  test("three variables passed around, one of them changed", () => {
    const [a, b, c] = [
      variable("a", "optimizer", [8]),
      variable("b", "optimizer", [8]),
      variable("c", "optimizer", [8]),
    ];
    const main = program("main", [a, b, c], ([x, y, z]) => {
      if (!x || !y || !z) return [];
      return [
        [a, y],
        [b, fuse1("change", [z, x], f32(8), [[0, 0]])],
        [c, x],
      ];
    });
    agree({ name: "around", variables: [a, b, c], scalars: [], programs: [main] }, ["main", "main"]);
  });

  test("one value for two variables", () => {
    const [a, b] = [variable("a", "optimizer", [8]), variable("b", "optimizer", [8])];
    const main = program("main", [a], ([x]) => {
      if (!x) return [];
      const made = fuse1("make", [x], f32(8), [[0, 0]]);
      return [
        [a, made],
        [b, made],
      ];
    });
    agree({ name: "twice", variables: [a, b], scalars: [], programs: [main] }, ["main", "main"]);
  });

  test("a variable read after its successor is computed", () => {
    const [a, b] = [variable("a", "optimizer", [8]), variable("b", "io", [8])];
    const main = program("main", [a], ([x]) => {
      if (!x) return [];
      const next = fuse1("next", [x], f32(8), [[0, 0]]);
      const both = fuse1("both", [next, x], f32(8));
      return [
        [a, next],
        [b, both],
      ];
    });
    const plan = agree({ name: "late", variables: [a, b], scalars: [], programs: [main] }, ["main", "main"]);
    expect(plan.programs[0]?.dispatches.length).toBe(3);
  });

  test("a variable written as it was read is no work", () => {
    const a = variable("a", "optimizer", [8]);
    const main = program("main", [a], ([x]) => (x ? [[a, x]] : []));
    const plan = agree({ name: "kept", variables: [a], scalars: [], programs: [main] }, ["main"]);
    expect(plan.programs[0]?.dispatches).toEqual([]);
  });

  test("a carried value that ends in a variable lies there all along", () => {
    const [sum, rows] = [variable("sum", "io", [64]), variable("rows", "io", [5, 64], { stack: true })];
    const main = program("main", [sum, rows], ([start, all]) => {
      if (!start || !all) return [];
      const { carried } = repeat({ count: 5, carried: [start], stacked: [all] }, ({ carried, stacked }) => {
        const [current] = carried;
        const [row] = stacked;
        if (!current || !row) throw new Error("values");
        return { carried: [fuse1("add", [current, row], f32(64), [[0, 0]])], collected: [] };
      });
      return carried[0] ? [[sum, carried[0]]] : [];
    });
    const plan = agree({ name: "carry", variables: [sum, rows], scalars: [], programs: [main] }, [
      "main",
      "main",
    ]);
    expect(plan.buffers.map(({ name }) => name)).toEqual(["io"]);
  });

  test("layers in blocks: slices of slices, stacks of stacks", () => {
    const [count, inner, width] = [3, 2, 10];
    const w = variable("w", "weights", [count * inner, width], { stack: true });
    const g = variable("g", "gradients", [count * inner, width], { stack: true });
    const x = variable("x", "io", [width]);
    const main = program("main", [w, g, x], ([all, old, start]) => {
      if (!all || !old || !start) return [];
      const blocks = [all, old].map((value) => reshape(value, [count, inner, width]));
      const { carried, collected } = repeat(
        { count, carried: [start], stacked: blocks, reverse: true },
        (outer) => {
          const made = repeat(
            { count: inner, carried: outer.carried, stacked: outer.stacked, reverse: true },
            ({ carried, stacked }) => {
              const [current] = carried;
              const [own, sum] = stacked;
              if (!current || !own || !sum) throw new Error("values");
              const next = fuse1("next", [current, own], f32(width), [[0, 0]], "layers.{i}");
              return {
                carried: [next],
                collected: [fuse1("sum", [sum, next], f32(width), [[0, 0]], "layers.{i}")],
              };
            },
          );
          return { carried: [...made.carried], collected: [...made.collected] };
        },
      );
      const [end] = carried;
      const [sums] = collected;
      return end && sums
        ? [
            [x, end],
            [g, reshape(sums, [count * inner, width])],
          ]
        : [];
    });
    const plan = agree({ name: "blocks", variables: [w, g, x], scalars: [], programs: [main] }, [
      "main",
      "main",
    ]);
    expect(plan.programs[0]?.dispatches.map(({ path }) => path)).toEqual(
      [5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0].map((layer) => `layers.${layer}`),
    );
    expect(plan.programs[0]?.dispatches.length).toBe(12);
  });

  test("one value under two shapes in one kernel", () => {
    const [a, b] = [variable("a", "io", [4, 8]), variable("b", "io", [8])];
    const main = program("main", [a], ([x]) => (x ? [[b, fuse1("two", [x, reshape(x, [32])], f32(8))]] : []));
    agree({ name: "shapes", variables: [a, b], scalars: [], programs: [main] }, ["main"]);
  });

  test("several outputs written over several inputs", () => {
    const [a, b] = [variable("a", "optimizer", [8]), variable("b", "optimizer", [8])];
    const main = program("main", [a, b], ([x, y]) => {
      if (!x || !y) return [];
      // Each output is written over the other variable's input only: no pair fits.
      const [first, second] = fused(
        "cross",
        [x, y],
        [f32(8), f32(8)],
        [
          [0, 1],
          [1, 0],
        ],
      );
      return first && second
        ? [
            [a, first],
            [b, second],
          ]
        : [];
    });
    agree({ name: "cross", variables: [a, b], scalars: [], programs: [main] }, ["main", "main"]);
  });
});

describe("what plans promise", () => {
  test("text does not grow with depth, dispatches grow by the layer", () => {
    const [few, many] = [2, 12].map((layers) => planOf(training({ ...small, layers, recompute: true })));
    expect(many?.kernels.map(({ about }) => about)).toEqual(few?.kernels.map(({ about }) => about));
    expect(many?.programs[0]?.dispatches.length).toBe(5 + 12 * 20);
  });

  test("the same module gives the same plan", () => {
    const [first, second] = [0, 1].map(() => planOf(training(small)));
    expect(second).toEqual(first);
  });

  test("updates run in place", () => {
    const plan = planOf(training(small));
    const update = plan.programs.find(({ name }) => name === "update");
    expect(update?.dispatches.map(({ tensors }) => tensors.length)).toEqual([3, 5, 5]);
  });

  test("the name of a layer stands in every path", () => {
    const paths = new Set(
      planOf(training(small)).programs.flatMap(({ dispatches }) => dispatches.map(({ path }) => path)),
    );
    expect([...paths].filter((path) => path.includes("{"))).toEqual([]);
    expect(paths.has("model.layers.2.mlp")).toBe(true);
  });

  test("memory is within a hundredth of the lower bound on training steps", () => {
    for (const recompute of [false, true]) {
      for (const layers of [1, 4, 24]) {
        const plan = planOf(
          training({ layers, tokens: 512, width: 256, inner: 1024, vocabulary: 5000, rank: 16, recompute }),
        );
        expect(plan.peakBytes / plan.lowerBoundBytes).toBeLessThan(1.01);
      }
    }
  });

  test("what a kernel binds at once and a device does not is reported", () => {
    const module = training({ ...small, width: 64, inner: 256, tokens: 16 });
    const problems = (limit: number): string[] => {
      const profile = { ...desktop, limits: { ...desktop.limits, maxStorageBufferBindingSize: limit } };
      // These kernels know nothing of windows.
      const result = planResult(module, profile);
      return "obstacles" in result ? result.obstacles.map(({ message }) => message) : [];
    };
    expect(problems(60_000)[0]).toMatch(
      /^program 'micro' has a kernel that reads or makes 65536 bytes at once \(.*\); 'desktop' binds at most 59904$/,
    );
    expect(problems(65_536)).toEqual([]);
  });
});
