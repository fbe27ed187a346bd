// What the papers say of the formats in numbers: NF4's values are the quantiles of their construction, double quantization takes 0.127
// bits a number for scales instead of 0.5 (Dettmers et al., 2023), and the mean square errors on normal numbers are those of a program in
// float64 written apart, and of theory for equal steps.
import { expect, test } from "vitest";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { runFormat } from "./formats.ts";
import { fromInt8, fromNf4, int8, nf4, normals } from "./quantization.ts";

/** The distribution function of standard normal numbers, by its series (Abramowitz and Stegun, 26.2.10). */
function normal(x: number): number {
  let [term, sum] = [x, x];
  for (let n = 1; Math.abs(term) > 1e-18 * Math.abs(sum); n += 1) {
    term *= (-x * x) / (2 * n);
    sum += term / (2 * n + 1);
  }
  return 0.5 + sum / Math.sqrt(2 * Math.PI);
}

/** Where the distribution function has a value above a half, by bisection. */
function quantile(p: number): number {
  let [low, high] = [0, 8];
  for (let turn = 0; turn < 100; turn += 1) {
    const middle = (low + high) / 2;
    if (normal(middle) < p) low = middle;
    else high = middle;
  }
  return low;
}

test("nf4's values are the quantiles of the paper's construction", () => {
  // Evenly spaced probabilities from the outermost one to a half, which itself is the one zero: 8 above it and 7 below.
  const outermost = 0.9677083;
  const side = (count: number): number[] =>
    Array.from({ length: count }, (_, at) => quantile(outermost + ((0.5 - outermost) * at) / count));
  const largest = quantile(outermost);
  const made = [...side(7).map((each) => -each), 0, ...side(8).reverse()].map((each) => each / largest);
  const block = { shape: [1, 16], data: Float64Array.from(made) };
  const format = runFormat("nf4", { block: 16, double: false }, [1, 16]);
  // A value that is coded comes back as the nearest of the format's own.
  const own = format.decode(format.encode(block)).data;
  expect(new Set(own).size).toBe(16);
  for (const [at, value] of made.entries()) expect(Math.abs((own[at] ?? NaN) - value)).toBeLessThan(1e-6);
});

test.each([
  { options: {}, bits: 8 / 64 + 32 / (64 * 256), shown: 0.127 },
  { options: { double: false }, bits: 32 / 64, shown: 0.5 },
])("nf4 $options takes $shown bits a number for scales", ({ options, bits, shown }) => {
  const shape = [256, 512];
  const { tensors } = runFormat("nf4", options, shape);
  let taken = 0;
  for (const [name, own] of tensors) if (name !== "codes" && name !== "offset") taken += 32 * sizeOf(own);
  expect(taken / sizeOf(shape)).toBe(bits);
  expect(bits).toBeCloseTo(shown, 3);
});

const meanSquare = (a: ArrayLike<number>, b: ArrayLike<number>): number => {
  let sum = 0;
  for (let at = 0; at < a.length; at += 1) sum += ((a[at] ?? NaN) - (b[at] ?? NaN)) ** 2;
  return sum / a.length;
};
const exact = (value: number): number => value;

test("mean square errors on normal numbers are those of a program in float64, and of theory", () => {
  const shape = [256, 512];
  const x = normals(sizeOf(shape), 11);
  const errorOf = (name: string, options: Readonly<Record<string, number | boolean>>): number => {
    const format = runFormat(name, options, shape);
    return meanSquare(format.decode(format.encode({ shape, data: x })).data, x);
  };
  const blocks = int8(x, 64, exact);
  const [four, double, eight] = [
    meanSquare(fromNf4(nf4(x, 64, false, exact), 64, exact), x),
    meanSquare(fromNf4(nf4(x, 64, true, exact), 64, exact), x),
    meanSquare(fromInt8(blocks, 64, exact), x),
  ];
  // Tables and scales of the library are stored in f32.
  expect(errorOf("nf4", { double: false }) / four).toBeCloseTo(1, 5);
  expect(errorOf("nf4", {}) / double).toBeCloseTo(1, 5);
  expect(errorOf("int8", {}) / eight).toBeCloseTo(1, 5);
  // Scales in 8 bits add little to the error of 4-bit codes.
  expect(double / four).toBeLessThan(1.01);
  // Rounding to equal steps has a twelfth of their square; the largest of each block has no error.
  const step = blocks.scales.reduce((sum, scale) => sum + (scale / 127) ** 2, 0) / blocks.scales.length;
  expect(eight / ((step / 12) * (63 / 64))).toBeCloseTo(1, 2);
});
