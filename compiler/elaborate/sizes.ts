// Sizes known at compile time: whole numbers, and the dimensions that shapes are written with.
import type { Span } from "../../grammar/source.ts";
import { describe, type Dimension, type Meaning } from "./meaning.ts";
import { fail } from "./workspace.ts";

/** A meaning that must be a whole number known at compile time. */
export function whole(meaning: Meaning, span: Span): number {
  if (meaning.kind === "number" && Number.isInteger(meaning.value)) return meaning.value;
  return fail("FTL0703", span, `expected a whole number, found ${describe(meaning)}`, "not a whole number");
}

/** A list of sizes as dimensions: numbers that are sizes of axes keep what they know of them. */
export function dimensionsOf(sizes: Meaning, span: Span): readonly Dimension[] {
  if (sizes.kind !== "list")
    return fail("FTL0703", span, `expected a list of sizes, found ${describe(sizes)}`, "not a shape");
  return sizes.elements.map((size) => dimensionFrom(size, "", span));
}

/** A size as a dimension. `label` is how the source writes it. */
export function dimensionFrom(size: Meaning, label: string, span: Span): Dimension {
  const value = whole(size, span);
  if (value < 1) fail("FTL0703", span, `a size must be at least 1, found ${value}`, "too small");
  if (size.kind === "number" && size.dimension !== undefined) return size.dimension;
  return { size: value, label, span };
}
