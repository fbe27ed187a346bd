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
