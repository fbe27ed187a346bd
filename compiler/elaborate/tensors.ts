// Tensors as the language sees them: broadcasting, element types and named dimensions on top of the graph's operations, which
// know none of these. In: meanings and the span that asked; out: a tensor meaning whose dimensions say where each size came from.
import type { Span } from "../../grammar/source.ts";
import type { Related } from "../../grammar/diagnostic.ts";
import type { ElementType, Value } from "../ir/graph.ts";
import {
  boolean,
  describe,
  number,
  shapeText,
  type Dimension,
  type Meaning,
  type TensorMeaning,
} from "./meaning.ts";
import { arithmetic, logic } from "../plan/scalars.ts";
import { registerType } from "../ops/wgsl.ts";
import {
  emit,
  fail,
  read,
  Silenced,
  scalarSlot,
  scalarSlots,
  tablePlace,
  type Workspace,
} from "./workspace.ts";
import { scalarsVariable } from "./io.ts";

/** Operations whose result is a float whatever goes in. */
const floating = new Set(["divide", "power", "exp", "log", "sqrt", "rsqrt", "tanh", "sin", "cos", "erf"]);
const comparing = new Set(["less", "less_equal", "equal"]);
const logical = new Set(["and", "or", "not"]);

export function tensor(value: Value, dimensions: readonly Dimension[]): TensorMeaning {
  return { kind: "tensor", value, dimensions };
}

/** A dimension that nobody named. */
export function anonymous(size: number, span: Span | undefined): Dimension {
  return { size, label: "", span };
}

/** The meaning as a tensor in the region at hand; numbers and host scalars become scalars. */
export function asTensor(ws: Workspace, meaning: Meaning, span: Span): TensorMeaning {
  switch (meaning.kind) {
    case "tensor":
      return meaning;
    case "variable": {
      const { variable, dimensions, order } = meaning;
      const stored =
        variable.held?.decode() ?? casted(ws, read(ws, variable), registerType(variable.type), span);
      const seen = order === undefined ? stored : emit(ws, span, "permute", [stored], { permutation: order });
      return tensor(seen, dimensions);
    }
    case "number":
      return tensor(emit(ws, span, "constant", [], { value: meaning.value, type: "f32", shape: [] }), []);
    case "boolean":
      return tensor(
        emit(ws, span, "constant", [], { value: meaning.value ? 1 : 0, type: "bool", shape: [] }),
        [],
      );
    case "scalar": {
      const { now } = ws;
      const slot = (now === undefined ? scalarSlot : tablePlace)(ws, meaning.expression, span);
      const all = now ?? read(ws, scalarsVariable(scalarSlots, span));
      const one = emit(ws, span, "slice", [all], { starts: [slot], sizes: [1] });
      return tensor(emit(ws, span, "reshape", [one], { shape: [] }), []);
    }
    case "list":
      return vector(ws, meaning.elements, span);
    case "poison":
      throw new Silenced();
    default:
      return fail(
        "FTL0703",
        span,
        `expected a tensor or a number, found ${describe(meaning)}`,
        "not a tensor",
      );
  }
}

/** A list of numbers as a tensor of one axis. */
function vector(ws: Workspace, elements: readonly Meaning[], span: Span): TensorMeaning {
  const entries = elements.map((element) => asTensor(ws, element, span));
  const odd = entries.find(({ value }) => value.shape.length > 0);
  if (entries.length === 0 || odd !== undefined)
    fail("FTL0703", span, "expected a list of numbers", odd === undefined ? "empty" : "holds a tensor");
  const ones = entries.map(({ value }) => emit(ws, span, "reshape", [value], { shape: [1] }));
  return tensor(emit(ws, span, "concat", ones, { axis: 0 }), [anonymous(entries.length, span)]);
}

/** The value in another element type. */
export function casted(ws: Workspace, value: Value, type: ElementType, span: Span): Value {
  return value.type === type ? value : emit(ws, span, "cast", [value], { type });
}

/**
 * Applies an elementwise operation: at compile time on numbers, as an expression on host scalars, else on tensors, which are
 * broadcast together from their last axes.
 */
export function elementwise(
  ws: Workspace,
  operation: string,
  operands: readonly Meaning[],
  span: Span,
): Meaning {
  if (operands.some(({ kind }) => kind === "poison")) return { kind: "poison" };
  const known = withoutTensors(operation, operands);
  if (known !== undefined) return known;
  const types = operands.map((operand) => elementType(operand));
  const target = commonType(operation, types, operands);
  const tensors = operands.map((operand, index) => {
    const wanted = operation === "select" && index === 0 ? "bool" : target;
    if (operand.kind === "number") {
      return tensor(
        emit(ws, span, "constant", [], {
          value: operand.value,
          type: wanted === "bool" ? "f32" : wanted,
          shape: [],
        }),
        [],
      );
    }
    const { value, dimensions } = asTensor(ws, operand, span);
    return tensor(casted(ws, value, wanted, span), dimensions);
  });
  const { values, dimensions } = broadcast(ws, tensors, span);
  return tensor(emit(ws, span, operation, values), dimensions);
}

/** The result of an operation on what is known at compile time or computed by the host; undefined where a tensor takes part. */
function withoutTensors(operation: string, operands: readonly Meaning[]): Meaning | undefined {
  const [condition, then, otherwise] = operands;
  const plain = (meaning: Meaning | undefined): boolean =>
    meaning?.kind === "number" || meaning?.kind === "scalar";
  if (operation === "select" && condition?.kind === "boolean" && plain(then) && plain(otherwise))
    return condition.value ? then : otherwise;
  const known = operands.flatMap((operand) =>
    operand.kind === "number" || operand.kind === "boolean" ? [Number(operand.value)] : [],
  );
  const [compute, decide] = [arithmetic[operation], logic[operation]];
  if (known.length === operands.length) {
    const booleans = logical.has(operation) ? "boolean" : "number";
    if (operands.some(({ kind }) => kind !== booleans)) return undefined;
    if (compute !== undefined) return number(compute(...known));
    return decide === undefined ? undefined : boolean(decide(...known) !== 0);
  }
  const scalars = operands.flatMap((operand) =>
    operand.kind === "scalar"
      ? [operand.expression]
      : operand.kind === "number" || operand.kind === "boolean"
        ? [Number(operand.value)]
        : [],
  );
  if ((compute ?? decide) === undefined || scalars.length !== operands.length) return undefined;
  return { kind: "scalar", expression: { apply: operation, to: scalars } };
}

function elementType(meaning: Meaning): ElementType | undefined {
  switch (meaning.kind) {
    case "tensor":
      return meaning.value.type;
    case "variable":
      return registerType(meaning.variable.type);
    case "boolean":
      return "bool";
    case "scalar":
      return "f32";
    default:
      return undefined;
  }
}

/** The type both operands are brought to. A number takes the other's type where it is exact there. */
function commonType(
  operation: string,
  types: readonly (ElementType | undefined)[],
  operands: readonly Meaning[],
): ElementType {
  if (logical.has(operation)) return "bool";
  const relevant = operation === "select" ? types.slice(1) : types;
  const whole = operands.every((operand) => operand.kind !== "number" || Number.isInteger(operand.value));
  const integer = relevant.find((type) => type === "i32" || type === "u32");
  const allIntegers = relevant.every((type) => type === undefined || type === "i32" || type === "u32");
  if (integer !== undefined && allIntegers && whole && !floating.has(operation)) return integer;
  if (comparing.has(operation) && relevant.every((type) => type === "bool")) return "bool";
  return "f32";
}

/** Brings tensors to one shape, aligned at their last axes; an axis of one repeats. */
export function broadcast(
  ws: Workspace,
  tensors: readonly TensorMeaning[],
  span: Span,
): { readonly values: readonly Value[]; readonly dimensions: readonly Dimension[] } {
  const dimensions = aligned(
    tensors.map((each) => each.dimensions),
    span,
  );
  return {
    values: tensors.map(({ value }) =>
      widened(
        ws,
        value,
        dimensions.map(({ size }) => size),
        span,
      ),
    ),
    dimensions,
  };
}

function widened(ws: Workspace, value: Value, shape: readonly number[], span: Span): Value {
  const same = value.shape.length === shape.length && value.shape.every((size, axis) => size === shape[axis]);
  return same ? value : emit(ws, span, "broadcast", [value], { shape });
}

/** The dimensions that several lists have together, aligned at their ends; one yields to any other size. */
function aligned(lists: readonly (readonly Dimension[])[], span: Span): readonly Dimension[] {
  const rank = Math.max(...lists.map(({ length }) => length));
  return Array.from({ length: rank }, (_, axis) => {
    const own = lists.flatMap((list) => list[axis - rank + list.length] ?? []);
    const chosen = own.find(({ size }) => size !== 1) ?? own[0] ?? anonymous(1, undefined);
    const other = own.find(({ size }) => size !== 1 && size !== chosen.size);
    if (other !== undefined) {
      fail(
        "FTL0704",
        span,
        `the shapes ${lists.map(shapeText).join(" and ")} do not fit together`,
        `${chosen.size} against ${other.size}`,
        {
          related: origins([chosen, other]),
        },
      );
    }
    return chosen;
  });
}

/** Where sizes came from, for the second half of a message. */
export function origins(dimensions: readonly Dimension[]): Related[] {
  return dimensions.flatMap(({ span, size, label }) =>
    span === undefined
      ? []
      : [
          {
            span,
            label:
              label === "" || label === String(size)
                ? `${size} comes from here`
                : `${label} = ${size} comes from here`,
          },
        ],
  );
}

/** a @ b over the last axis of `a` and the one before the last of `b`; leading axes are broadcast, and a matrix `b` is shared. */
export function product(ws: Workspace, left: Meaning, right: Meaning, span: Span): Meaning {
  if (left.kind === "poison" || right.kind === "poison") return { kind: "poison" };
  const a = asTensor(ws, left, span);
  const b = asTensor(ws, right, span);
  const inner = a.dimensions.at(-1);
  const outer = b.dimensions.at(-2);
  const rows = a.dimensions.at(-2);
  const columns = b.dimensions.at(-1);
  if (inner === undefined || outer === undefined || rows === undefined || columns === undefined) {
    return fail(
      "FTL0705",
      span,
      `'@' needs two axes on both sides, found ${shapeText(a.dimensions)} and ${shapeText(b.dimensions)}`,
      "too few axes",
    );
  }
  if (inner.size !== outer.size) {
    fail(
      "FTL0704",
      span,
      `the product of ${shapeText(a.dimensions)} and ${shapeText(b.dimensions)} needs equal inner sizes`,
      `${inner.size} against ${outer.size}`,
      { related: origins([inner, outer]) },
    );
  }
  if (b.dimensions.length === 2) {
    const value = emit(ws, span, "matmul", [a.value, b.value], { transpose_a: false, transpose_b: false });
    return tensor(value, [...a.dimensions.slice(0, -1), columns]);
  }
  const common = aligned([a.dimensions.slice(0, -2), b.dimensions.slice(0, -2)], span);
  const lead = common.map(({ size }) => size);
  const values = [a, b].map(({ value }) => widened(ws, value, [...lead, ...value.shape.slice(-2)], span));
  return tensor(emit(ws, span, "matmul", values, { transpose_a: false, transpose_b: false }), [
    ...common,
    rows,
    columns,
  ]);
}
