// Element conversion is exact to the bit: against the engine's own Float16Array for f16, against float64 arithmetic for bf16, and
// on every value of the small formats.
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import {
  bf16FromF32Bits,
  convert,
  countNonFinite,
  f16FromF32Bits,
  f32BitsFromF16,
  fromFloats,
  toFloats,
  type FloatType,
} from "../../../runtime/checkpoint/convert.ts";

const view = new DataView(new ArrayBuffer(4));

function floatOf(bits: number): number {
  view.setUint32(0, bits);
  return view.getFloat32(0);
}

function bitsOf(value: number): number {
  view.setFloat32(0, value);
  return view.getUint32(0);
}

/** Node's own 16-bit floats (ES2025), which share nothing with the code under test. */
function engineHalf(value: number): number {
  view.setFloat16(0, value);
  return view.getUint16(0);
}

/** The nearest of the two bf16 around a finite value, by distances in float64. */
function nearestBf16(bits: number): number {
  const down = bits >>> 16;
  const up = down + 1;
  const value = Math.abs(floatOf(bits));
  const low = Math.abs(floatOf((down << 16) >>> 0));
  // What would come after the largest finite value is 2^128.
  const high = (up & 0x7fff) === 0x7f80 ? 2 ** 128 : Math.abs(floatOf((up << 16) >>> 0));
  if (value - low !== high - value) return value - low < high - value ? down : up;
  return down % 2 === 0 ? down : up;
}

describe("f16", () => {
  test("every value widens as the engine widens it, and comes back", () => {
    for (let half = 0; half < 0x10000; half += 1) {
      view.setUint16(0, half);
      const value = view.getFloat16(0);
      const bits = f32BitsFromF16(half);
      if (Number.isNaN(value)) {
        expect(floatOf(bits)).toBeNaN();
        expect(f16FromF32Bits(bits)).toBe(half | 0x200);
      } else if (!Object.is(floatOf(bits), value) || f16FromF32Bits(bits) !== half) {
        expect.fail(`0x${half.toString(16)}: ${floatOf(bits)} instead of ${value}`);
      }
    }
  });

  test("rounds as the engine rounds at, and on both sides of, every half-way point", () => {
    for (let half = 0; half < 0x7c00; half += 1) {
      // 65520 stands in for the half-way point to infinity.
      const here = floatOf(f32BitsFromF16(half));
      const next = half + 1 === 0x7c00 ? 65536 : floatOf(f32BitsFromF16(half + 1));
      const middle = bitsOf((here + next) / 2);
      for (const bits of [middle - 1, middle, middle + 1]) {
        const expected = engineHalf(floatOf(bits));
        if (f16FromF32Bits(bits) !== expected) expect.fail(`0x${bits.toString(16)}`);
        if (f16FromF32Bits((bits | 0x80000000) >>> 0) !== (expected | 0x8000))
          expect.fail(`-0x${bits.toString(16)}`);
      }
    }
  });

  test("rounds any f32 as the engine does", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const value = floatOf(bits);
        if (Number.isNaN(value)) expect(f16FromF32Bits(bits) & 0x7e00).toBe(0x7e00);
        else expect(f16FromF32Bits(bits)).toBe(engineHalf(value));
      }),
      { numRuns: 20_000 },
    );
  });
});

describe("bf16", () => {
  test("every value comes back from f32", () => {
    for (let short = 0; short < 0x10000; short += 1) {
      const isNaN = (short & 0x7fff) > 0x7f80;
      const expected = isNaN ? short | 0x40 : short;
      if (bf16FromF32Bits((short << 16) >>> 0) !== expected) expect.fail(`0x${short.toString(16)}`);
    }
  });

  test("rounds at every half-way point to even, and beside it to the nearest", () => {
    for (let short = 0; short < 0x7f80; short += 1) {
      const middle = ((short << 16) | 0x8000) >>> 0;
      for (const bits of [middle - 1, middle, middle + 1]) {
        if (bf16FromF32Bits(bits) !== nearestBf16(bits)) expect.fail(`0x${bits.toString(16)}`);
      }
    }
  });

  test("rounds any f32 to the nearest, infinity and NaN to themselves", () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffffffff }), (bits) => {
        const got = bf16FromF32Bits(bits);
        if (Number.isNaN(floatOf(bits))) expect(floatOf((got << 16) >>> 0)).toBeNaN();
        else if (Number.isFinite(floatOf(bits))) expect(got).toBe(nearestBf16(bits));
        else expect(got).toBe(bits >>> 16);
        expect(got >>> 15).toBe(bits >>> 31);
      }),
      { numRuns: 20_000 },
    );
  });

  test("a NaN whose payload lies in the lower half stays a NaN", () => {
    expect(bf16FromF32Bits(0x7f800001)).toBe(0x7fc0);
    expect(bf16FromF32Bits(0xffffffff)).toBe(0xffff);
    expect(f16FromF32Bits(0x7f800001)).toBe(0x7e00);
  });
});

describe("arrays", () => {
  const values = Float32Array.of(1, -2.5, 65504, 65520, 1e-8, 0, -0, 3.1234);

  test("convert element by element, in any two of the types", () => {
    const types: readonly FloatType[] = ["F32", "F16", "BF16"];
    for (const from of types) {
      const bytes = fromFloats(values, from);
      for (const to of types) {
        const direct = fromFloats(toFloats(bytes, from), to);
        expect(convert(bytes, from, to)).toEqual(direct);
      }
    }
    expect([...toFloats(fromFloats(values, "F16"), "F16")]).toEqual([
      1,
      -2.5,
      65504,
      Infinity,
      0,
      0,
      -0,
      3.123046875,
    ]);
    expect([...toFloats(fromFloats(values, "BF16"), "BF16")].slice(0, 2)).toEqual([1, -2.5]);
  });

  test("chunks convert like the whole, wherever they lie in their buffer", () => {
    const whole = convert(fromFloats(values, "F32"), "F32", "BF16");
    const shifted = new Uint8Array(values.byteLength + 1);
    shifted.set(fromFloats(values, "F32"), 1);
    expect(convert(shifted.subarray(1), "F32", "BF16")).toEqual(whole);
    expect(convert(shifted.subarray(1, 17), "F32", "BF16")).toEqual(whole.subarray(0, 8));
    expect(() => convert(shifted.subarray(0, 6), "F32", "F16")).toThrow(/no whole number of 4-byte elements/);
  });

  test("what is not finite is counted", () => {
    const odd = Float32Array.of(1, NaN, Infinity, -Infinity, 0, 3e38);
    expect(countNonFinite(fromFloats(odd, "F32"), "F32")).toBe(3);
    expect(countNonFinite(fromFloats(odd, "BF16"), "BF16")).toBe(3);
    // 3e38 is beyond f16.
    expect(countNonFinite(fromFloats(odd, "F16"), "F16")).toBe(4);
  });
});
