// The kernels of attention and of its gradients, both ways of computing them, against the library function's meaning in float64.
import { afterAll, describe, expect, test } from "vitest";
import { apply, applyAll, builderFor, NOWHERE, parameter } from "../../../compiler/ir/build.ts";
import { topological, type Node } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { plainLayouts, type Kernel, type Layouts } from "../../../compiler/kernels/kernel.ts";
import { kernelGradients, libraryKernels, narrowKernels } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { precise } from "../../../compiler/passes/precision.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { desktopTiles, softwareTiles } from "../../../compiler/profile/builtin.ts";
import { readKernelText } from "../../../compiler/verify/wgsl.ts";
import { numbersFrom, randomTensor } from "../../compiler/kernels/tensors.ts";
import { openBench, relativeError, runKernels } from "./harness.ts";
import { constant, given, libraryCall } from "./library-call.ts";

interface Case {
  readonly tokens: number;
  readonly heads: number;
  readonly groups: number;
  readonly width: number;
  readonly rows?: number;
  readonly window?: number;
  readonly packed?: boolean;
  readonly cap?: number;
  readonly causal?: boolean;
  readonly prefix?: number;
}

/** The call as elaboration makes it. */
function callOf({ rows = 2, tokens, heads, groups, width, ...rest }: Case): Node {
  const { window = 1e9, cap = 0, causal = true, prefix = 0 } = rest;
  return libraryCall("attention_with_statistics", [
    given("q", [rows, tokens, heads, width]),
    given("k", [rows, prefix + tokens, groups, width]),
    given("v", [rows, prefix + tokens, groups, width]),
    given("segments", [rows, tokens], "i32"),
    constant(1 / Math.sqrt(width)),
    constant(window),
    constant(cap),
    constant(causal),
    constant(prefix),
  ]);
}

/** The call as mixed precision makes it, where a product follows. */
function narrowed(call: Node, type: "f16" | "bf16"): Node {
  const [o] = call.outputs;
  if (o === undefined) throw new Error("attention has no results");
  const w = parameter({ shape: [o.shape[3] ?? 1, 2], type: "f32" }, "w");
  const result = apply("matmul", [o, w], { transpose_a: false, transpose_b: false });
  const reads = ["q", "k", "v", "segments", "w"];
  const region = { parameters: [...call.inputs, w], results: [result] };
  const program = { name: "micro", reads, writes: ["y"], region };
  const precision = { compute: type, store: type } as const;
  const found = precise(program, new Set(["w"]), precision, narrowKernels);
  const made = topological(found.region.results).find(({ operation }) => operation === "call");
  if (made === undefined) throw new Error("no call");
  const parameters = made.inputs.map((input, index) => parameter(input, `input${index}`));
  const [first] = applyAll("call", parameters, made.attributes, made.regions);
  if (first === undefined) throw new Error("no results");
  return first.node;
}

/** The backward call as differentiation makes it, for the gradients of some of q, k and v. */
function backwardOf(call: Node, wanted: readonly number[], of: readonly number[] = [0]): Node {
  const builder = builderFor(NOWHERE);
  const terms = of.map((output) => {
    const value = call.outputs[output];
    if (value === undefined) throw new Error(`no output ${output}`);
    const wide = value.type === "f32" ? value : apply("cast", [value], { type: "f32" });
    const weights = parameter(wide, "weights");
    const product = apply("multiply", [wide, weights]);
    return { weights, sum: apply("sum", [product], { axes: value.shape.map((_, axis) => axis) }) };
  });
  const scalars = terms.map(({ sum }) => apply("reshape", [sum], { shape: [] }));
  const loss = scalars.reduce((total, each) => apply("add", [total, each]), builder.constant(0, "f32", []));
  const region = { parameters: [...call.inputs, ...terms.map(({ weights }) => weights)], results: [loss] };
  const both = differentiate(region, { of: 0, withRespectTo: wanted, kernelGradients });
  const found = topological(both.results).find(
    ({ attributes }) => attributes["kernel"] === "attention_backward",
  );
  if (found === undefined) throw new Error("no backward call");
  return found;
}

function regionOf(node: Node) {
  const [region] = node.regions;
  if (region === undefined) throw new Error("a call without a region");
  return region;
}

/** All results as one: where a query sees only itself its gradient is zero, and errors are measured by the other results. */
function joined(tensors: readonly Tensor[]): Tensor {
  const data = Float64Array.from(tensors.flatMap((each) => [...each.data]));
  return { shape: [data.length], data };
}

/** Queries, keys, values and segments: packed ones change in the row and end with padding; the last row is padding only. */
function inputsOf(call: Node, { packed = false }: Case): Tensor[] {
  const random = numbersFrom(7);
  return call.inputs.map((value) => {
    if (value.type !== "i32") return randomTensor(value, random);
    const [rows = 0, tokens = 0] = value.shape;
    const segment = (row: number, t: number): number => {
      if (!packed) return 1;
      if (row === rows - 1 && rows > 1) return 0;
      return t >= tokens * 0.85 ? 0 : 1 + Math.floor(t / (tokens * 0.3));
    };
    const data = Float64Array.from({ length: rows * tokens }, (_, at) =>
      segment(Math.floor(at / tokens), at % tokens),
    );
    return { shape: value.shape, data };
  });
}

function choose(node: Node, profile: DeviceProfile, layouts: Layouts = plainLayouts): readonly Kernel[] {
  const kernels = libraryKernels.get(String(node.attributes["kernel"]))?.choose(node, layouts, profile);
  if (kernels === undefined) throw new Error("declined");
  return kernels;
}

function checkText({ wgsl, bindings, workgroupMemory }: Kernel, { limits }: DeviceProfile): void {
  const read = readKernelText(wgsl);
  const uses = ({ name, reads, writes }: { name: string; reads: boolean; writes: boolean }) => ({
    name,
    reads,
    writes,
  });
  expect(read.unclear).toEqual([]);
  expect(read.workgroupMemory).toBe(workgroupMemory);
  expect(workgroupMemory).toBeLessThanOrEqual(limits.maxComputeWorkgroupStorageSize);
  expect(read.bindings.map(uses)).toEqual(bindings.map(uses));
  expect(bindings.length).toBeLessThanOrEqual(limits.maxStorageBuffersPerShaderStage);
}

const cases: readonly Case[] = [
  { tokens: 1, heads: 2, groups: 1, width: 8 },
  { tokens: 47, heads: 4, groups: 2, width: 16 },
  { tokens: 47, heads: 2, groups: 2, width: 80, packed: true },
  { tokens: 49, heads: 2, groups: 1, width: 20, packed: true, window: 30 },
  { tokens: 130, heads: 4, groups: 1, width: 32, packed: true },
  { tokens: 130, heads: 3, groups: 3, width: 64, window: 17 },
  { tokens: 130, heads: 2, groups: 1, width: 8, window: 64, packed: true, rows: 3 },
  { tokens: 64, heads: 2, groups: 2, width: 64 },
  { tokens: 33, heads: 2, groups: 1, width: 6, window: 1 },
  { tokens: 67, heads: 2, groups: 1, width: 18 },
  { tokens: 70, heads: 2, groups: 1, width: 128, packed: true },
  { tokens: 65, heads: 1, groups: 1, width: 256, rows: 1 },
  { tokens: 130, heads: 2, groups: 1, width: 8, cap: 0.4, window: 40, packed: true },
  { tokens: 70, heads: 2, groups: 1, width: 20, causal: false, packed: true },
  { tokens: 67, heads: 2, groups: 1, width: 8, causal: false, window: 20 },
  { tokens: 33, heads: 2, groups: 2, width: 8, prefix: 5, packed: true },
  { tokens: 130, heads: 2, groups: 1, width: 8, prefix: 70, window: 17, packed: true },
  {
    tokens: 90,
    heads: 2,
    groups: 1,
    width: 8,
    prefix: 40,
    window: 30,
    packed: true,
    causal: false,
    cap: 0.5,
  },
  { tokens: 1, heads: 1, groups: 1, width: 4, prefix: 20 },
];

const bench = await openBench();
afterAll(() => bench[Symbol.dispose]());
const { profile } = bench;
const small = {
  ...profile.limits,
  maxStorageBuffersPerShaderStage: 8,
  maxComputeWorkgroupStorageSize: 16_384,
};
const profiles: Readonly<Record<string, DeviceProfile>> = {
  direct: { ...profile, tiles: softwareTiles },
  tiled: { ...profile, tiles: desktopTiles },
  "tiled in 16 KiB": { ...profile, tiles: desktopTiles, limits: small },
};

describe("attention", () => {
  function profileOf(name: string): DeviceProfile {
    const profile = profiles[name];
    if (profile === undefined) throw new Error(`no profile ${name}`);
    return profile;
  }

  async function check(
    name: string,
    node: Node,
    inputs: readonly Tensor[],
    layouts = plainLayouts,
    within = 2e-5,
  ): Promise<Tensor[]> {
    const kernels = choose(node, profileOf(name), layouts);
    for (const kernel of kernels) checkText(kernel, profileOf(name));
    const found = await runKernels(bench, kernels, node, inputs, layouts);
    const expected = interpret(regionOf(node), inputs);
    expect(relativeError(joined(found), joined(expected))).toBeLessThan(within);
    return found;
  }

  describe.each(["direct", "tiled", "tiled in 16 KiB"])("%s", (name) => {
    // Software devices take half a minute to compile the kernels of a tiled case: there two narrow ones stand for all.
    const isBrief = bench.opened.facts.isSoftware && name !== "direct";
    const shown = cases.filter(
      (each) =>
        !isBrief || (name === "tiled" && each.width === 8 && (each.window === 64 || each.prefix === 40)),
    );
    test.each(shown)(
      "$tokens tokens, $heads heads on $groups, width $width, window $window, packed $packed, cap $cap, causal $causal, prefix $prefix",
      async (shape) => {
        const call = callOf(shape);
        const inputs = inputsOf(call, shape);
        const results = await check(name, call, inputs);
        const backward = backwardOf(call, [0, 1, 2]);
        const gradient = randomTensor(call.outputs[0] ?? { shape: [], type: "f32" }, numbersFrom(11));
        const given = [gradient, ...inputs, ...results];
        const gradients = await check(name, backward, given);
        const again = await runKernels(bench, choose(backward, profileOf(name)), backward, given);
        expect(again.map(({ data }) => data)).toEqual(gradients.map(({ data }) => data));
        const once = await runKernels(bench, choose(call, profileOf(name)), call, inputs);
        expect(once.map(({ data }) => data)).toEqual(results.map(({ data }) => data));
      },
      600_000,
    );

    const in16Bits = shown.filter(
      ({ width, tokens }) => width === 6 || (width === 16 && tokens === 47) || width === 18 || isBrief,
    );
    test.each(["f16", "bf16"] as const)(
      "values in %s",
      async (type) => {
        for (const shape of in16Bits) {
          const call = narrowed(callOf(shape), type);
          expect([...call.inputs, ...call.outputs].map((value) => value.type)).toEqual([
            type,
            type,
            type,
            "i32",
            type,
            "f32",
          ]);
          const inputs = inputsOf(call, shape);
          // What is stored is rounded, and the gradients start from stored outputs.
          const within = type === "f16" ? 2e-3 : 1.6e-2;
          const results = await check(name, call, inputs, plainLayouts, within);
          const backward = backwardOf(call, [0, 1, 2]);
          const [dO] = backward.inputs;
          const gradient = randomTensor(dO ?? { shape: [], type }, numbersFrom(11));
          await check(name, backward, [gradient, ...inputs, ...results], plainLayouts, within);
        }
      },
      600_000,
    );

    test("every text is valid WGSL and says what it binds", async () => {
      const { device } = bench.opened;
      for (const shape of cases) {
        const plain = callOf(shape);
        for (const node of [plain, narrowed(plain, "f16")].flatMap((each) => [
          each,
          backwardOf(each, [0, 1, 2]),
        ])) {
          for (const kernel of choose(node, profileOf(name))) {
            checkText(kernel, profileOf(name));
            const info = await device.createShaderModule({ code: kernel.wgsl }).getCompilationInfo();
            expect(info.messages.map(({ message }) => message)).toEqual([]);
          }
        }
      }
      expect(bench.opened.takeErrors()).toEqual([]);
    });

    if (!isBrief)
      test("only the gradients that are wanted", async () => {
        const shape = { tokens: 20, heads: 2, groups: 1, width: 8 };
        const call = callOf(shape);
        const inputs = inputsOf(call, shape);
        const gradient = randomTensor(call.outputs[0] ?? { shape: [], type: "f32" }, numbersFrom(11));
        const given = [gradient, ...inputs, ...interpret(regionOf(call), inputs)];
        for (const wanted of [[0], [1], [2], [0, 2]]) {
          const backward = backwardOf(call, wanted);
          expect(backward.outputs).toHaveLength(wanted.length);
          await check(name, backward, given);
        }
      });

    if (!isBrief)
      test("rows that lie apart, and a value that stands at two inputs", async () => {
        const shape = { tokens: 20, heads: 2, groups: 1, width: 8 };
        const plain = callOf(shape);
        const [q, k, , segments] = plain.inputs;
        if (q === undefined || k === undefined || segments === undefined) throw new Error("no inputs");
        const call = { ...plain, inputs: [q, k, k, segments] };
        const [queries, keys, , places] = inputsOf(plain, shape);
        if (queries === undefined || keys === undefined || places === undefined) throw new Error("no inputs");
        const inputs = [queries, keys, keys, places];
        const apart = { inputStrides: [384, 192, 192, 64], outputStrides: [448, 66], inPlace: [] };
        const results = await check(name, call, inputs, apart);
        for (const kernel of choose(call, profileOf(name), apart)) expect(kernel.bindings).toHaveLength(5);
        const gradient = randomTensor(q, numbersFrom(11));
        const backward = backwardOf(plain, [0, 1, 2]);
        const [dO, , , , , o, lse] = backward.inputs;
        if (dO === undefined || o === undefined || lse === undefined) throw new Error("no inputs");
        const shared = { ...backward, inputs: [dO, q, k, k, segments, o, lse] };
        await check(name, shared, [gradient, ...inputs, ...results], {
          inputStrides: [384, 384, 192, 192, 64, 448, 66],
          outputStrides: [undefined, 320],
          inPlace: [],
        });
      });

    test("declines what it cannot compute", () => {
      const shape = { tokens: 3, heads: 2, groups: 1, width: 8 };
      const call = callOf(shape);
      const answer = (node: Node) =>
        libraryKernels.get(String(node.attributes["kernel"]))?.choose(node, plainLayouts, profileOf(name));
      expect(answer({ ...call, inputs: call.inputs.map((input) => ({ ...input, type: "f16" })) })).toBe(
        undefined,
      );
      expect(answer(callOf({ ...shape, width: 260 }))).toBe(undefined);
      expect(answer(callOf({ ...shape, window: 0 }))).toBe(undefined);
      expect(answer(backwardOf(call, [0, 1, 2], [0, 1]))).toBe(undefined);
    });
  });
});
