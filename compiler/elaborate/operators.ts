// Operators and fields on meanings: what `a + b`, `a == b` and `a.name` are once both sides are known.
import type { Span } from "../../grammar/source.ts";
import type { BinaryOperator } from "../../grammar/syntax.ts";
import { closest } from "../../grammar/suggest.ts";
import { boolean, describe, none, number, poison, type Meaning } from "./meaning.ts";
import { elementwise, product } from "./tensors.ts";
import { transpose } from "./views.ts";
import { fail, Silenced, type Workspace } from "./workspace.ts";

/** A condition: true or false at compile time. */
export function truth(meaning: Meaning, span: Span): boolean {
  if (meaning.kind === "boolean") return meaning.value;
  if (meaning.kind === "poison") throw new Silenced();
  return fail(
    "FTL0708",
    span,
    `a condition must be known at compile time, found ${describe(meaning)}`,
    "true or false is needed here",
  );
}

const binaryOperations: Readonly<Record<string, string>> = {
  "+": "add",
  "-": "subtract",
  "*": "multiply",
  "/": "divide",
  "%": "remainder",
  "^": "power",
  "<": "less",
  "<=": "less_equal",
};

/** What a binary operator makes of two meanings; `??` is the evaluator's, for its right side may not be evaluated. */
export function combine(
  ws: Workspace,
  operator: BinaryOperator,
  left: Meaning,
  right: Meaning,
  span: Span,
): Meaning {
  if (left.kind === "poison" || right.kind === "poison") return poison;
  switch (operator) {
    case "@":
      return product(ws, left, right, span);
    case "==":
    case "!=": {
      const same = plainEqual(left, right) ?? elementwise(ws, "equal", [left, right], span);
      if (operator === "==") return same;
      return same.kind === "boolean" ? boolean(!same.value) : elementwise(ws, "not", [same], span);
    }
    case ">":
      return elementwise(ws, "less", [right, left], span);
    case ">=":
      return elementwise(ws, "less_equal", [right, left], span);
    case "in":
      // A field that is there may hold none.
      if (right.kind === "record" && left.kind === "string") return boolean(right.fields.has(left.value));
      if (right.kind !== "list")
        return fail("FTL0703", span, `expected a list or a config, found ${describe(right)}`, "not a list");
      return boolean(right.elements.some((element) => truthOf(plainEqual(left, element))));
    default: {
      const name = operator === "and" || operator === "or" ? operator : binaryOperations[operator];
      return name === undefined ? poison : elementwise(ws, name, [left, right], span);
    }
  }
}

/** Whether a meaning is plainly true. */
export function truthOf(meaning: Meaning | undefined): boolean {
  return meaning?.kind === "boolean" && meaning.value;
}

/** Equality of compile-time values; undefined where a tensor or a host scalar is compared. */
export function plainEqual(left: Meaning, right: Meaning): Meaning | undefined {
  const dynamic = (meaning: Meaning): boolean => ["tensor", "variable", "scalar"].includes(meaning.kind);
  if (left.kind === "none" || right.kind === "none") return boolean(left.kind === right.kind);
  if (dynamic(left) || dynamic(right)) return undefined;
  if (left.kind !== right.kind) return boolean(false);
  return boolean("value" in left && "value" in right && left.value === right.value);
}

/**
 * A field of a record, or what every tensor has: its transpose and its shape. A weight knows the kind of module that it stands in and
 * that module's role.
 */
export function member(ws: Workspace, object: Meaning, name: string, optional: boolean, span: Span): Meaning {
  if (object.kind === "poison") return poison;
  if (object.kind === "none" && optional) return none;
  if (object.kind === "record") {
    const field = object.fields.get(name);
    if (field !== undefined) return field;
    if (object.open || optional) return none;
    const near = closest(name, [...object.fields.keys()]);
    return fail(
      "FTL0712",
      span,
      `${object.label} has no '${name}'`,
      near === undefined ? "unknown" : `did you mean '${near}'?`,
    );
  }
  if (object.kind === "tensor" || object.kind === "variable") {
    if (name === "T") return transpose(ws, object, span);
    if (name === "shape")
      return {
        kind: "list",
        elements: object.dimensions.map((dimension) => number(dimension.size, dimension)),
      };
  }
  const weight = object.kind === "variable" ? object.variable : object.kind === "tensor" && object.trained;
  if (weight) {
    const { module } = weight;
    if (name === "module") return text(module?.name);
    if (name === "role") return text(module?.role);
  }
  return fail("FTL0712", span, `${describe(object)} has no '${name}'`, "unknown");
}

function text(value: string | undefined): Meaning {
  return value === undefined ? none : { kind: "string", value };
}
