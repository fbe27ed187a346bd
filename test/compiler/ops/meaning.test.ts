// What operations mean, by values worked out elsewhere: published tables, WGSL's rules for integers, small cases by hand.
import { expect, test } from "vitest";
import { apply, applyAll, broadcastTogether, constant, parameter } from "../../../compiler/ir/build.ts";
import type { Attributes, ElementType, Region } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { threefry, uniform } from "../../../compiler/ops/random.ts";
import { round, toBf16 } from "../../../compiler/ops/rounding.ts";
import { gradientRegion, tensor } from "./samples.ts";
import { operationOf } from "../../../compiler/ops/index.ts";

function run(
  operation: string,
  type: ElementType | readonly ElementType[],
  inputs: readonly Tensor[],
  attributes: Attributes = {},
): number[] {
  const types = typeof type === "string" ? inputs.map(() => type) : type;
  const parameters = inputs.map(({ shape }, i) => parameter({ shape, type: types[i] ?? "f32" }, `x${i}`));
  const [result] = interpret({ parameters, results: applyAll(operation, parameters, attributes) }, inputs);
  return [...(result?.data ?? [])];
}

test("threefry gives the published answers", () => {
  // kat_vectors of Random123 1.14, threefry2x32 with 20 rounds.
  expect(threefry([0, 0], [0, 0])).toEqual([0x6b200159, 0x99ba4efe]);
  expect(threefry([0xffffffff, 0xffffffff], [0xffffffff, 0xffffffff])).toEqual([0x1cb996fc, 0xbb002be7]);
  expect(threefry([0x13198a2e, 0x03707344], [0x243f6a88, 0x85a308d3])).toEqual([0xc4923a9c, 0x483df7a0]);
});

test("random numbers are exact in f32, inside (0, 1), and spread evenly", () => {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < 20000; i++) {
    const value = uniform(7, 3, 0, i);
    expect(Math.fround(value)).toBe(value);
    sum += value;
    squares += value * value;
  }
  expect(sum / 20000).toBeCloseTo(1 / 2, 2);
  expect(squares / 20000).toBeCloseTo(1 / 3, 2);
});

test("the error function", () => {
  const x = [0, 0.1, 0.5, 1, 2, 2.5, 3, 4, -1, 7];
  const wanted = [
    0, 0.1124629160182849, 0.5204998778130465, 0.8427007929497149, 0.9953222650189527, 0.999593047982555,
    0.9999779095030014, 0.9999999845827421, -0.8427007929497149, 1,
  ];
  run("erf", "f32", [tensor([10], x)]).forEach((value, i) => expect(value).toBeCloseTo(wanted[i] ?? NaN, 14));
});

test("integers wrap, truncate and survive division by zero", () => {
  const pair = (a: number[], b: number[]): Tensor[] => [tensor([a.length], a), tensor([b.length], b)];
  expect(run("add", "i32", pair([2147483647], [1]))).toEqual([-2147483648]);
  expect(run("subtract", "u32", pair([0], [1]))).toEqual([4294967295]);
  expect(run("multiply", "u32", pair([4294967295], [4294967295]))).toEqual([1]);
  expect(run("divide", "i32", pair([-7, 7, 5], [2, 2, 0]))).toEqual([-3, 3, 5]);
  expect(run("remainder", "i32", pair([-7, 7, 5], [2, 2, 0]))).toEqual([-1, 1, 0]);
});

test("casts round to nearest even, truncate and clamp", () => {
  expect(run("cast", "f32", [tensor([4], [1.9, -1.9, 1e20, -1e20])], { type: "i32" })).toEqual([
    1, -1, 2147483647, -2147483648,
  ]);
  expect(run("cast", "f32", [tensor([3], [-3, 2.5, 0])], { type: "u32" })).toEqual([0, 2, 0]);
  expect(run("cast", "f32", [tensor([3], [-3, 0, 1e-9])], { type: "bool" })).toEqual([1, 0, 1]);
  expect(run("cast", "f32", [tensor([3], [2049, 2051, 65520])], { type: "f16" })).toEqual([
    2048,
    2052,
    Infinity,
  ]);
  expect(run("cast", "f32", [tensor([4], [257, 259, 258, -257.5])], { type: "bf16" })).toEqual([
    256, 260, 258, -258,
  ]);
});

test("bf16 is the nearer of its neighbours, even where float64 lies beside a tie", () => {
  expect(toBf16(1 + 2 ** -8)).toBe(1);
  expect(toBf16(1 + 3 * 2 ** -8)).toBe(1 + 2 ** -6);
  // f32 would round these onto the tie and lose the side.
  expect(toBf16(1 + 2 ** -8 + 2 ** -40)).toBe(1 + 2 ** -7);
  expect(toBf16(-(1 + 3 * 2 ** -8 - 2 ** -40))).toBe(-(1 + 2 ** -7));
  expect(toBf16(3.4e38)).toBe(Infinity);
  expect(toBf16(NaN)).toBe(NaN);
  expect(Object.is(toBf16(-0), -0)).toBe(true);
  expect(toBf16(2 ** -133)).toBe(2 ** -133);
  expect(round(5e-8, "f16")).toBe(2 ** -24);
});

test("matrix products of every kind agree with sums written out", () => {
  const a = tensor([2, 2], [1, 2, 3, 4]);
  const b = tensor([2, 2], [5, 6, 7, 8]);
  const flags = (transpose_a: boolean, transpose_b: boolean): Attributes => ({ transpose_a, transpose_b });
  expect(run("matmul", "f32", [a, b], flags(false, false))).toEqual([19, 22, 43, 50]);
  expect(run("matmul", "f32", [a, b], flags(true, false))).toEqual([26, 30, 38, 44]);
  expect(run("matmul", "f32", [a, b], flags(false, true))).toEqual([17, 23, 39, 53]);
  expect(run("matmul", "f32", [a, b], flags(true, true))).toEqual([23, 31, 34, 46]);
  const two = tensor([2, 1, 2], [1, 2, 3, 4]);
  expect(run("matmul", ["bf16", "f32"], [two, b], flags(false, false))).toEqual([19, 22, 43, 50]);
});

test("reductions keep their axes", () => {
  const x = tensor([2, 3], [1, 2, 3, 4, 5, 6]);
  expect(run("sum", "f32", [x], { axes: [0] })).toEqual([5, 7, 9]);
  expect(run("sum", "f32", [x], { axes: [1] })).toEqual([6, 15]);
  expect(run("max", "f32", [x], { axes: [0, 1] })).toEqual([6]);
});

test("the gradient of max is shared among equals", () => {
  const sample = {
    inputs: [{ shape: [4], type: "f32", data: [2, 5, 5, 1] }],
    attributes: { axes: [0] },
  } as const;
  const gradient = gradientRegion({ title: "", record: operationOf("max"), sample });
  const [found] =
    gradient === undefined ? [] : interpret(gradient.region, [tensor([4], [2, 5, 5, 1]), tensor([1], [6])]);
  expect([...(found?.data ?? [])]).toEqual([0, 3, 3, 0]);
});

test("rows are taken and added by index, and an index outside is refused", () => {
  const table = tensor([3, 2], [1, 2, 3, 4, 5, 6]);
  expect(run("take", ["f32", "u32"], [table, tensor([2], [2, 0])])).toEqual([5, 6, 1, 2]);
  expect(run("scatter_add", ["f32", "u32"], [table, tensor([3], [1, 0, 1])], { count: 2 })).toEqual([
    3, 4, 6, 8,
  ]);
  expect(() => run("take", ["f32", "u32"], [table, tensor([1], [3])])).toThrow("outside a table of 3 rows");
  expect(() => run("take", ["f32", "i32"], [table, tensor([1], [-1])])).toThrow(RangeError);
});

test("repeat carries, stacks and runs backward", () => {
  const sum = parameter({ shape: [], type: "f32" }, "sum");
  const factor = parameter({ shape: [], type: "f32" }, "factor");
  const item = parameter({ shape: [], type: "f32" }, "item");
  const next = apply("add", [apply("multiply", [sum, factor]), item]);
  const body: Region = { parameters: [factor, sum, item], results: [next, sum] };
  const run = (reverse: boolean): number[][] => {
    const items = parameter({ shape: [3], type: "f32" }, "items");
    const attributes = { count: 3, constants: 1, carried: 1, reverse };
    const results = applyAll("repeat", [constant(10), constant(0), items], attributes, [body]);
    return interpret({ parameters: [items], results }, [tensor([3], [1, 2, 3])]).map(({ data }) => [...data]);
  };
  expect(run(false)).toEqual([[123], [0, 1, 12]]);
  expect(run(true)).toEqual([[321], [32, 3, 0]]);
});

test("values are brought together by views", () => {
  const [a, b] = broadcastTogether([constant(1, "f32", [3, 1]), constant(2, "f32", [2])]);
  expect([a?.shape, b?.shape]).toEqual([
    [3, 2],
    [3, 2],
  ]);
  expect(a?.node.operation).toBe("broadcast");
  expect(() => broadcastTogether([constant(1, "f32", [3]), constant(2, "f32", [2])])).toThrow(
    "do not go together",
  );
});
