// Functions of one real number, element by element. WGSL's own are used where they are good enough; the error function it
// lacks, and tanh, whose drivers overflow for large arguments, have text here.
import { unary } from "./pointwise.ts";

export const exp = unary({
  name: "exp",
  about: "e to the power x",
  types: ["f32"],
  cost: 8,
  f: Math.exp,
  wgsl: (x) => `exp(${x})`,
  gradient: ({ g, y, apply }) => apply("multiply", g, y),
  tries: [[-2, -0.5, 0, 1.25]],
});

export const log = unary({
  name: "log",
  about: "the natural logarithm of x > 0",
  types: ["f32"],
  cost: 8,
  f: Math.log,
  wgsl: (x) => `log(${x})`,
  gradient: ({ g, a, apply }) => apply("divide", g, a),
  tries: [[0.25, 0.9, 1, 3.5]],
});

export const sqrt = unary({
  name: "sqrt",
  about: "the square root of x ≥ 0",
  types: ["f32"],
  cost: 4,
  f: Math.sqrt,
  wgsl: (x) => `sqrt(${x})`,
  gradient: ({ g, y, apply, number }) => apply("divide", apply("multiply", number(0.5), g), y),
  tries: [[0.25, 0.9, 1, 3.5]],
});

export const rsqrt = unary({
  name: "rsqrt",
  about: "1 / √x for x > 0",
  types: ["f32"],
  cost: 4,
  f: (x) => 1 / Math.sqrt(x),
  wgsl: (x) => `inverseSqrt(${x})`,
  gradient: ({ g, y, apply, number }) => {
    const cube = apply("multiply", y, apply("multiply", y, y));
    return apply("multiply", g, apply("multiply", number(-0.5), cube));
  },
  tries: [[0.25, 0.9, 1, 3.5]],
});

export const tanh = unary({
  name: "tanh",
  about: "the hyperbolic tangent",
  types: ["f32"],
  cost: 8,
  f: Math.tanh,
  // Beyond ±10 the f32 result is ±1 exactly; some drivers compute e^x / e^x there.
  wgsl: (x) => `tanh(clamp(${x}, -10.0f, 10.0f))`,
  gradient: ({ g, y, apply, number }) =>
    apply("multiply", g, apply("subtract", number(1), apply("multiply", y, y))),
  tries: [[-2, -0.5, 0, 1.25]],
});

// Two polynomials after Njuffa (2016), fitted for f32: within 1 unit in the last place if exp is exact. Beyond 4 the result
// is ±1 in f32.
const ftl_erf = `fn ftl_erf(x: f32) -> f32 {
  let t = min(abs(x), 4.0f);
  let s = t * t;
  if (t > 0.927734375f) {
    var r = fma(-1.72853470e-5f, t, 3.83197126e-4f);
    let u = fma(-3.88396438e-3f, t, 2.42546219e-2f);
    r = fma(r, s, u);
    r = fma(r, t, -1.06777877e-1f);
    r = fma(r, t, -6.34846687e-1f);
    r = fma(r, t, -1.28717512e-1f);
    r = fma(r, t, -t);
    r = 1.0f - exp(r);
    return select(r, -r, x < 0.0f);
  }
  var r = -5.96761703e-4f;
  r = fma(r, s, 4.99119423e-3f);
  r = fma(r, s, -2.67681349e-2f);
  r = fma(r, s, 1.12819925e-1f);
  r = fma(r, s, -3.76125336e-1f);
  r = fma(r, s, 1.28379166e-1f);
  return fma(r, x, x);
}
`;

export const erf = unary({
  name: "erf",
  about: "the error function, 2/√π ∫₀ˣ exp(−t²) dt",
  types: ["f32"],
  cost: 24,
  f: errorFunction,
  wgsl: (x) => `ftl_erf(${x})`,
  functions: ftl_erf,
  gradient: ({ g, a, apply, number }) => {
    const bell = apply("exp", apply("negate", apply("multiply", a, a)));
    return apply("multiply", g, apply("multiply", number(2 / Math.sqrt(Math.PI)), bell));
  },
  tries: [
    [-2, -0.5, 0, 1.25],
    [-3.5, 0.9, 4.5],
  ],
});

/** To about 1e-15: the Taylor series in the middle, and the continued fraction of erfc (Lentz's order, from the end) outside. */
function errorFunction(x: number): number {
  const size = Math.abs(x);
  if (size > 6) return Math.sign(x);
  if (size < 2.5) {
    let term = x;
    let total = x;
    for (let n = 1; Math.abs(term) > 1e-17 * Math.abs(total); n++) {
      term *= (-x * x) / n;
      total += term / (2 * n + 1);
      if (n > 200) break;
    }
    return (2 / Math.sqrt(Math.PI)) * total;
  }
  let fraction = 0;
  for (let n = 80; n > 0; n--) fraction = n / 2 / (size + fraction);
  const rest = Math.exp(-x * x) / Math.sqrt(Math.PI) / (size + fraction);
  return Math.sign(x) * (1 - rest);
}

export const sin = unary({
  name: "sin",
  about: "the sine of x radians",
  types: ["f32"],
  cost: 8,
  f: Math.sin,
  wgsl: (x) => `sin(${x})`,
  gradient: ({ g, a, apply }) => apply("multiply", g, apply("cos", a)),
  tries: [[-2, -0.5, 0, 1.25]],
});

export const cos = unary({
  name: "cos",
  about: "the cosine of x radians",
  types: ["f32"],
  cost: 8,
  f: Math.cos,
  wgsl: (x) => `cos(${x})`,
  gradient: ({ g, a, apply }) => apply("negate", apply("multiply", g, apply("sin", a))),
  tries: [[-2, -0.5, 0, 1.25]],
});
