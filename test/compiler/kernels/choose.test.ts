// Kernels as text and numbers, without a device: bindings, sizes, limits, and equal texts for equal work.
import { describe, expect, test } from "vitest";
import { applyAll, parameter } from "../../../compiler/ir/build.ts";
import { topological, type Node, type Value } from "../../../compiler/ir/graph.ts";
import { chooseKernel } from "../../../compiler/kernels/choose.ts";
import { spread } from "../../../compiler/kernels/draft.ts";
import { plainLayouts, type Kernel } from "../../../compiler/kernels/kernel.ts";
import { fuse } from "../../../compiler/passes/fuse.ts";
import { desktop, software, webgpu } from "../../../compiler/profile/builtin.ts";
import { builtinProfiles } from "../../../compiler/profile/named.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { input, matmul, op, sum, view } from "../passes/graphs.ts";
import { randomRegion } from "../passes/random-graphs.ts";

function kernelsOf(parameters: readonly Value[], results: readonly Value[], profile = desktop): Kernel[] {
  const fused = fuse({ parameters, results }, profile);
  return topological(fused.results)
    .filter(({ operation }) => operation === "fused")
    .flatMap((node: Node) => chooseKernel(node, plainLayouts, profile));
}

test("every kernel of random graphs keeps to its profile's limits and binds what it names", () => {
  for (const profile of builtinProfiles.values()) {
    for (let seed = 0; seed < 15; seed++) {
      const { parameters, results } = randomRegion(seed);
      const nodes = topological(fuse({ parameters, results }, profile).results);
      for (const node of nodes.filter(({ operation }) => operation === "fused")) {
        for (const kernel of chooseKernel(node, plainLayouts, profile)) {
          const { limits } = profile;
          const [x, y, z] = kernel.workgroupSize;
          expect(x * y * z).toBeLessThanOrEqual(limits.maxComputeInvocationsPerWorkgroup);
          expect(z).toBeLessThanOrEqual(limits.maxComputeWorkgroupSizeZ);
          expect(kernel.workgroupMemory).toBeLessThanOrEqual(limits.maxComputeWorkgroupStorageSize);
          expect(Math.max(...kernel.workgroups)).toBeLessThanOrEqual(limits.maxComputeWorkgroupsPerDimension);
          expect(kernel.bindings.length).toBeLessThanOrEqual(limits.maxStorageBuffersPerShaderStage);
          expect(kernel.values.length).toBe(kernel.bindings.length);
          kernel.bindings.forEach(({ name, reads, writes }, index) => {
            expect(kernel.wgsl).toContain(`@binding(${index}) var<storage, read_write> ${name}:`);
            expect(reads || writes).toBe(true);
          });
        }
      }
    }
  }
});

test("the same work has the same text, whatever its values are called", () => {
  const texts = ["one", "two"].map((name) => {
    const [x, w] = [input(name, 64, 32), input(`${name} weight`, 16, 32)];
    return kernelsOf([x, w], [op("tanh", matmul(x, w, false, true))]).map(({ wgsl }) => wgsl);
  });
  expect(texts[0]).toEqual(texts[1]);
  expect(texts[0]?.length).toBe(1);
});

test("an input that nothing reads has no binding", () => {
  const [x, y] = [input("x", 8), input("y", 8)];
  const [inner, other] = [input("x", 8), input("y", 8)];
  const [result] = applyAll("fused", [x, y], { template: "map" }, [
    { parameters: [inner, other], results: [op("exp", inner)] },
  ]);
  const kernels = result === undefined ? [] : chooseKernel(result.node, plainLayouts, desktop);
  expect(kernels.map(({ values }) => values)).toEqual([
    [
      { input: 0, output: undefined },
      { input: undefined, output: 0 },
    ],
  ]);
});

describe("elements are read four at a time where they lie so", () => {
  const wide = (kernels: readonly Kernel[]): boolean =>
    kernels.every(({ wgsl }) => wgsl.includes("array<vec4<f32>>"));
  test("in maps and rows of a multiple of four", () => {
    const x = input("x", 6, 64);
    expect(wide(kernelsOf([x], [op("exp", x)]))).toBe(true);
    expect(wide(kernelsOf([x], [op("multiply", x, sum(x, 1))]))).toBe(true);
    const odd = input("x", 6, 63);
    expect(wide(kernelsOf([odd], [op("multiply", odd, sum(odd, 1))]))).toBe(false);
  });

  test("along the axis of a product's operand that is contiguous", () => {
    const [x, w] = [input("x", 256, 64), input("w", 128, 64)];
    for (const [a, flipA] of [
      [x, false],
      [view("permute", x, { permutation: [1, 0] }), true],
    ] as const) {
      expect(wide(kernelsOf([x, w], [matmul(a, w, flipA, true)]))).toBe(true);
    }
  });
});

test("loops of GPUs have constant bounds", () => {
  const [x, w] = [input("x", 512, 640), input("w", 640, 96)];
  for (const { wgsl } of kernelsOf([x, w], [matmul(x, w), sum(op("multiply", x, x), 1)], webgpu)) {
    for (const [, bound] of wgsl.matchAll(/for \(var \w+ = 0u; \w+ < ([^;]+);/g))
      expect(bound).toMatch(/^\d+u$/);
  }
});

test("16-bit values are stored in pairs", () => {
  const x = parameter({ shape: [3, 7], type: "bf16" }, "x");
  const y = view("cast", op("multiply", 2, view("cast", x, { type: "f32" })), { type: "bf16" });
  const [kernel] = kernelsOf([x], [y], software);
  expect(kernel?.bindings.map(({ bytes }) => bytes)).toEqual([44, 44]);
});

test("workgroups are spread over dimensions with few to spare", () => {
  for (const [groups, limit] of [
    [5, 65_535],
    [65_536, 65_535],
    [70_001, 65_535],
    [1_000_003, 1000],
    [7, 2],
  ] as const) {
    const sizes = spread(groups, limit);
    const total = sizes[0] * sizes[1] * sizes[2];
    expect(total).toBeGreaterThanOrEqual(groups);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(limit);
    expect(total - groups).toBeLessThan(groups * 0.5 + 1);
  }
});

test("a profile of a device takes its limits, and tiles for its kind", () => {
  const limits = { maxComputeWorkgroupStorageSize: 49_152, maxBufferSize: 2 ** 32 };
  const gpu = profileFromDevice({ name: "a card", isSoftware: false, limits, features: ["subgroups"] });
  expect(gpu.limits.maxBufferSize).toBe(2 ** 32);
  expect(gpu.limits.maxStorageBuffersPerShaderStage).toBe(8);
  expect(gpu.tiles).toBe(desktop.tiles);
  expect(profileFromDevice({ name: "phone", isSoftware: false, limits: {}, features: [] }).tiles).toBe(
    webgpu.tiles,
  );
  const processor = profileFromDevice(
    { name: "llvmpipe", isSoftware: true, limits: {}, features: [] },
    2 ** 30,
  );
  expect(processor.tiles).toBe(software.tiles);
  expect(processor.memory).toBe(2 ** 30);
});
