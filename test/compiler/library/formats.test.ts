// The library's formats against the same algorithms written from the papers: bit for bit, at sizes that fill no block too, with the
// errors that the papers give. Both in float64, as the interpreter computes.
import { expect, test } from "vitest";
import { libraryIndex } from "../../../compiler/language/resolve.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { bytesOf, found, runFormat } from "./formats.ts";
import {
  dynamic8,
  dynamicMap,
  fromDynamic8,
  fromInt8,
  fromNf4,
  int8,
  nf4,
  normals,
  packed4,
  type Rounding,
} from "./quantization.ts";

const exact: Rounding = (value) => value;
const shapes = [
  [16, 64],
  [3, 7],
  [33, 50],
  [5, 4, 16],
] as const;

/** How far apart two lists are: the mean error and the root of the mean square. */
function errors(a: ArrayLike<number>, b: ArrayLike<number>): { readonly mean: number; readonly rms: number } {
  let [sum, squares] = [0, 0];
  for (let i = 0; i < a.length; i += 1) {
    const error = (a[i] ?? NaN) - (b[i] ?? NaN);
    sum += Math.abs(error);
    squares += error * error;
  }
  return { mean: sum / a.length, rms: Math.sqrt(squares / a.length) };
}

function near(a: ArrayLike<number>, b: ArrayLike<number>, by: number): void {
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i += 1)
    expect(Math.abs((a[i] ?? NaN) - (b[i] ?? NaN))).toBeLessThanOrEqual(
      by * Math.max(1e-30, Math.abs(b[i] ?? NaN)),
    );
}

test.each(shapes.flatMap((shape) => [true, false].map((double) => ({ shape, double }))))(
  "nf4 of $shape, double: $double, holds the bits of bitsandbytes",
  ({ shape, double }) => {
    const count = sizeOf(shape);
    const x = normals(count);
    const format = runFormat("nf4", { block: 64, double }, shape);
    const held = format.encode({ shape, data: x });
    const wanted = nf4(x, 64, double, exact);
    expect(bytesOf(found(held, "codes")).subarray(0, Math.ceil(count / 2))).toEqual(packed4(wanted.codes));
    if (wanted.nested === undefined) expect([...found(held, "scales").data]).toEqual(wanted.scales);
    else {
      const { codes, scales, offset } = wanted.nested;
      near(found(held, "offset").data, [offset], 1e-15);
      near(found(held, "group_scales").data, scales, 1e-12);
      expect([...bytesOf(found(held, "scale_codes")).subarray(0, codes.length)]).toEqual(codes);
    }
    const { data, shape: back } = format.decode(held);
    expect(back).toEqual(shape);
    near(data, fromNf4(wanted, 64, exact), 1e-6);
  },
);

test.each(shapes.map((shape) => ({ shape })))(
  "int8 of weights of $shape is steps of a 127th of the largest",
  ({ shape }) => {
    const x = normals(sizeOf(shape), 2);
    const format = runFormat("int8", {}, shape);
    const held = format.encode({ shape, data: x });
    const wanted = int8(x, 64, exact);
    expect([...bytesOf(found(held, "codes")).subarray(0, x.length)]).toEqual(wanted.codes);
    expect([...found(held, "scales").data]).toEqual(wanted.scales);
    near(format.decode(held).data, fromInt8(wanted, 64, exact), 1e-12);
  },
);

test("int8 keeps the columns with the largest numbers in bf16", () => {
  const shape = [24, 40];
  const x = normals(960, 3);
  for (let row = 0; row < 24; row += 1) {
    x[row * 40 + 7] = 100 + row;
    x[row * 40 + 31] = -50 - row;
  }
  const format = runFormat("int8", { outliers: 0.05 }, shape);
  const held = format.encode({ shape, data: x });
  const places = [...found(held, "places").data];
  expect(places[7]).toBe(1);
  expect(places[31]).toBe(2);
  expect(places.filter((place) => place === 0)).toHaveLength(38);
  const plain = x.map((value, at) => ((places[at % 40] ?? 0) > 0 ? 0 : value));
  const rest = fromInt8(int8(plain, 64, exact), 64, exact);
  const back = format.decode(held).data;
  // 100 to 123 and 50 to 73 are numbers of bf16.
  for (let at = 0; at < 960; at += 1)
    expect(back[at]).toBeCloseTo((places[at % 40] ?? 0) > 0 ? (x[at] ?? 0) : (rest[at] ?? 0), 12);
});

test.each([true, false])("int8 of states, signed: %s, is the dynamic tree map", (signed) => {
  const shape = [3, 1000];
  const x = normals(3000, 4).map((value) => (signed ? value ** 3 : value ** 6));
  const format = runFormat("int8", {}, shape, { use: "state", signed });
  const held = format.encode({ shape, data: x });
  // The map is stored in f32.
  const wanted = dynamic8(x, 256, signed, exact);
  const codes = [...bytesOf(found(held, "codes")).subarray(0, 3000)];
  const other = codes.filter((code, at) => code !== wanted.codes[at]);
  expect(other).toEqual([]);
  near(format.decode(held).data, fromDynamic8(wanted, 256, signed, exact), 1e-6);
});

test.each([true, false])(
  "the dynamic map, signed: %s, has 256 rising values from the decades of the paper",
  (signed) => {
    const map = dynamicMap(signed);
    expect(map).toHaveLength(256);
    expect(new Set(map).size).toBe(256);
    expect(map.at(-1)).toBe(1);
    expect(map[0]).toBeCloseTo(signed ? -0.99296875 : 0, 12);
  },
);

test("what is all zero is held in zeros, and zeros stand for zeros", () => {
  // One that holds no states refuses them.
  const onlyWeights = new Set(["int4", "q8_0", "q4_0", "q4_k", "q6_k"]);
  for (const name of found(libraryIndex, "format").keys()) {
    const uses = [
      { use: "weight", signed: true },
      { use: "state", signed: true },
      { use: "state", signed: false },
    ] as const;
    for (const use of uses.filter((each) => each.use === "weight" || !onlyWeights.has(name))) {
      const shape = [8, 96];
      const format = runFormat(name, {}, shape, use);
      const nothing = new Map(
        [...format.tensors].map(([own, size]) => [
          own,
          { shape: size, data: new Float64Array(sizeOf(size)) },
        ]),
      );
      const back = format.decode(nothing).data;
      expect(back.every((value) => value === 0)).toBe(true);
      expect(
        format
          .decode(format.encode({ shape, data: new Float64Array(768) }))
          .data.every((value) => value === 0),
      ).toBe(true);
    }
  }
});

test("errors on normal numbers are those of an optimal 4-bit code for blocks of 64, and small in 8 bits", () => {
  const shape = [256, 512];
  const x = normals(sizeOf(shape), 5);
  const of = (name: string, options: Readonly<Record<string, number | boolean>>) => {
    const format = runFormat(name, options, shape);
    return errors(format.decode(format.encode({ shape, data: x })).data, x);
  };
  const wanted = errors(fromNf4(nf4(x, 64, false, exact), 64, exact), x);
  const [plain, double, eight] = [of("nf4", { double: false }), of("nf4", {}), of("int8", {})];
  expect(plain.mean).toBeCloseTo(wanted.mean, 12);
  expect(plain.rms).toBeCloseTo(wanted.rms, 12);
  expect(double.mean / plain.mean).toBeCloseTo(1, 2);
  expect(plain.mean).toBeGreaterThan(0.07);
  expect(plain.mean).toBeLessThan(0.075);
  expect(eight.mean).toBeLessThan(0.006);
});

test("of states where single numbers move, blocks without any keep their bits", () => {
  const shape = [4, 256];
  const format = runFormat("int8", {}, shape, { use: "state", signed: true });
  const moved = Float64Array.from({ length: 1024 }, (_, at) => (at === 300 || at >= 768 ? 1 : 0));
  const [codes, scales] = format.touched({ shape, data: moved });
  expect([...(scales?.data ?? [])]).toEqual([0, 1, 0, 1]);
  expect([...(codes?.data ?? [])]).toEqual(
    Array.from({ length: 256 }, (_, word) => Math.floor(word / 64) % 2),
  );
});
