// The formats of GGUF files: what they decode from the parts of random blocks is what the tests' own decoder makes of the blocks, bit for
// bit; and what they encode lies within half a step of what it was made from, as ggml's own reference rounds.
import { expect, test } from "vitest";
import { round } from "../../../compiler/ops/rounding.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { randomBlocks, randomFrom, references } from "../../runtime/checkpoint/gguf-file.ts";
import { runFormat } from "./formats.ts";
import { normals } from "./quantization.ts";

/** For each format ggml's number of its type, the bytes of a block's parts in order, and the largest error in parts of a block's range. */
const formats = [
  { name: "q8_0", type: 8, parts: [2, 32], error: 0.51 / 254 },
  { name: "q4_0", type: 2, parts: [2, 16], error: 1.01 / 16 },
  { name: "q4_k", type: 12, parts: [4, 12, 128], error: 0.75 / 15 },
  { name: "q6_k", type: 14, parts: [128, 64, 16, 2], error: 0.6 / 62 },
] as const;

const shape = [3, 512];

/** The numbers that 16 bits stand for, and words as they are. */
function planeOf(bytes: readonly number[], size: readonly number[]): Tensor {
  const own = Uint8Array.from(bytes);
  const count = size.reduce((all, each) => all * each, 1);
  if (own.length === count * 4) return { shape: size, data: Float64Array.from(new Uint32Array(own.buffer)) };
  const halves = [...new Uint16Array(own.buffer)].map((bits) => {
    const magnitude =
      (bits & 0x7c00) === 0
        ? (bits & 0x3ff) / 2 ** 24
        : 2 ** (((bits >> 10) & 31) - 15) * (1 + (bits & 0x3ff) / 1024);
    return bits >= 0x8000 ? -magnitude : magnitude;
  });
  return { shape: size, data: Float64Array.from(halves) };
}

test.each(formats)(
  "$name decodes blocks as a decoder in float64 does, bit for bit",
  ({ name, type, parts }) => {
    const { data, numbers } = randomBlocks(type, 3 * 512, randomFrom(type));
    const format = runFormat(name, {}, shape);
    const block = parts.reduce((sum, each) => sum + each, 0);
    const planes = [...format.tensors].map(([own, size], at): [string, Tensor] => {
      const from = parts.slice(0, at).reduce((sum, each) => sum + each, 0);
      const bytes = [...data].filter((_, i) => i % block >= from && i % block < from + (parts[at] ?? 0));
      return [own, planeOf(bytes, size)];
    });
    const back = format.decode(new Map(planes));
    expect(back.shape).toEqual(shape);
    expect(Float32Array.from(back.data)).toEqual(numbers);
  },
);

test.each(formats)("$name encodes to the nearest of its numbers", ({ name, type, error }) => {
  const x = normals(3 * 512, 5).map((value) => round(value / 40, "f32"));
  x.fill(0, 0, 256);
  const format = runFormat(name, {}, shape);
  const held = format.encode({ shape, data: x });
  for (const [own, size] of format.tensors)
    expect(held.get(own)?.data, own).toHaveLength(size.reduce((all, each) => all * each, 1));
  // As the device stores them.
  const stored = [...held].map(([own, { shape: size, data }]): [string, Tensor] => {
    const isHalf = own === "scales" ? type === 2 || type === 8 : own === "steps";
    return [
      own,
      isHalf ? { shape: size, data: data.map((each) => round(each, "f16")) } : { shape: size, data },
    ];
  });
  const back = format.decode(new Map(stored)).data;
  expect(stored).toEqual([...held]);
  const run = references.get(type)?.elements === 32 || type === 12 ? 32 : 16;
  for (let start = 0; start < x.length; start += run) {
    const own = x.slice(start, start + run);
    const range = Math.max(...own, 0) - Math.min(...own, 0);
    const largest = Math.max(...own.map(Math.abs));
    const span = type === 12 ? range : largest * 2;
    for (const [at, value] of own.entries())
      expect(Math.abs((back[start + at] ?? NaN) - value), `${start + at}`).toBeLessThanOrEqual(error * span);
  }
});

test.each(formats)("$name of a tensor that fills no block has zeros behind its last number", ({ name }) => {
  const [whole, cut] = [runFormat(name, {}, [256]), runFormat(name, {}, [5, 7])];
  const x = normals(35, 6);
  const filled = new Float64Array(256);
  filled.set(x);
  const wanted = whole.decode(whole.encode({ shape: [256], data: filled })).data.subarray(0, 35);
  const back = cut.decode(cut.encode({ shape: [5, 7], data: x }));
  expect(back.shape).toEqual([5, 7]);
  expect([...back.data]).toEqual([...wanted]);
});
