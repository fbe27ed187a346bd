// Numbers of a recipe with their units: `8GiB`, `3%`, `1k`, `-2`, and plain arithmetic such as `1 / 8`.
import type { Span } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";

export interface Quantity {
  readonly value: number;
  /** As written; "" without one, and for arithmetic. */
  readonly unit: string;
  /** True for one number as written, which an edit can rewrite. */
  readonly plain: boolean;
  readonly span: Span;
}

const scales: Readonly<Record<"count" | "bytes", ReadonlyMap<string, number>>> = {
  count: new Map([
    ["", 1],
    ["k", 1e3],
    ["M", 1e6],
    ["G", 1e9],
  ]),
  bytes: new Map([
    ["B", 1],
    ["KiB", 2 ** 10],
    ["MiB", 2 ** 20],
    ["GiB", 2 ** 30],
    ["TiB", 2 ** 40],
  ]),
};

/** What a unit multiplies by when the number counts or measures bytes; nothing for a unit of another kind. */
export function scaleOf(unit: string, kind: "count" | "bytes"): number | undefined {
  return scales[kind].get(unit);
}

/** The number that an expression is, or nothing where it is no number. */
export function readNumber(value: Expression): Quantity | undefined {
  if (value.kind === "number") return { value: value.value, unit: value.unit, plain: true, span: value.span };
  if (value.kind === "unary" && value.operator === "-") {
    const inner = readNumber(value.operand);
    return inner === undefined
      ? undefined
      : { ...inner, value: -inner.value, plain: false, span: value.span };
  }
  if (value.kind !== "binary") return undefined;
  const left = plain(readNumber(value.left));
  const right = plain(readNumber(value.right));
  if (left === undefined || right === undefined) return undefined;
  const result = calculate(value.operator, left, right);
  if (result === undefined || !Number.isFinite(result)) return undefined;
  return { value: result, unit: "", plain: false, span: value.span };
}

function plain(quantity: Quantity | undefined): number | undefined {
  if (quantity === undefined) return undefined;
  const scale = scaleOf(quantity.unit, "count");
  return scale === undefined ? undefined : quantity.value * scale;
}

function calculate(operator: string, left: number, right: number): number | undefined {
  switch (operator) {
    case "+":
      return left + right;
    case "-":
      return left - right;
    case "*":
      return left * right;
    case "/":
      return left / right;
    case "^":
      return left ** right;
    default:
      return undefined;
  }
}
