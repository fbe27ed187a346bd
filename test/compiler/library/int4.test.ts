// The format int4 against min-max quantization written from the paper (Xu et al., 2023, equation 1), and what QA-LoRA's merging rests on:
// a constant for each group moves offsets and leaves codes as they are.
import { expect, test } from "vitest";
import { found, runFormat } from "./formats.ts";
import { normals } from "./quantization.ts";

const shape = [24, 128];
const group = 32;

test("int4 rounds to sixteen even steps between the least and the largest of a group", () => {
  const x = normals(24 * 128, 7);
  x.fill(0.75, 32, 64);
  const format = runFormat("int4", { block: group }, shape);
  const { data } = format.decode(format.encode({ shape, data: x }));
  for (let start = 0; start < x.length; start += group) {
    const own = x.slice(start, start + group);
    const [least, most] = [Math.min(...own), Math.max(...own)];
    const step = (most - least) / 15;
    for (const [at, value] of own.entries()) {
      const wanted = step === 0 ? least : least + step * Math.round((value - least) / step);
      expect(Math.abs((data[start + at] ?? NaN) - wanted)).toBeLessThan(1e-6);
    }
  }
});

test("a constant for each group moves offsets alone", () => {
  const x = normals(24 * 128, 8);
  const shifts = normals((24 * 128) / group, 9);
  const moved = x.map((value, at) => value + (shifts[Math.floor(at / group)] ?? NaN));
  const format = runFormat("int4", { block: group }, shape);
  const [before, after] = [x, moved].map((data) => format.encode({ shape, data }));
  if (before === undefined || after === undefined) throw new Error("nothing was encoded");
  expect(found(after, "codes").data).toEqual(found(before, "codes").data);
  const [was, is] = [before, after].map((each) => format.decode(each).data);
  for (const [at, value] of (is ?? []).entries())
    expect(Math.abs(value - (was?.[at] ?? NaN) - (shifts[Math.floor(at / group)] ?? NaN))).toBeLessThan(1e-5);
});
