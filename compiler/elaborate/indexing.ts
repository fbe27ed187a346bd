// `x[…]`: on lists at compile time; on tensors one index for each axis from the first, where a number takes one slice and drops
// the axis, a range keeps a part, `..` stands for all axes that nothing else speaks of, and a whole-number tensor gathers rows. The
// number of a layer takes the slice by the loop's counter. A range that ends at a scalar of the step keeps the axis's size, and is zero from there on.
import type { Span } from "../../grammar/source.ts";
import {
  describe,
  number,
  poison,
  shapeText,
  type Dimension,
  type Meaning,
  type RangeMeaning,
  type ScalarMeaning,
  type TensorMeaning,
} from "./meaning.ts";
import { anonymous, asTensor, casted, elementwise, tensor } from "./tensors.ts";
import { emit, fail, read, type Workspace } from "./workspace.ts";

export interface IndexArgument {
  readonly meaning: Meaning;
  readonly span: Span;
}

export function indexed(
  ws: Workspace,
  object: Meaning,
  indices: readonly IndexArgument[],
  span: Span,
): Meaning {
  if (object.kind === "poison" || indices.some(({ meaning }) => meaning.kind === "poison")) return poison;
  if (object.kind === "list") return fromList(object.elements, indices, span);
  const { value, dimensions } = asTensor(ws, object, span);
  const [only] = indices;
  const gathering =
    indices.length === 1 ? gathered(ws, only, dimensions[0] ?? anonymous(1, span)) : undefined;
  if (gathering !== undefined) {
    const at = gathering;
    return tensor(emit(ws, span, "take", [value, at.value]), [...at.dimensions, ...dimensions.slice(1)]);
  }
  const spread = expand(indices, dimensions, span);
  const starts: number[] = [];
  const kept: (Dimension | undefined)[] = [];
  const bounds: Bound[] = [];
  spread.forEach((index, axis) => {
    const dimension = dimensions[axis] ?? anonymous(1, span);
    if (index === undefined) {
      starts.push(0);
      kept.push(dimension);
      return;
    }
    const { meaning } = index;
    if (meaning.kind === "number") {
      starts.push(
        inside(meaning.value < 0 ? meaning.value + dimension.size : meaning.value, dimension, index.span),
      );
      kept.push(undefined);
    } else if (meaning.kind === "range") {
      const { first, last, bound } = openEnds(ws, meaning, dimension, index.span);
      starts.push(first);
      kept.push(last - first === dimension.size ? dimension : anonymous(last - first, index.span));
      if (bound !== undefined) bounds.push({ axis, bound });
    } else {
      fail(
        "FTL0714",
        index.span,
        `a tensor is not indexed by ${describe(meaning)}`,
        "a number, a range or '..' is needed here",
      );
    }
  });
  const sizes = kept.map((dimension) => dimension?.size ?? 1);
  const whole = sizes.every((size, axis) => size === dimensions[axis]?.size);
  const cut = whole ? value : emit(ws, span, "slice", [value], { starts, sizes });
  const part = bounds.reduce(
    (x, { axis, bound }) =>
      emit(ws, span, "until", [x, casted(ws, asTensor(ws, bound, span).value, "u32", span)], { axis }),
    cut,
  );
  const remaining = kept.flatMap((dimension) => dimension ?? []);
  if (remaining.length === kept.length) return tensor(part, remaining);
  return tensor(emit(ws, span, "reshape", [part], { shape: remaining.map(({ size }) => size) }), remaining);
}

/** The whole-number tensor that picks rows: the index itself, or the loop's counter where it is the number of a layer. */
function gathered(
  ws: Workspace,
  index: IndexArgument | undefined,
  axis: Dimension,
): TensorMeaning | undefined {
  if (index === undefined) return undefined;
  const { meaning, span } = index;
  if (meaning.kind === "number" && meaning.counter !== undefined) {
    inside(meaning.value, axis, span);
    return tensor(read(ws, meaning.counter), []);
  }
  return meaning.kind === "tensor" || meaning.kind === "variable" ? asTensor(ws, meaning, span) : undefined;
}

function fromList(elements: readonly Meaning[], indices: readonly IndexArgument[], span: Span): Meaning {
  const [index] = indices;
  if (index === undefined || indices.length !== 1)
    return fail("FTL0714", span, "a list has one index", "too many indices");
  if (index.meaning.kind === "number") {
    const element = elements.at(index.meaning.value);
    return element ?? fail("FTL0714", index.span, `the list has ${elements.length} elements`, "past its end");
  }
  if (index.meaning.kind === "range") {
    const [first, last] = ends(index.meaning, anonymous(elements.length, span), index.span);
    return { kind: "list", elements: elements.slice(first, last) };
  }
  return fail(
    "FTL0714",
    index.span,
    `a list is not indexed by ${describe(index.meaning)}`,
    "a number or a range is needed here",
  );
}

/** Where an axis of what is kept ends early. */
interface Bound {
  readonly axis: number;
  readonly bound: Meaning;
}

/** As `ends`; a last that only the step knows is a bound, counted from the first, on what is kept of the axis. */
function openEnds(
  ws: Workspace,
  range: RangeMeaning,
  dimension: Dimension,
  span: Span,
): { readonly first: number; readonly last: number; readonly bound: Meaning | undefined } {
  const open = typeof range.last === "object" ? range.last : undefined;
  const [first, last] = ends(open === undefined ? range : { ...range, last: undefined }, dimension, span);
  if (open === undefined) return { first, last, bound: undefined };
  const past = number((range.inclusive ? 1 : 0) - first);
  return { first, last, bound: elementwise(ws, "add", [open, past], span) };
}

/** One entry an axis, undefined where the whole axis is kept. */
export function expand(
  indices: readonly IndexArgument[],
  dimensions: readonly Dimension[],
  span: Span,
): (IndexArgument | undefined)[] {
  const isSpread = ({ meaning }: IndexArgument): boolean =>
    meaning.kind === "range" && meaning.first === undefined && meaning.last === undefined;
  const at = indices.findIndex(isSpread);
  const before = at === -1 ? indices : indices.slice(0, at);
  const after = at === -1 ? [] : indices.slice(at + 1);
  const missing = dimensions.length - before.length - after.length;
  if (missing < 0)
    fail("FTL0714", span, `${indices.length} indices for ${shapeText(dimensions)}`, "too many indices");
  return [...before, ...Array.from({ length: missing }, () => undefined), ...after];
}

/** First and one past the last, within the axis. */
function ends(range: RangeMeaning, dimension: Dimension, span: Span): readonly [number, number] {
  const place = (value: number | ScalarMeaning): number => {
    if (typeof value !== "number")
      return fail(
        "FTL0714",
        span,
        "this end is known in each step only",
        "only the last end of a tensor's part may be",
      );
    return value < 0 ? value + dimension.size : value;
  };
  const first = place(range.first ?? 0);
  const last = range.last === undefined ? dimension.size : place(range.last) + (range.inclusive ? 1 : 0);
  if (first < 0 || last > dimension.size || first > last) {
    fail(
      "FTL0714",
      span,
      `${first}..<${last} is not a part of an axis of ${dimension.size}`,
      "outside the axis",
    );
  }
  return [first, last];
}

function inside(value: number, dimension: Dimension, span: Span): number {
  if (!Number.isInteger(value) || value < 0 || value >= dimension.size) {
    fail("FTL0714", span, `${value} is not a position of an axis of ${dimension.size}`, "outside the axis");
  }
  return value;
}
