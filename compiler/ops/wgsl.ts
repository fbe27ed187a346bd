// WGSL spelling of numbers and types. A literal is exact: it reads back as the very f32, i32 or u32 that was meant. WGSL has
// no infinity and no NaN; `literal` is only given what fits its type, which `constant` checks.
import type { ElementType } from "../ir/graph.ts";
import { round } from "./rounding.ts";

/** The type that holds an element in a register: 16-bit types are stored so, and computed with in f32. */
export function registerType(type: ElementType): "f32" | "i32" | "u32" | "bool" {
  return type === "f16" || type === "bf16" ? "f32" : type;
}

export function literal(value: number, type: ElementType): string {
  switch (type) {
    case "bool":
      return value === 0 ? "false" : "true";
    case "u32":
      return `${value}u`;
    case "i32":
      return value < 0 ? `i32(${value})` : `${value}i`;
    case "f32":
    case "f16":
    case "bf16": {
      const rounded = round(value, type);
      if (Object.is(rounded, -0)) return "(-0.0f)";
      const digits = String(rounded);
      const text = `${/[.e]/.test(digits) ? digits : `${digits}.0`}f`;
      return rounded < 0 ? `(${text})` : text;
    }
    default:
      return type satisfies never;
  }
}

/**
 * The 16 bits of an f32 rounded to nearest, ties to even, overflow to infinity: as IEEE 754 has it and no driver need do it.
 * WGSL's own conversions to f16 may round either way and give anything beyond its range, where gradients are found to overflow.
 */
const bitsOfF16 = `fn ftl_f16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let size = bits & 0x7fffffffu;
  let normal = (size - 0x38000000u + 0xfffu + ((size >> 13u) & 1u)) >> 13u;
  let small = bitcast<u32>(bitcast<f32>(size) + 0.5f) - 0x3f000000u;
  let finite = select(normal, small, size < 0x38800000u);
  let all = select(finite, select(0x7c00u, 0x7e00u, size > 0x7f800000u), size >= 0x477ff000u);
  return all | ((bits >> 16u) & 0x8000u);
}
`;

const bitsOfBf16 = `fn ftl_bf16(x: f32) -> u32 {
  let bits = bitcast<u32>(x);
  let rounded = (bits + 0x7fffu + ((bits >> 16u) & 1u)) >> 16u;
  return select(rounded, (bits >> 16u) | 0x40u, (bits & 0x7fffffffu) > 0x7f800000u);
}
`;

const roundF16 = `fn ftl_round_f16(x: f32) -> f32 {
  return unpack2x16float(ftl_f16(x)).x;
}
`;

const roundBf16 = `fn ftl_round_bf16(x: f32) -> f32 {
  return bitcast<f32>(ftl_bf16(x) << 16u);
}
`;

/** A 16-bit type's conversions from f32 as functions of WGSL: to bits in the lower half of a u32, and to the f32 of that value. */
export const halves = {
  f16: { bits: "ftl_f16", round: "ftl_round_f16", pack: bitsOfF16, rounding: [bitsOfF16, roundF16] },
  bf16: { bits: "ftl_bf16", round: "ftl_round_bf16", pack: bitsOfBf16, rounding: [bitsOfBf16, roundBf16] },
} as const;
