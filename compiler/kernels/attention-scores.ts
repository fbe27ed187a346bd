// Scores from the products of queries and keys, as WGSL over four at once: scaled, and where the call has a cap bent to
// cap · tanh(score / cap).
import { literal } from "../ops/wgsl.ts";
import type { AttentionSizes } from "./attention-call.ts";

/** The scores of `products`. */
export function scoresOf({ scale, cap }: AttentionSizes, products: string): string {
  const scaled = `${products} * ${literal(scale, "f32")}`;
  return cap > 0 ? `capped(${scaled})` : scaled;
}

/** The slope of the cap at a score that it made, as a factor behind others; nothing without a cap. */
export function bendAt({ cap }: AttentionSizes, score: string): string {
  return cap > 0 ? ` * bend(${score})` : "";
}

/** The functions that the texts above call. */
export function scoreGlobals({ cap }: AttentionSizes): string[] {
  if (!(cap > 0)) return [];
  const [high, low] = [literal(cap, "f32"), literal(1 / cap, "f32")];
  return [
    // Beyond ±10 the f32 result is ±1 exactly; some drivers compute e^x / e^x there.
    `fn capped(x: vec4<f32>) -> vec4<f32> {\n  return ${high} * tanh(clamp(x * ${low}, vec4<f32>(-10.0f), vec4<f32>(10.0f)));\n}`,
    `fn bend(score: vec4<f32>) -> vec4<f32> {\n  return vec4<f32>(1.0f) - (score * ${low}) * (score * ${low});\n}`,
  ];
}
