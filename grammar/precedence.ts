// How tightly operators bind: a table, and the folding of a flat chain of operands and operators by it. The parser hands
// the chain over as it stands; either side of an operator may be missing, which only ranges allow.
import type { BinaryOperator } from "./syntax.ts";

/** Loosest first. Both range operators bind as `..`. */
const levels: readonly (readonly string[])[] = [
  ["??"],
  ["or"],
  ["and"],
  ["not"],
  ["==", "!=", "<", "<=", ">", ">=", "in"],
  ["..", "..<"],
  ["+", "-"],
  ["*", "/", "%", "@"],
  ["negation"],
  ["^"],
];

const tightness = new Map(levels.flatMap((level, at) => level.map((operator) => [operator, at] as const)));

/** Larger binds tighter; `negation` stands for unary minus. */
export function precedence(operator: BinaryOperator | ".." | "..<" | "not" | "negation"): number {
  return tightness.get(operator) ?? 0;
}

export const isRange = (operator: string): operator is ".." | "..<" =>
  operator === ".." || operator === "..<";
export const isComparison = (operator: string): boolean => tightness.get(operator) === tightness.get("==");
