// Rules on tensors that end at a bound: what they find, and that they change no result, infinities included.
import { expect, test } from "vitest";
import { apply, broadcastTo, parameter } from "../../../compiler/ir/build.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { sizeOf, topological, type Value } from "../../../compiler/ir/graph.ts";
import { boundOf } from "../../../compiler/kernels/ends.ts";
import { simplify } from "../../../compiler/passes/simplify.ts";
import { input, matmul, reshape, view } from "./graphs.ts";

const bound = parameter({ shape: [], type: "u32" }, "bound");
const until = (x: Value, axis: number, end: Value = bound): Value => apply("until", [x, end], { axis });

const operations = (results: readonly Value[]): string[] =>
  topological(results).flatMap(({ operation }) => (operation === "parameter" ? [] : [operation]));

test("an end that is said twice is said once, and one bound for all slices is a scalar", () => {
  const x = input("x", 3, 4, 5);
  const every = until(until(x, 2, broadcastTo(bound, [3])), 2);
  const { results } = simplify({ parameters: [x, bound], results: [every] });
  expect(operations(results)).toEqual(["until"]);
  expect(results[0]?.node.inputs).toEqual([x, bound]);
});

test.each([
  ["rows", 0, false, false],
  ["rows", 0, true, true],
  ["columns", 1, false, false],
  ["columns", 1, true, true],
] as const)("%s that are cut off a product are not computed", (_, axis, transpose_a, transpose_b) => {
  const [a, b] = [
    transpose_a ? input("a", 3, 4) : input("a", 4, 3),
    transpose_b ? input("b", 5, 3) : input("b", 3, 5),
  ];
  const region = {
    parameters: [a, b, bound],
    results: [until(matmul(a, b, transpose_a, transpose_b), axis)],
  };
  const simple = simplify(region);
  const product = topological(simple.results).find(({ operation }) => operation === "matmul");
  const operand = product?.inputs[axis];
  expect(operand?.node.operation).toBe("until");
  expect(boundOf(operand ?? a, (axis === 0) === transpose_a ? 1 : 0, new Set())).toBe(bound);
  const values = [a, b].map(({ shape }) => ({
    shape,
    data: Float64Array.from({ length: sizeOf(shape) }, (__, at) => (at % 7 === 6 ? Infinity : at)),
  }));
  for (const end of [0, 2, 9]) {
    const given = [...values, { shape: [], data: Float64Array.of(end) }];
    expect(interpret(simple, given)).toEqual(interpret(region, given));
  }
});

test("a bound is found through views that keep the axis, and not through others", () => {
  const x = until(input("x", 4, 6), 1);
  const find = (value: Value, axis: number): Value | undefined => boundOf(value, axis, new Set());
  expect(find(x, 1)).toBe(bound);
  expect(find(x, 0)).toBeUndefined();
  expect(find(view("permute", x, { permutation: [1, 0] }), 0)).toBe(bound);
  expect(find(reshape(x, 2, 2, 6), 2)).toBe(bound);
  expect(find(reshape(x, 4, 2, 3), 1)).toBeUndefined();
  expect(find(view("pad", x, { before: [1, 0], after: [0, 0] }), 1)).toBe(bound);
  expect(find(view("pad", x, { before: [0, 1], after: [0, 0] }), 1)).toBeUndefined();
  expect(find(view("cast", x, { type: "f16" }), 1)).toBe(bound);
  expect(find(view("exp", x, {}), 1)).toBeUndefined();
  expect(boundOf(x, 1, new Set([x]))).toBeUndefined();
});
