// Functions of one real number, element by element. WGSL's own are used where they are good enough; the error function it
// lacks, tanh, whose drivers overflow for large arguments, and sine and cosine, which it promises little of, have text here.
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

// WGSL promises 2^-11 of sine and cosine, between -π and π alone. So x is brought to a quarter turn by Cody and Waite's reduction,
// with π/2 in four parts of which the first are products without rounding up to 2^19 quarters, and Cephes' polynomials (Moshier) do
// the rest: within 2e-7 up to 8,192 radians, 2e-5 up to 500,000, where f32 itself is 0.03 apart. Mesa would add the parts up first,
// but for the maximum between them, which changes nothing.
const ftl_sine = `fn ftl_sine(x: f32, quarter: f32) -> f32 {
  let k = floor(fma(x, 0.636619772f, 0.5f));
  var r = max(fma(k, -1.5625f, x), -1e9f);
  r = max(fma(k, -0.0078125f, r), -1e9f);
  r = max(fma(k, -4.837512969970703e-4f, r), -1e9f);
  r = fma(k, -7.549789954891882e-8f, r);
  let s = r * r;
  let sine = fma(r * s, fma(s, fma(s, -1.9515295891e-4f, 8.3321608736e-3f), -1.6666654611e-1f), r);
  let bent = fma(s, fma(s, 2.443315711809948e-5f, -1.388731625493765e-3f), 4.166664568298827e-2f);
  let cosine = fma(s * s, bent, fma(s, -0.5f, 1.0f));
  let turned = k + quarter;
  let q = turned - 4.0f * floor(turned * 0.25f);
  let y = select(sine, cosine, q == 1.0f || q == 3.0f);
  return select(y, -y, q >= 2.0f);
}
`;

const angles: readonly (readonly number[])[] = [
  [-2, -0.5, 0, 1.25],
  [3.25, -7, 100.5, 2047],
];

export const sin = unary({
  name: "sin",
  about: "the sine of x radians",
  types: ["f32"],
  cost: 24,
  f: Math.sin,
  wgsl: (x) => `ftl_sine(${x}, 0.0f)`,
  functions: ftl_sine,
  gradient: ({ g, a, apply }) => apply("multiply", g, apply("cos", a)),
  tries: angles,
});

export const cos = unary({
  name: "cos",
  about: "the cosine of x radians",
  types: ["f32"],
  cost: 24,
  f: Math.cos,
  wgsl: (x) => `ftl_sine(${x}, 1.0f)`,
  functions: ftl_sine,
  gradient: ({ g, a, apply }) => apply("negate", apply("multiply", g, apply("sin", a))),
  tries: angles,
});
