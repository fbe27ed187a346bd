// Fusion keeps the meaning, leaves kernels only, and puts what belongs together into one of them.
import { describe, expect, test } from "vitest";
import { topological, type Node, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { apply, applyAll, constant, parameter } from "../../../compiler/ir/build.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { inPlaceCandidates } from "../../../compiler/kernels/choose.ts";
import { fuse } from "../../../compiler/passes/fuse.ts";
import { desktop, software, webgpu } from "../../../compiler/profile/builtin.ts";
import { numbersFrom, randomTensor } from "../kernels/tensors.ts";
import { input, matmul, op, repeat, reshape, stretch, sum, total, view } from "./graphs.ts";
import { randomRegion } from "./random-graphs.ts";

const kinds = new Set(["fused", "repeat", "parameter", "reshape"]);

/** What no kernel computes, and kernels that are not closed. */
function problems(region: Region): string[] {
  return topological(region.results).flatMap((node) => {
    if (!kinds.has(node.operation)) return [`${node.operation} is in no kernel`];
    if (node.operation === "repeat") return node.regions.flatMap(problems);
    const [body] = node.regions;
    if (body === undefined) return [];
    const given = new Set(body.parameters);
    return topological(body.results)
      .filter(
        ({ operation, outputs }) => operation === "parameter" && !outputs.some((value) => given.has(value)),
      )
      .map(() => "a kernel uses a value from outside");
  });
}

const kernelsOf = (region: Region): Node[] =>
  topological(region.results).flatMap((node) =>
    node.operation === "fused" ? [node] : node.operation === "repeat" ? node.regions.flatMap(kernelsOf) : [],
  );
const templatesOf = (region: Region): unknown[] =>
  kernelsOf(region).map(({ attributes }) => attributes["template"]);

function expectSame(before: Region, after: Region, seed: number): void {
  const random = numbersFrom(seed);
  const inputs = before.parameters.map((value) => randomTensor(value, random));
  const [expected, found] = [interpret(before, inputs), interpret(after, inputs)];
  expect(found.length).toBe(expected.length);
  expected.forEach((tensor, index) => {
    expect(found[index]?.shape).toEqual(tensor.shape);
    tensor.data.forEach((value, at) => {
      const other = found[index]?.data[at] ?? Number.NaN;
      if (Math.abs(other - value) > 1e-9 * Math.max(1, Math.abs(value)))
        expect(other, `result ${index} at ${at}`).toBe(value);
    });
  });
}

describe("random graphs", () => {
  test.each([
    desktop,
    software,
    { ...webgpu, limits: { ...webgpu.limits, maxStorageBuffersPerShaderStage: 4 } },
  ])("keep their meaning on $name", (profile) => {
    for (let seed = 0; seed < 60; seed++) {
      const region = randomRegion(seed);
      const fused = fuse(region, profile);
      expect(problems(fused), `seed ${seed}`).toEqual([]);
      expectSame(region, fused, seed);
    }
  });

  test("give the same kernels each time", () => {
    for (let seed = 0; seed < 10; seed++) {
      const texts = [0, 1].map(() => templatesOf(fuse(randomRegion(seed), desktop)).join());
      expect(texts[0]).toBe(texts[1]);
    }
  });
});

describe("what belongs together is one kernel", () => {
  const wide = [512, 64] as const;

  test("a norm", () => {
    const [x, w] = [input("x", ...wide), input("w", 64)];
    const mean = op("divide", sum(op("multiply", x, x), 1), 64);
    const y = op("multiply", op("multiply", x, op("rsqrt", op("add", mean, 1e-5))), w);
    expect(templatesOf(fuse({ parameters: [x, w], results: [y] }, desktop))).toEqual(["row"]);
  });

  test("cross-entropy and its gradient", () => {
    const [logits, targets] = [input("logits", 96, 1000), parameter({ shape: [96], type: "i32" }, "targets")];
    const top = view("max", logits, { axes: [1] });
    const powers = op("exp", op("subtract", logits, stretch(top, 96, 1000)));
    const whole = sum(powers, 1);
    const index = applyAll("iota", [], { shape: [96, 1000], axis: 1, type: "i32" })[0] as Value;
    const hit = op("equal", index, stretch(reshape(targets, 96, 1), 96, 1000));
    const picked = sum(op("select", hit, logits, 0), 1);
    const loss = reshape(op("subtract", op("add", top, op("log", whole)), picked), 96);
    const gradient = op(
      "subtract",
      op("divide", powers, stretch(whole, 96, 1000)),
      view("cast", hit, { type: "f32" }),
    );
    expect(templatesOf(fuse({ parameters: [logits, targets], results: [loss, gradient] }, desktop))).toEqual([
      "row",
    ]);
  });

  test("a linear layer with bias, adapter, activation and residual", () => {
    const [x, w, b, a, up, other] = [
      input("x", ...wide),
      input("w", 128, 64),
      input("b", 128),
      input("a", 8, 64),
      input("up", 128, 8),
      input("other", 512, 128),
    ];
    const y = op("add", matmul(x, w, false, true), b);
    const adapted = op("add", y, op("multiply", 0.5, matmul(matmul(x, a, false, true), up, false, true)));
    const result = op("add", op("tanh", adapted), other);
    const fused = fuse({ parameters: [x, w, b, a, up, other], results: [result] }, desktop);
    expect(templatesOf(fused)).toEqual(["matmul", "matmul", "matmul"]);
  });

  test("an optimizer step with four outputs, each in place", () => {
    const [w, g, m, v] = ["w", "g", "m", "v"].map((name) => input(name, 1 << 16)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const m1 = op("add", op("multiply", 0.9, m), op("multiply", 0.1, g));
    const v1 = op("add", op("multiply", 0.99, v), op("multiply", 0.01, op("multiply", g, g)));
    const w1 = op("subtract", w, op("multiply", 1e-3, op("divide", m1, op("add", op("sqrt", v1), 1e-8))));
    const g1 = op("multiply", g, 0.5);
    const fused = fuse({ parameters: [w, g, m, v], results: [w1, g1, m1, v1] }, desktop);
    const [kernel] = kernelsOf(fused);
    expect(templatesOf(fused)).toEqual(["map"]);
    if (kernel === undefined) return;
    const pairs = inPlaceCandidates(kernel, desktop);
    for (const output of [0, 1, 2, 3]) expect(pairs.filter(([to]) => to === output).length).toBe(4);
  });

  test("a cleared gradient is written by the kernel that read it", () => {
    const [w, g, v, h] = ["w", "g", "v", "h"].map((name) => input(name, 1 << 16)) as [
      Value,
      Value,
      Value,
      Value,
    ];
    const zero = constant(0, "f32", [1 << 16]);
    const region = {
      parameters: [w, g, v, h],
      results: [op("subtract", w, g), zero, op("subtract", v, h), zero],
    };
    const fused = fuse(region, desktop, { previous: [0, 1, 2, 3] });
    const kernels = kernelsOf(fused);
    expect(kernels.map(({ inputs }) => inputs.map((value) => value.node.attributes["name"]))).toEqual([
      ["w", "g"],
      ["v", "h"],
    ]);
    expect(kernels.map(({ outputs }) => outputs.length)).toEqual([2, 2]);
    expectSame(region, fused, 6);
  });

  test("zeros that something is computed with are not what a gradient is cleared to", () => {
    const [w, g] = [input("w", 512, 512), input("g", 512, 512)];
    const zero = constant(0, "f32", [512, 512]);
    const kept = apply("select", [apply("less", [w, g]), g, zero]);
    const norm = reshape(sum(op("multiply", kept, kept), 0, 1));
    const results = [op("subtract", w, op("multiply", g, norm)), zero];
    const fused = fuse({ parameters: [w, g], results }, desktop, { previous: [0, 1] });
    // The last kernel, which reads the gradient for the last time, clears it.
    const clearing = fused.results[1]?.node;
    expect(clearing?.attributes["template"]).toBe("map");
    expect(clearing).toBe(fused.results[0]?.node);
  });

  test("the gradient of a bias is added in the kernel that sums it", () => {
    const [dy, g] = [input("dy", 4, 128, 64), input("g", 64)];
    const region = { parameters: [dy, g], results: [op("add", g, reshape(sum(dy, 0, 1), 64))] };
    const fused = fuse(region, software);
    expect(templatesOf(fused)).toEqual(["reduce"]);
    const [kernel] = kernelsOf(fused);
    if (kernel !== undefined) expect(inPlaceCandidates(kernel, software).length).toBe(1);
  });
});

describe("what does not belong together stays apart", () => {
  test("an expensive prologue is not repeated by every tile of a large product", () => {
    const [a, b, w] = [input("a", 4096, 896), input("b", 4096, 896), input("w", 896, 4864)];
    const gated = op("multiply", op("divide", a, op("add", 1, op("exp", op("negate", a)))), b);
    expect(templatesOf(fuse({ parameters: [a, b, w], results: [matmul(gated, w)] }, desktop))).toEqual([
      "map",
      "matmul",
    ]);
  });

  test("a kernel never waits for itself", () => {
    const [x, w] = [input("x", 512, 64), input("w", 64, 64)];
    const a = op("tanh", x);
    const y = matmul(matmul(a, w), w);
    const region = { parameters: [x, w], results: [op("add", a, y)] };
    expectSame(region, fuse(region, desktop), 1);
  });

  test("a transposed reader is no reason to write over its input", () => {
    const x = input("x", 64, 64);
    const fused = fuse(
      { parameters: [x], results: [op("add", x, view("permute", x, { permutation: [1, 0] }))] },
      desktop,
    );
    const [kernel] = kernelsOf(fused);
    if (kernel !== undefined) expect(inPlaceCandidates(kernel, desktop)).toEqual([]);
  });

  test("more inputs than bindings are more kernels", () => {
    const many = Array.from({ length: 24 }, (_, index) => input(`x${index}`, 8));
    const [first, ...rest] = many as [Value, ...Value[]];
    const region = { parameters: many, results: [rest.reduce((all, next) => op("add", all, next), first)] };
    const fused = fuse(region, webgpu);
    for (const kernel of kernelsOf(fused))
      expect(kernel.inputs.length + kernel.outputs.length).toBeLessThanOrEqual(8);
    expectSame(region, fused, 2);
  });
});

describe("large sums are made in two", () => {
  const check = (region: Region, templates: readonly string[], seed: number): void => {
    const fused = fuse(region, desktop);
    expect(templatesOf(fused)).toEqual(templates);
    expectSame(region, fused, seed);
  };

  test("over everything, whatever the size", () => {
    const [x, y] = [input("x", 64, 257), input("y", 9973)];
    check({ parameters: [x], results: [op("sqrt", total(op("multiply", x, x)))] }, ["row", "row"], 10);
    check({ parameters: [y], results: [total(y)] }, ["row", "row"], 11);
  });

  test("down columns", () => {
    const [x, g] = [input("x", 2, 600, 24), input("g", 24)];
    check(
      { parameters: [x, g], results: [op("add", g, reshape(sum(x, 0, 1), 24))] },
      ["reduce", "reduce"],
      12,
    );
  });

  test("the largest of a prime number of elements stays in one kernel", () => {
    const x = input("x", 9973);
    check({ parameters: [x], results: [view("max", x, { axes: [0] })] }, ["row"], 13);
  });

  test("products with a long inner axis", () => {
    for (const [flipA, flipB] of [
      [true, false],
      [false, true],
    ] as const) {
      const [a, b, g] = [
        input("a", ...(flipA ? [1030, 8] : [8, 1030])),
        input("b", ...(flipB ? [12, 1030] : [1030, 12])),
        input("g", 8, 12),
      ];
      check(
        { parameters: [a, b, g], results: [op("add", g, matmul(a, b, flipA, flipB))] },
        ["matmul", "reduce"],
        14,
      );
    }
  });

  test("a join of many", () => {
    const many = Array.from({ length: 40 }, (_, index) => input(`x${index}`, 3));
    const region = {
      parameters: many,
      results: [op("exp", applyAll("concat", many, { axis: 0 })[0] as Value)],
    };
    const fused = fuse(region, webgpu);
    for (const kernel of kernelsOf(fused))
      expect(kernel.inputs.length + kernel.outputs.length).toBeLessThanOrEqual(8);
    expectSame(region, fused, 15);
  });
});

describe("edges of regions", () => {
  test("parameters, reshapes and repetitions pass through", () => {
    const x = input("x", 4, 6);
    const y = op("sin", x);
    const region = {
      parameters: [x],
      results: [x, reshape(x, 24), y, reshape(y, 2, 12), y, op("multiply", 2, 3)],
    };
    const fused = fuse(region, desktop);
    expect(problems(fused)).toEqual([]);
    expectSame(region, fused, 3);
  });

  test("bodies of repeats are fused", () => {
    const [x, w] = [input("x", 4, 8), input("w", 3, 8, 8)];
    const { carried } = repeat({
      count: 3,
      carried: [x],
      stacked: [w],
      body: (_, [h], [slice]) => ({ next: [op("tanh", matmul(h as Value, slice as Value))] }),
    });
    const region = { parameters: [x, w], results: [total(carried[0] as Value)] };
    const fused = fuse(region, desktop);
    expect(templatesOf(fused)).toContain("matmul");
    expect(problems(fused)).toEqual([]);
    expectSame(region, fused, 4);
  });

  test("a call without a kernel is compiled as what it means", () => {
    const [x, inner] = [input("x", 4, 8), input("x", 4, 8)];
    const [y] = applyAll("call", [x], { function: "f", kernel: "no such kernel" }, [
      { parameters: [inner], results: [op("exp", inner)] },
    ]);
    const region = { parameters: [x], results: [y as Value] };
    const fused = fuse(region, desktop);
    expect(templatesOf(fused)).toEqual(["map"]);
    expectSame(region, fused, 5);
  });
});
