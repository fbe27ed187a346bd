// Tensors of which a step changes a part, `{ moving: [0..<b] }` on what trains: outside of it an element has no gradient, and keeps its
// value and its optimizer's states bit for bit. The part is said as an index would say it: a range for each axis, `..` for those that
// are not spoken of.
import type { Span } from "../../grammar/source.ts";
import type { Declaration } from "../../grammar/syntax.ts";
import type { Environment } from "./environment.ts";
import { evaluate } from "./expressions.ts";
import type { Estimate } from "./gradient-source.ts";
import { expand } from "./indexing.ts";
import {
  boolean,
  describe,
  number,
  type Declared,
  type Dimension,
  type Meaning,
  type RangeMeaning,
} from "./meaning.ts";
import { anonymous, elementwise, tensor } from "./tensors.ts";
import { emit, fail, type Workspace } from "./workspace.ts";

/** The option `moving` of a declaration. */
export function movingOf(
  ws: Workspace,
  env: Environment,
  { options }: Declaration,
  dimensions: readonly Dimension[],
): Declared["moving"] {
  const option = options.find(({ path }) => path[0]?.text === "moving");
  if (option === undefined) return undefined;
  const { span } = option.value;
  const meaning = evaluate(ws, env, option.value);
  if (meaning.kind !== "list")
    return fail(
      "FTL0703",
      span,
      `'moving' takes a list of ranges, found ${describe(meaning)}`,
      "such as [0..<b]",
    );
  const indices = meaning.elements.map((element) => ({ meaning: element, span }));
  const ranges = expand(indices, dimensions, span).map((index, axis): RangeMeaning | undefined => {
    if (index === undefined) return undefined;
    if (index.meaning.kind !== "range")
      return fail("FTL0703", span, `'moving' takes ranges, found ${describe(index.meaning)}`, "not a range");
    return isWhole(index.meaning, dimensions[axis]?.size ?? 0) ? undefined : index.meaning;
  });
  return ranges.every((range) => range === undefined) ? undefined : ranges;
}

function isWhole({ first, last, inclusive }: RangeMeaning, size: number): boolean {
  const end = typeof last === "number" ? last + (inclusive ? 1 : 0) : last;
  return (first === undefined || first === 0) && (end === undefined || end === size);
}

/** The estimate, of which nothing outside of what moves is used. */
export function confined(ws: Workspace, parameter: Declared, estimate: Estimate, span: Span): Estimate {
  const own = movesOf(ws, parameter, span);
  if (own === undefined || estimate.moves === undefined) return { ...estimate, moves: own ?? estimate.moves };
  return { ...estimate, moves: elementwise(ws, "and", [own, estimate.moves], span) };
}

/** The gradient, zero outside of what moves. */
export function ofMoving(ws: Workspace, parameter: Declared, gradient: Meaning, span: Span): Meaning {
  const own = movesOf(ws, parameter, span);
  return own === undefined ? gradient : elementwise(ws, "select", [own, gradient, number(0)], span);
}

function movesOf(ws: Workspace, { moving, shape }: Declared, span: Span): Meaning | undefined {
  return moving === undefined ? undefined : moves(ws, moving, shape, span);
}

function moves(
  ws: Workspace,
  moving: readonly (RangeMeaning | undefined)[],
  shape: readonly number[],
  span: Span,
): Meaning {
  const dimensions = shape.map((size) => anonymous(size, span));
  return moving.reduce<Meaning>((all, range, axis) => {
    if (range === undefined) return all;
    const { first, last, inclusive } = range;
    const place = tensor(emit(ws, span, "iota", [], { shape, axis, type: "i32" }), dimensions);
    const end = (value: NonNullable<typeof first>): Meaning =>
      typeof value === "number" ? number(value) : value;
    const conditions = [
      ...(first === undefined || first === 0
        ? []
        : [elementwise(ws, "less_equal", [end(first), place], span)]),
      ...(last === undefined
        ? []
        : [elementwise(ws, inclusive ? "less_equal" : "less", [place, end(last)], span)]),
    ];
    return conditions.reduce((before, more) => elementwise(ws, "and", [before, more], span), all);
  }, boolean(true));
}
