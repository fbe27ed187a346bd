// Comparisons, logic and choice, element by element. A comparison gives bool, which lives in registers only. Comparisons
// with NaN are unspecified on the device.
import type { ElementType } from "../ir/graph.ts";
import { ARITHMETIC, misfit, sameShape, sameType, typeText, wrongCount } from "./check.ts";
import type { Operation } from "./operation.ts";
import { binary, derivatives, unary } from "./pointwise.ts";

const pairs = [
  [
    [-1.5, 0.25, 2],
    [0.5, 0.25, -1],
  ],
  [
    [4, 3, 7],
    [9, 3, 1],
  ],
] as const;

const truths = [
  [
    [0, 0, 1, 1],
    [0, 1, 0, 1],
  ],
] as const;

export const less = binary({
  name: "less",
  about: "whether a < b",
  types: ARITHMETIC,
  gives: "bool",
  cost: 1,
  f: (a, b) => (a < b ? 1 : 0),
  wgsl: (a, b) => `(${a} < ${b})`,
  tries: pairs,
});

export const less_equal = binary({
  name: "less_equal",
  about: "whether a ≤ b",
  types: ARITHMETIC,
  gives: "bool",
  cost: 1,
  f: (a, b) => (a <= b ? 1 : 0),
  wgsl: (a, b) => `(${a} <= ${b})`,
  tries: pairs,
});

export const equal = binary({
  name: "equal",
  about: "whether a = b",
  types: [...ARITHMETIC, "bool"],
  gives: "bool",
  cost: 1,
  f: (a, b) => (a === b ? 1 : 0),
  wgsl: (a, b) => `(${a} == ${b})`,
  tries: [...pairs, ...truths],
});

/** By the bits of the number, because a device may take it for granted that there are no others than finite ones. */
const ftl_is_finite = `fn ftl_is_finite(x: f32) -> bool {
  return (bitcast<u32>(x) & 0x7f800000u) != 0x7f800000u;
}
`;

export const is_finite = unary({
  name: "is_finite",
  about: "whether x is a number of f32, neither infinite nor none at all",
  types: ["f32"],
  gives: "bool",
  cost: 1,
  f: (x) => (Number.isFinite(Math.fround(x)) ? 1 : 0),
  wgsl: (x) => `ftl_is_finite(${x})`,
  functions: ftl_is_finite,
  tries: [[-1.5, 0, 3e38, -1e39]],
});

export const and = binary({
  name: "and",
  about: "whether both hold",
  types: ["bool"],
  cost: 1,
  f: (a, b) => a * b,
  wgsl: (a, b) => `(${a} && ${b})`,
  tries: truths,
});

export const or = binary({
  name: "or",
  about: "whether one of both holds",
  types: ["bool"],
  cost: 1,
  f: (a, b) => Math.max(a, b),
  wgsl: (a, b) => `(${a} || ${b})`,
  tries: truths,
});

export const not = unary({
  name: "not",
  about: "whether it does not hold",
  types: ["bool"],
  cost: 1,
  f: (x) => 1 - x,
  wgsl: (x) => `(!${x})`,
  tries: [[0, 1]],
});

const choices: readonly ElementType[] = ["f32", "i32", "u32"];

/** Inputs: a condition, the value where it holds, the value where it does not. Both are computed; only one is taken. */
export const select: Operation = {
  name: "select",
  about: "a where the condition holds, else b",
  infer(inputs) {
    const [condition, a, b] = inputs;
    if (condition === undefined || a === undefined || b === undefined || inputs.length !== 3)
      return wrongCount(inputs, 3);
    if (condition.type !== "bool") return misfit(`the condition is bool, not ${typeText(condition)}`, 0);
    if (!sameShape(condition.shape, a.shape))
      return misfit(`${typeText(a)} does not match the condition ${typeText(condition)}`, 1);
    if (!sameType(a, b)) return misfit(`${typeText(b)} does not match ${typeText(a)}`, 2);
    return [{ shape: a.shape, type: a.type }];
  },
  evaluate([condition, a, b]) {
    if (condition === undefined || a === undefined || b === undefined) return [];
    const data = new Float64Array(a.data.length);
    for (let i = 0; i < data.length; i++)
      data[i] = (condition.data[i] === 0 ? b.data[i] : a.data[i]) as number;
    return [{ shape: a.shape, data }];
  },
  ...derivatives([
    undefined,
    ({ g, a, apply, number }) => apply("select", a, g, number(0)),
    ({ g, a, apply, number }) => apply("select", a, number(0), g),
  ]),
  lowering: { kind: "elementwise", wgsl: ([condition, a, b]) => `select(${b}, ${a}, ${condition})` },
  cost: 1,
  samples: choices.map((type) => ({
    inputs: [
      { shape: [2, 2], type: "bool", data: [1, 0, 0, 1] },
      { shape: [2, 2], type, data: [1, 2, 3, 4] },
      { shape: [2, 2], type, data: [5, 6, 7, 8] },
    ],
    attributes: {},
  })),
};
