// Arithmetic on numbers, element by element. Integer division truncates and gives the dividend where the divisor is zero, as
// WGSL says. Where the two inputs of `maximum` or `minimum` are equal the gradient goes to the second, so that the
// rectifier written max(x, 0) has slope 0 at 0.
import { ARITHMETIC } from "./check.ts";
import { binary, unary } from "./pointwise.ts";

export const negate = unary({
  name: "negate",
  about: "−x",
  types: ["f32", "i32"],
  cost: 1,
  f: (x) => -x,
  wgsl: (x) => `(-${x})`,
  gradient: ({ g, apply }) => apply("negate", g),
  tries: [
    [-1.5, 0.25, 2],
    [3, -7, 0],
  ],
});

export const abs = unary({
  name: "abs",
  about: "|x|; its slope at 0 is 0",
  types: ["f32", "i32"],
  cost: 1,
  f: Math.abs,
  wgsl: (x) => `abs(${x})`,
  gradient: ({ g, a, apply }) => apply("multiply", g, apply("sign", a)),
  tries: [
    [-1.5, 0.25, 2],
    [3, -7, 5],
  ],
});

export const sign = unary({
  name: "sign",
  about: "−1, 0 or 1",
  types: ["f32", "i32"],
  cost: 1,
  f: Math.sign,
  wgsl: (x) => `sign(${x})`,
  tries: [
    [-1.5, 0, 2],
    [3, -7, 0],
  ],
});

export const floor = unary({
  name: "floor",
  about: "the largest whole number not above x",
  types: ["f32"],
  cost: 1,
  f: Math.floor,
  wgsl: (x) => `floor(${x})`,
  tries: [[-1.5, 0.25, 2, -0.5]],
});

export const round = unary({
  name: "round",
  about: "the whole number nearest to x, of two the even one",
  types: ["f32"],
  cost: 1,
  f: toEven,
  wgsl: (x) => `round(${x})`,
  tries: [[-1.5, 0.25, 2.5, -0.5, 7.75]],
});

/** The nearest whole number, of two the even one. */
export function toEven(x: number): number {
  const below = Math.floor(x);
  const rest = x - below;
  if (rest !== 0.5) return rest < 0.5 ? below : below + 1;
  return below % 2 === 0 ? below : below + 1;
}

export const add = binary({
  name: "add",
  about: "a + b",
  types: ARITHMETIC,
  narrow: { takes: false, gives: "alike" },
  cost: 1,
  f: (a, b) => a + b,
  wgsl: (a, b) => `(${a} + ${b})`,
  gradient: [({ g }) => g, ({ g }) => g],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
    [
      [4, 0, 2147483647],
      [9, 3, 1],
    ],
  ],
});

export const subtract = binary({
  name: "subtract",
  about: "a − b",
  types: ARITHMETIC,
  cost: 1,
  f: (a, b) => a - b,
  wgsl: (a, b) => `(${a} - ${b})`,
  gradient: [({ g }) => g, ({ g, apply }) => apply("negate", g)],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
    [
      [4, 0, 7],
      [9, 3, 1],
    ],
  ],
});

export const multiply = binary({
  name: "multiply",
  about: "a · b",
  types: ARITHMETIC,
  cost: 1,
  f: (a, b) => a * b,
  integer: Math.imul,
  wgsl: (a, b) => `(${a} * ${b})`,
  gradient: [({ g, b, apply }) => apply("multiply", g, b), ({ g, a, apply }) => apply("multiply", g, a)],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
  ],
  wholes: [
    [
      [4, 123456789, 7],
      [9, 987654321, 0],
    ],
  ],
});

export const divide = binary({
  name: "divide",
  about: "a / b; truncated toward zero on integers",
  types: ARITHMETIC,
  cost: 4,
  f: (a, b) => a / b,
  integer: (a, b) => (b === 0 ? a : Math.trunc(a / b)),
  wgsl: (a, b) => `(${a} / ${b})`,
  gradient: [
    ({ g, b, apply }) => apply("divide", g, b),
    ({ g, y, b, apply }) => apply("negate", apply("divide", apply("multiply", g, y), b)),
  ],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
  ],
  wholes: [
    [
      [17, 9, 7],
      [5, 3, 2],
    ],
  ],
});

/** WGSL's `pow` is exp2(b · log2(a)): coarse, and undefined below zero. The common exponents are done exactly. */
const ftl_power = `fn ftl_power(a: f32, b: f32) -> f32 {
  if (b == 0.0f || a == 1.0f) { return 1.0f; }
  if (b == 1.0f) { return a; }
  if (b == 2.0f) { return a * a; }
  if (a == 0.0f) { return select(0.0f, 3.4028234663852886e+38f, b < 0.0f); }
  let size = exp2(min(b * log2(abs(a)), 127.99999f));
  let odd = floor(b * 0.5f) != b * 0.5f;
  return select(size, -size, a < 0.0f && odd);
}
`;

export const power = binary({
  name: "power",
  about: "a to the power b, for a ≥ 0, and for a < 0 where b is whole",
  types: ["f32"],
  cost: 16,
  f: (a, b) => a ** b,
  wgsl: (a, b) => `ftl_power(${a}, ${b})`,
  functions: ftl_power,
  gradient: [
    ({ g, a, b, apply, number }) =>
      apply("multiply", g, apply("multiply", b, apply("power", a, apply("subtract", b, number(1))))),
    ({ g, y, a, apply, number }) => {
      const positive = apply("less", number(0), a);
      const safe = apply("select", positive, a, number(1));
      return apply("multiply", g, apply("multiply", y, apply("log", safe)));
    },
  ],
  tries: [
    [
      [1.5, 0.25, 2, 0.9],
      [0.5, 3, -1, 2],
    ],
  ],
});

export const maximum = binary({
  name: "maximum",
  about: "the larger of a and b",
  types: ARITHMETIC,
  cost: 1,
  f: Math.max,
  wgsl: (a, b) => `max(${a}, ${b})`,
  gradient: [
    ({ g, a, b, apply, number }) => apply("select", apply("less", b, a), g, number(0)),
    ({ g, a, b, apply, number }) => apply("select", apply("less", b, a), number(0), g),
  ],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
    [
      [4, 0, 7],
      [9, 3, 1],
    ],
  ],
});

export const minimum = binary({
  name: "minimum",
  about: "the smaller of a and b",
  types: ARITHMETIC,
  cost: 1,
  f: Math.min,
  wgsl: (a, b) => `min(${a}, ${b})`,
  gradient: [
    ({ g, a, b, apply, number }) => apply("select", apply("less", a, b), g, number(0)),
    ({ g, a, b, apply, number }) => apply("select", apply("less", a, b), number(0), g),
  ],
  tries: [
    [
      [-1.5, 0.25, 2],
      [0.5, 3, -1],
    ],
    [
      [4, 0, 7],
      [9, 3, 1],
    ],
  ],
});

export const remainder = binary({
  name: "remainder",
  about: "a − b · trunc(a / b): what is left of a, with its sign; 0 on integers where b is 0",
  types: ARITHMETIC,
  cost: 4,
  f: (a, b) => a % b,
  integer: (a, b) => (b === 0 ? 0 : a % b),
  wgsl: (a, b) => `(${a} % ${b})`,
  gradient: [
    ({ g }) => g,
    ({ g, a, b, apply }) => {
      const quotient = apply("divide", a, b);
      const whole = apply("multiply", apply("sign", quotient), apply("floor", apply("abs", quotient)));
      return apply("negate", apply("multiply", g, whole));
    },
  ],
  tries: [
    [
      [-1.5, 7.25, 2],
      [0.4, 3, -1.5],
    ],
  ],
  wholes: [
    [
      [17, 9, 7],
      [5, 3, 2],
    ],
  ],
});
