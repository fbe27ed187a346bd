// Kernels against the meaning in float64: every operation's samples, random graphs fused and run, and the shapes of training
// steps, on the tiles of processors and on those of GPUs.
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { apply, applyAll, parameter } from "../../../compiler/ir/build.ts";
import { sizeOf, topological, type Node, type TensorType, type Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { inPlaceCandidates } from "../../../compiler/kernels/choose.ts";
import { plainLayouts } from "../../../compiler/kernels/kernel.ts";
import { operations } from "../../../compiler/ops/index.ts";
import { fuse } from "../../../compiler/passes/fuse.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { desktopTiles } from "../../../compiler/profile/builtin.ts";
import { numbersFrom, randomTensor } from "../../compiler/kernels/tensors.ts";
import { input, matmul, op, reshape, stretch, sum, view } from "../../compiler/passes/graphs.ts";
import { randomRegion } from "../../compiler/passes/random-graphs.ts";
import { errorsOf, fusedNode, fuseRegion, openBench, relativeError, runNode, type Bench } from "./harness.ts";
import { runFused } from "./run-fused.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench[Symbol.dispose]());

const TOLERANCE = 2e-5;
const f32 = (...shape: number[]): TensorType => ({ shape, type: "f32" });

/** As a GPU would compute it: tiles through workgroup memory, folds by many invocations. */
const asGpu = (): DeviceProfile => ({ ...bench.profile, name: "as GPU", tiles: desktopTiles });

async function check(
  node: Node,
  seed: number,
  profiles: readonly DeviceProfile[] = [bench.profile, asGpu()],
): Promise<void> {
  const random = numbersFrom(seed);
  const inputs = node.inputs.map((value) =>
    randomTensor(value, random, value.type === "f32" ? undefined : 3),
  );
  for (const profile of profiles) {
    const errors = await errorsOf(bench, node, inputs, plainLayouts, profile);
    for (const error of errors)
      expect(error, `${String(node.attributes["template"])} on ${profile.name}`).toBeLessThan(TOLERANCE);
  }
}

/** A region as one kernel; fails where fusion makes more of it. */
function oneKernel(parameters: readonly Value[], results: readonly Value[], profile = bench.profile): Node {
  const fused = fuse({ parameters, results }, profile);
  const kernels = topological(fused.results).filter(({ operation }) => operation === "fused");
  const [kernel] = kernels;
  if (kernel === undefined || kernels.length > 1) throw new Error(`${kernels.length} kernels`);
  return kernel;
}

describe("every operation's samples", () => {
  const kinds = new Set(["region", "parameter"]);
  for (const record of operations.values()) {
    if (kinds.has(record.lowering.kind)) continue;
    test(record.name, async () => {
      for (const { inputs, attributes } of record.samples) {
        // Booleans do not lie in memory: they come and go as whole numbers.
        const stored = (type: TensorType): TensorType =>
          type.type === "bool" ? { ...type, type: "u32" } : type;
        const parameters = inputs.map((each, index) => parameter(stored(each), `p${index}`));
        const given = parameters.map((value, index) =>
          inputs[index]?.type === "bool" ? apply("cast", [value], { type: "bool" }) : value,
        );
        const results = applyAll(record.name, given, attributes).map((value) =>
          value.type === "bool" ? apply("cast", [value], { type: "u32" }) : value,
        );
        const region = { parameters, results };
        const tensors = inputs.map(({ shape, data }) => ({ shape, data: Float64Array.from(data) }));
        const expected = interpret(region, tensors);
        const found = await runFused(bench, fuse(region, bench.profile), tensors);
        expected.forEach((tensor, index) => {
          const type = results[index]?.type;
          const within = type === "f16" || type === "bf16" ? 1e-9 : TOLERANCE;
          expect(
            relativeError(found[index], tensor),
            `${record.name} ${JSON.stringify(attributes)}`,
          ).toBeLessThan(within);
        });
      }
    });
  }
});

test("random graphs, fused", async () => {
  for (let seed = 0; seed < 12; seed++) {
    const region = randomRegion(seed, 10);
    const random = numbersFrom(seed);
    const inputs = region.parameters.map((value) => randomTensor(value, random));
    const expected = interpret(region, inputs);
    const found = await runFused(bench, fuse(region, bench.profile), inputs);
    expected.forEach((tensor, index) => {
      expect(relativeError(found[index], tensor), `seed ${seed}, result ${index}`).toBeLessThan(1e-4);
    });
  }
});

describe("rows", () => {
  test.each([5, 47, 64, 260])("norms of %i elements", async (d) => {
    const [x, w] = [input("x", 3, 7, d), input("w", d)];
    const mean = op("divide", sum(op("multiply", x, x), 2), d);
    const y = op("multiply", op("multiply", x, op("rsqrt", op("add", mean, 1e-5))), w);
    const centred = op("subtract", x, op("divide", sum(x, 2), d));
    const spread = op("divide", sum(op("multiply", centred, centred), 2), d);
    const z = op("multiply", centred, op("rsqrt", op("add", spread, 1e-5)));
    await check(oneKernel([x, w], [y, z, reshape(mean, 21)]), d);
  });

  test.each([47, 320])("cross-entropy over %i classes and its gradient", async (classes) => {
    const [logits, targets] = [
      input("logits", 37, classes),
      parameter({ shape: [37], type: "i32" }, "targets"),
    ];
    const wide = [37, classes] as const;
    const top = view("max", logits, { axes: [1] });
    const powers = op("exp", op("subtract", logits, stretch(top, ...wide)));
    const whole = sum(powers, 1);
    const index = apply("iota", [], { shape: wide, axis: 1, type: "i32" });
    const hit = op("equal", index, stretch(reshape(targets, 37, 1), ...wide));
    const picked = sum(op("select", hit, logits, 0), 1);
    const loss = reshape(op("subtract", op("add", top, op("log", whole)), picked), 37);
    const gradient = op(
      "subtract",
      op("divide", powers, stretch(whole, ...wide)),
      view("cast", hit, { type: "f32" }),
    );
    await check(oneKernel([logits, targets], [loss, gradient]), classes);
  });

  test("columns", async () => {
    for (const d of [1, 47, 64]) {
      const [x, g] = [input("x", 5, 60, d), input("g", d)];
      await check(oneKernel([x, g], [op("add", g, reshape(sum(op("multiply", x, x), 0, 1), d))]), d);
    }
  });
});

describe("products", () => {
  const sizes = [
    [1, 7, 1],
    [47, 33, 61],
    [130, 5, 16],
    [3, 100, 200],
    [64, 64, 4],
    [72, 48, 260],
  ] as const;
  const flips = [
    [false, false],
    [false, true],
    [true, false],
    [true, true],
  ] as const;
  // Tiles are slow to compile on processors: each size takes two of the four ways to lie, and all four are met.
  test.each(sizes)("%i × %i × %i", async (m, k, n) => {
    for (const [flipA, flipB] of (m + n) % 2 === 0 ? flips.slice(1, 3) : [flips[0], flips[3]]) {
      const a = input("a", ...(flipA ? [k, m] : [m, k]));
      const b = input("b", ...(flipB ? [n, k] : [k, n]));
      const [bias, rest] = [input("bias", n), input("rest", m, n)];
      const y = op("add", op("add", matmul(a, b, flipA, flipB), bias), rest);
      await check(oneKernel([a, b, bias, rest], [y, op("multiply", y, rest)]), m + k + n);
    }
  });

  test("of large tiles", async () => {
    const [a, b] = [input("a", 264, 20), input("b", 300, 20)];
    await check(oneKernel([a, b], [matmul(a, b, false, true)]), 1, [asGpu()]);
  });

  test("in batches, shared or not, with operands that are expressions", async () => {
    const [x, w, q, k] = [
      input("x", 3, 2, 9, 12),
      input("w", 12, 8),
      input("q", 3, 2, 9, 12),
      input("k", 3, 9, 2, 12),
    ];
    await check(oneKernel([x, w], [matmul(op("tanh", x), w)]), 1);
    await check(
      oneKernel([x, w], [matmul(view("permute", x, { permutation: [0, 1, 3, 2] }), w, true, false)]),
      2,
    );
    const keys = view("permute", k, { permutation: [0, 2, 3, 1] });
    await check(oneKernel([q, k], [op("multiply", 0.5, matmul(q, keys))]), 3);
  });

  test("a long inner axis in parts", async () => {
    const [a, b, g] = [input("a", 9000, 6), input("b", 9000, 5), input("g", 6, 5)];
    const region = { parameters: [a, b, g], results: [op("add", g, matmul(a, b, true, false))] };
    const random = numbersFrom(5);
    const inputs = region.parameters.map((value) => randomTensor(value, random));
    const found = await runFused(bench, fuse(region, bench.profile), inputs);
    expect(
      relativeError(found[0], interpret(region, inputs)[0] ?? { shape: [], data: new Float64Array() }),
    ).toBeLessThan(TOLERANCE);
  });
});

describe("storage", () => {
  test.each(["f16", "bf16"] as const)("%s is read and written, at odd sizes too", async (type) => {
    for (const d of [1, 2, 6, 7, 8]) {
      const [x, w] = [parameter({ shape: [5, d], type }, "x"), parameter({ shape: [d, 4], type }, "w")];
      const wide = apply("cast", [x], { type: "f32" });
      const turned = apply("permute", [op("multiply", 2, wide)], { permutation: [1, 0] });
      for (const result of [op("multiply", 2, wide), turned]) {
        const node = fuseRegion("map", { parameters: [x], results: [apply("cast", [result], { type })] });
        const [tensor] = node.inputs.map((value) => randomTensor(value, numbersFrom(d)));
        // Doubling is exact.
        if (tensor !== undefined) expect(await errorsOf(bench, node, [tensor])).toEqual([0]);
      }
      await check(fuseRegion("matmul", { parameters: [x, w], results: [matmul(x, w)] }), d);
    }
    const [x, w] = [input("x", 6, 10), parameter({ shape: [10, 6], type }, "w")];
    const y = apply("cast", [matmul(x, w)], { type });
    const node = oneKernel([x, w], [y]);
    const inputs = node.inputs.map((value, index) => randomTensor(value, numbersFrom(index)));
    for (const error of await errorsOf(bench, node, inputs))
      expect(error).toBeLessThan(type === "f16" ? 1e-3 : 8e-3);
  });

  test("slices of a stack that lie apart", async () => {
    const node = fusedNode("map", [f32(3, 5), f32(3, 5)], ([x, y]) => [op("add", x as Value, y as Value)]);
    const inputs = node.inputs.map((value, index) => randomTensor(value, numbersFrom(index)));
    const layouts = { inputStrides: [64, undefined], outputStrides: [64], inPlace: [] };
    expect((await errorsOf(bench, node, inputs, layouts))[0]).toBeLessThan(1e-6);
  });

  test("an optimizer step in place, on a stack", async () => {
    const [w, g, m, v] = ["w", "g", "m", "v"].map((name) => input(name, 2, 6, 7)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const m1 = op("add", op("multiply", 0.9, m), op("multiply", 0.1, g));
    const v1 = op("add", op("multiply", 0.99, v), op("multiply", 0.01, op("multiply", g, g)));
    const w1 = op(
      "subtract",
      w,
      op("multiply", 1e-3, op("divide", m1, op("add", op("sqrt", op("abs", v1)), 1e-2))),
    );
    const node = fuseRegion("map", { parameters: [w, g, m, v], results: [w1, op("multiply", g, 0), m1, v1] });
    const pairs = inPlaceCandidates(node, bench.profile).filter(([output, from]) => output === from);
    expect(pairs.length).toBe(4);
    const inputs = node.inputs.map((value, index) => randomTensor(value, numbersFrom(index)));
    const strides = [64, 64, 64, 64];
    const layouts = { inputStrides: strides, outputStrides: strides, inPlace: pairs };
    for (const error of await errorsOf(bench, node, inputs, layouts)) expect(error).toBeLessThan(TOLERANCE);
  });

  test("softmax and accumulation in place", async () => {
    const x = input("x", 9, 70);
    const powers = op("exp", op("subtract", x, stretch(view("max", x, { axes: [1] }), 9, 70)));
    const soft = oneKernel([x], [op("divide", powers, stretch(sum(powers, 1), 9, 70))]);
    expect(inPlaceCandidates(soft, bench.profile)).toEqual([[0, 0]]);
    const [a, b, g] = [input("a", 30, 6), input("b", 30, 5), input("g", 6, 5)];
    const product = oneKernel([a, b, g], [op("add", g, matmul(a, b, true, false))]);
    for (const node of [soft, product]) {
      const inPlace = inPlaceCandidates(node, bench.profile);
      expect(inPlace.length).toBe(1);
      const inputs = node.inputs.map((value, index) => randomTensor(value, numbersFrom(index)));
      for (const profile of [bench.profile, asGpu()]) {
        const [error] = await errorsOf(bench, node, inputs, { ...plainLayouts, inPlace }, profile);
        expect(error).toBeLessThan(TOLERANCE);
      }
    }
  });
});

test("more workgroups than one dimension holds", async () => {
  const node = fusedNode("map", [f32(3, 1000)], ([x]) => [op("multiply", 2, x as Value)]);
  const { limits } = bench.profile;
  for (const most of [3, 2, 1]) {
    const profile = { ...bench.profile, limits: { ...limits, maxComputeWorkgroupsPerDimension: most * 2 } };
    const inputs = node.inputs.map((value) => randomTensor(value, numbersFrom(1)));
    expect((await errorsOf(bench, node, inputs, plainLayouts, profile))[0]).toBeLessThan(1e-6);
  }
});

test("indices outside a table read its last row, and are left out of a sum", async () => {
  const table = parameter(f32(4, 3), "table");
  const indices = parameter({ shape: [6], type: "i32" }, "indices");
  const rows = fuseRegion("map", {
    parameters: [table, indices],
    results: [apply("take", [table, indices])],
  });
  const data = { shape: [4, 3], data: Float64Array.from({ length: 12 }, (_, i) => i) };
  const [taken] = await runNode(bench, rows, [
    data,
    { shape: [6], data: Float64Array.from([0, 3, 4, -1, 9, 1]) },
  ]);
  expect([...(taken?.data ?? [])].filter((_, i) => i % 3 === 0)).toEqual([0, 9, 9, 9, 9, 3]);
  const updates = parameter(f32(6, 3), "updates");
  const scatter = fuseRegion("scatter", {
    parameters: [updates, indices],
    results: [apply("scatter_add", [updates, indices], { count: 4 })],
  });
  const ones = { shape: [6, 3], data: new Float64Array(18).fill(1) };
  for (const profile of [bench.profile, asGpu()]) {
    const [added] = await runNode(
      bench,
      scatter,
      [ones, { shape: [6], data: Float64Array.from([0, 3, 4, -1, 3, 1]) }],
      plainLayouts,
      profile,
    );
    expect([...(added?.data ?? [])].filter((_, i) => i % 3 === 0)).toEqual([1, 1, 0, 2]);
  }
});

test("a scatter of many positions over several tiles of columns", async () => {
  const node = fusedNode(
    "scatter",
    [f32(700, 150), { shape: [700], type: "u32" }, f32(3, 150)],
    ([updates, indices, held]) => [
      op("add", held as Value, apply("scatter_add", [updates as Value, indices as Value], { count: 3 })),
    ],
  );
  expect(sizeOf(node.outputs[0]?.shape ?? [])).toBe(450);
  await check(node, 3);
});
