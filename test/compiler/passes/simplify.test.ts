import fc from "fast-check";
import { describe, expect, it, test } from "vitest";
import { apply, constant } from "../../../compiler/ir/build.ts";
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { printRegion } from "../../../compiler/ir/text.ts";
import { validateRegion } from "../../../compiler/ir/validate.ts";
import { simplify, type Simplification } from "../../../compiler/passes/simplify.ts";
import { input, matmul, numbers, op, repeat, reshape, run, stretch, sum, view } from "./graphs.ts";
import { randomRegion } from "./random-graphs.ts";

/** The region's lines before and after, without those of its parameters; what is yielded when nothing else is left. */
function change(parameters: Value[], results: Value[], options?: Simplification): string {
  const before = { parameters, results };
  const after = simplify(before, options);
  expect(validateRegion(after, "after")).toEqual([]);
  expectSame(before, after);
  return `\n${lines(before)}\n=>\n${lines(after)}\n`;
}

function lines(region: Region): string {
  return printRegion(region)
    .split("\n")
    .slice(1, -2)
    .filter((line) => !line.startsWith("  %") || !line.includes(" = parameter "))
    .map((line) => line.slice(2))
    .join("\n");
}

function expectSame(before: Region, after: Region): void {
  const inputs = numbers(before);
  const [expected, found] = [run(before, inputs), run(after, inputs)];
  expected.forEach((tensor, index) => {
    expect(found[index]?.shape).toEqual(tensor.shape);
    tensor.data.forEach((value, at) => {
      const other = found[index]?.data[at] ?? Number.NaN;
      if (!Object.is(value, other))
        expect(Math.abs(other - value)).toBeLessThanOrEqual(1e-9 * (1 + Math.abs(value)));
    });
  });
}

const [x, y] = [input("x", 2, 3), input("y", 2, 3)];
const flag = apply("less", [x, y]);

describe("rules of arithmetic", () => {
  const cases: readonly [string, Value, Simplification?][] = [
    ["equal values are one", op("add", op("sin", x), op("sin", x))],
    ["constants are folded", op("multiply", x, op("exp", op("add", constant(1, "f32", [2, 3]), 2)))],
    ["x + 0, 1 · x, x / 1, x − 0", op("subtract", op("divide", op("multiply", 1, op("add", x, 0)), 1), 0)],
    [
      "negate twice, not twice",
      apply("select", [apply("not", [apply("not", [flag])]), op("negate", op("negate", x)), y]),
    ],
    [
      "casts",
      apply(
        "cast",
        [
          apply("cast", [apply("cast", [apply("cast", [x], { type: "f16" })], { type: "f32" })], {
            type: "f16",
          }),
        ],
        { type: "f32" },
      ),
    ],
    ["select by a constant", apply("select", [constant(0, "bool", [2, 3]), x, y])],
    ["select between equals", apply("select", [flag, x, x])],
    ["select by a negation", apply("select", [apply("not", [flag]), x, y])],
    [
      "and, or with constants",
      apply("select", [
        apply("or", [apply("and", [flag, constant(1, "bool", [2, 3])]), constant(0, "bool", [2, 3])]),
        x,
        y,
      ]),
    ],
    ["stop_gradient stays until differentiation", op("stop_gradient", x)],
    ["stop_gradient goes after differentiation", op("stop_gradient", x), { differentiated: true }],
  ];
  test.for(cases)("%s", ([, value, options], { expect }) => {
    expect(change([x, y], [value], options)).toMatchSnapshot();
  });
});

describe("rules on views, reductions and products", () => {
  const a = input("a", 4, 2, 3);
  const w = input("w", 5, 3);
  const cases: readonly [string, Value][] = [
    ["reshape of reshape", reshape(reshape(x, 3, 2), 6)],
    ["reshape back", reshape(reshape(x, 6), 2, 3)],
    [
      "permute of permute",
      view("permute", view("permute", a, { permutation: [1, 0, 2] }), { permutation: [2, 0, 1] }),
    ],
    ["permute back", view("permute", view("permute", x, { permutation: [1, 0] }), { permutation: [1, 0] })],
    ["permute of axes of size 1", view("permute", reshape(x, 1, 2, 1, 3), { permutation: [1, 0, 3, 2] })],
    ["broadcast of broadcast, of a reshape", stretch(stretch(reshape(x, 1, 2, 3), 4, 2, 3), 5, 4, 2, 3)],
    [
      "view of a constant",
      op("add", view("permute", constant(2, "f32", [3, 2]), { permutation: [1, 0] }), x),
    ],
    ["view of one number everywhere", reshape(stretch(sum(x, 0, 1), 2, 3), 6)],
    [
      "slice of slice",
      view("slice", view("slice", a, { starts: [1, 0, 1], sizes: [3, 2, 2] }), {
        starts: [1, 1, 0],
        sizes: [2, 1, 2],
      }),
    ],
    [
      "pad of pad",
      view("pad", view("pad", x, { before: [1, 0], after: [0, 0] }), { before: [0, 2], after: [0, 1] }),
    ],
    [
      "slice of pad",
      view("slice", view("pad", x, { before: [1, 0], after: [0, 2] }), { starts: [1, 0], sizes: [2, 3] }),
    ],
    [
      "slice of concat",
      view("slice", apply("concat", [x, y], { axis: 1 }), { starts: [0, 4], sizes: [2, 2] }),
    ],
    [
      "the gradient of a split is one concat",
      op(
        "add",
        op(
          "add",
          view("pad", y, { before: [0, 3], after: [0, 3] }),
          view("pad", x, { before: [0, 0], after: [0, 6] }),
        ),
        view("pad", op("sin", x), { before: [0, 6], after: [0, 0] }),
      ),
    ],
    ["sum over axes of size 1", sum(sum(x, 0), 0)],
    ["sum of sum", sum(sum(a, 2), 0)],
    [
      "matmul of transposes",
      matmul(
        view("permute", x, { permutation: [1, 0] }),
        view("permute", x, { permutation: [1, 0] }),
        true,
        false,
      ),
    ],
    ["transpose of a matmul", view("permute", matmul(x, w, false, true), { permutation: [1, 0] })],
    ["matmul with one matrix for all batches", matmul(a, stretch(w, 4, 5, 3), false, true)],
  ];
  test.for(cases)("%s", ([, value], { expect }) => {
    expect(change([x, y, a, w], [value])).toMatchSnapshot();
  });
});

describe("rules on repeats", () => {
  const [h, s] = [input("h", 3), input("s", 2, 3)];
  const whole = (count: number): Value => apply("iota", [], { shape: [count], axis: 0, type: "i32" });
  const fixed = (value: number): Value => constant(value, "i32", [2]);
  const one = (list: readonly Value[], index = 0): Value => list[index] as Value;
  const cases: readonly [string, readonly Value[]][] = [
    [
      "constants and counters are made inside",
      repeat({
        count: 2,
        constants: [constant(2, "f32", [3])],
        stacked: [s, constant(3, "f32", [2, 3])],
        body: (c, _, k) => ({ collected: [op("add", op("multiply", one(k), one(c)), one(k, 1))] }),
      }).collected,
    ],
    [
      "inputs are given once, unused ones not at all",
      repeat({
        count: 2,
        constants: [h, h, s],
        stacked: [s, s],
        body: (c, _, k) => ({
          collected: [op("multiply", op("add", one(c), one(c, 1)), op("add", one(k), one(k, 1)))],
        }),
      }).collected,
    ],
    [
      "a stack of equal slices is a constant",
      repeat({
        count: 2,
        stacked: [s, stretch(h, 2, 3)],
        body: (_, __, k) => ({ collected: [op("add", one(k), one(k, 1))] }),
      }).collected,
    ],
    [
      "rows taken by the iteration's number, side by side or not, are a stack",
      repeat({
        count: 2,
        constants: [reshape(stretch(s, 2, 2, 3), 4, 3)],
        carried: [h],
        stacked: [
          whole(2),
          op("add", whole(2), fixed(1)),
          op("add", op("multiply", whole(2), fixed(2)), fixed(1)),
        ],
        body: (c, k, counters) => {
          const table = op("sin", one(c));
          const rows = counters.map((counter) => apply("take", [table, counter]));
          return { next: [rows.reduce((sum, row) => op("add", sum, row), one(k))] };
        },
      }).carried,
    ],
    [
      "a row of what changes stays in the loop",
      repeat({
        count: 2,
        carried: [s],
        stacked: [whole(2)],
        body: (_, k, [counter]) => ({
          next: [op("multiply", one(k), apply("take", [one(k), counter as Value]))],
        }),
      }).carried,
    ],
    [
      "carried values that never change, or are always equal",
      repeat({
        count: 2,
        carried: [h, op("sin", h), op("sin", h)],
        stacked: [s],
        body: (_, k, [slice]) => ({
          next: [
            one(k),
            op("add", op("multiply", one(k, 1), slice as Value), one(k)),
            op("add", op("multiply", one(k, 2), slice as Value), one(k)),
          ],
        }),
      }).carried,
    ],
    [
      "results without users, stacked twice, or the same in every iteration",
      repeat({
        count: 2,
        constants: [h],
        stacked: [s],
        body: (c, _, [slice]) => ({
          collected: [
            op("exp", slice as Value),
            op("sin", slice as Value),
            op("sin", slice as Value),
            constant(1, "f32", [2]),
            one(c),
            slice as Value,
          ],
        }),
      }).collected.slice(1),
    ],
  ];
  test.for(cases)("%s", ([, values], { expect }) => {
    expect(change([h, s], [...values])).toMatchSnapshot();
  });
});

describe("on any graph", () => {
  it("keeps the meaning, is valid, and is done when it is done", () => {
    fc.assert(
      fc.property(fc.nat(), (seed) => {
        const before = randomRegion(seed);
        const after = simplify(before);
        expect(validateRegion(after, "after")).toEqual([]);
        expectSame(before, after);
        expect(simplify(after)).toBe(after);
      }),
      { numRuns: 300, seed: 7 },
    );
  });
});
