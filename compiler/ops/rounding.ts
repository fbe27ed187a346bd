// Rounding a float64 to what a type can hold, to nearest, ties to even, bit for bit: the meaning of `cast`. Overflow of a
// 16-bit type gives infinity as IEEE 754 says; integers are truncated toward zero and clamped, as WGSL converts them.
import type { ElementType } from "../ir/graph.ts";

const word = new Uint32Array(1);
const single = new Float32Array(word.buffer);

/** The nearest value with 8 bits of significand and the exponents of f32. Double rounding is avoided by rounding to odd first. */
export function toBf16(value: number): number {
  const nearest = Math.fround(value);
  if (!Number.isFinite(nearest)) {
    // Beyond f32's largest by less than half a step: f32 says infinity, and bf16, being coarser, says so too.
    return nearest;
  }
  single[0] = nearest;
  let bits = word[0] as number;
  if (nearest !== value && (bits & 0xffff) === 0x8000) {
    // The f32 is a tie that the float64 was not: step to the side on which the float64 lies.
    bits = Math.abs(value) > Math.abs(nearest) ? bits + 1 : bits - 1;
  }
  const even = (bits >>> 16) & 1;
  word[0] = ((bits + 0x7fff + even) >>> 0) & 0xffff0000;
  return single[0];
}

/** The value a tensor of this type holds after `value` is converted to it. */
export function round(value: number, type: ElementType): number {
  switch (type) {
    case "f32":
      return Math.fround(value);
    case "f16":
      return Math.f16round(value);
    case "bf16":
      return toBf16(value);
    case "i32":
      return Number.isNaN(value) ? 0 : Math.max(-2147483648, Math.min(2147483647, Math.trunc(value))) + 0;
    case "u32":
      return Number.isNaN(value) ? 0 : Math.max(0, Math.min(4294967295, Math.trunc(value))) + 0;
    case "bool":
      return value === 0 ? 0 : 1;
    default:
      return type satisfies never;
  }
}
