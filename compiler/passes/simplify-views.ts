// Rules on views, reductions and products: views of views become one view, views that change nothing go, transposes go into
// the product's flags.
import { sizeOf, type Attribute, type Node, type Value } from "../ir/graph.ts";
import { sameShape } from "../ops/check.ts";
import { operationOf } from "../ops/index.ts";
import type { Builder } from "../ops/operation.ts";
import { at } from "./rebuild.ts";
import { endRules } from "./simplify-ends.ts";
import { numberIn, on, type Rule } from "./simplify-rules.ts";

/** A constant seen through a view is a constant; padding puts other elements in. */
const viewOfConstant: Rule = {
  name: "view of a constant",
  apply(node, builder) {
    const { lowering } = operationOf(node.operation);
    const number = numberIn(node.inputs[0]);
    if (lowering.kind !== "view" || lowering.inside !== undefined || number === undefined) return undefined;
    const { type, shape } = at(node.outputs, 0);
    return builder.constant(number, type, shape);
  },
};

/** One number everywhere is that under any view. */
const viewOfOne: Rule = {
  name: "view of one number everywhere",
  apply(node, builder) {
    const { lowering } = operationOf(node.operation);
    const [x] = node.inputs;
    const [one] = x?.node.operation === "broadcast" ? x.node.inputs : [];
    if (lowering.kind !== "view" || lowering.inside !== undefined || one === undefined) return undefined;
    if (sizeOf(one.shape) !== 1) return undefined;
    const scalar = builder.apply("reshape", [one], { shape: [] });
    return builder.apply("broadcast", [scalar], { shape: at(node.outputs, 0).shape });
  },
};

/** Views whose coordinates are the input's own. A reshape, permutation or padding to the same shape moves nothing else. */
function idle(operation: string, isIdle: (node: Node, input: Value) => boolean): Rule {
  return on(operation, `${operation} that changes nothing`, ([x], node) =>
    x && isIdle(node, x) ? x : undefined,
  );
}

function toSameShape({ outputs: [y] }: Node, x: Value): boolean {
  return y !== undefined && sameShape(x.shape, y.shape);
}

/** A view of a view of the same kind, as one. */
function composed(operation: string, compose: (outer: Node, inner: Node) => Record<string, Attribute>): Rule {
  return on(operation, `${operation} of ${operation}`, ([x], node, builder) => {
    const [origin] = x?.node.operation === operation ? x.node.inputs : [];
    return x && origin && builder.apply(operation, [origin], compose(node, x.node));
  });
}

export function numbersOf({ attributes }: Node, name: string): readonly number[] {
  const list = attributes[name];
  return Array.isArray(list) ? list.filter((item): item is number => typeof item === "number") : [];
}

const plus = (a: readonly number[], b: readonly number[]): number[] =>
  a.map((item, index) => item + (b[index] ?? 0));

/** A permutation that leaves the axes longer than 1 in their order. */
const permuteOfOnes = on("permute", "permute of axes of size 1", ([x], node, builder) => {
  if (x === undefined) return undefined;
  const long = numbersOf(node, "permutation").filter((axis) => x.shape[axis] !== 1);
  const rising = long.every((axis, index) => index === 0 || axis > (long[index - 1] ?? 0));
  return rising ? builder.apply("reshape", [x], { shape: at(node.outputs, 0).shape }) : undefined;
});

/** Axes of size 1 in front change nothing for a broadcast, which would put them there itself. */
const broadcastOfReshape = on(
  "broadcast",
  "broadcast of a reshape that adds axes in front",
  ([x], node, builder) => {
    const [origin] = x?.node.operation === "reshape" ? x.node.inputs : [];
    if (x === undefined || origin === undefined) return undefined;
    const withoutOnes = ({ shape }: Value): readonly number[] => {
      const first = shape.findIndex((size) => size !== 1);
      return first < 0 ? [] : shape.slice(first);
    };
    const fits = origin.shape.length <= at(node.outputs, 0).shape.length;
    if (!fits || !sameShape(withoutOnes(origin), withoutOnes(x))) return undefined;
    return builder.apply("broadcast", [origin], { shape: at(node.outputs, 0).shape });
  },
);

/** What a padding puts around and a slice takes away again. */
const sliceOfPad = on("slice", "slice of just what was padded", ([x], node) => {
  const [origin] = x?.node.operation === "pad" ? x.node.inputs : [];
  const same =
    x !== undefined &&
    origin !== undefined &&
    sameShape(numbersOf(node, "starts"), numbersOf(x.node, "before")) &&
    sameShape(numbersOf(node, "sizes"), origin.shape);
  return same ? origin : undefined;
});

/** A slice that lies within one of several tensors side by side. */
const sliceOfConcat = on("slice", "slice of one part of a concat", ([x], node, builder) => {
  const axis = x?.node.attributes["axis"];
  if (x?.node.operation !== "concat" || typeof axis !== "number") return undefined;
  const [starts, sizes] = [numbersOf(node, "starts"), numbersOf(node, "sizes")];
  const [from, length] = [at(starts, axis), at(sizes, axis)];
  let begin = 0;
  for (const part of x.node.inputs) {
    const size = at(part.shape, axis);
    if (from >= begin && from + length <= begin + size)
      return builder.apply("slice", [part], { starts: starts.with(axis, from - begin), sizes });
    begin += size;
  }
  return undefined;
});

/** Tensors side by side, some of which are tensors side by side along the same axis. */
const flatConcat = on("concat", "concat of concat", (parts, { attributes }, builder) => {
  const isSame = ({ node }: Value): boolean =>
    node.operation === "concat" && node.attributes["axis"] === attributes["axis"];
  if (parts.length === 1) return parts[0];
  if (!parts.some(isSame)) return undefined;
  return builder.apply(
    "concat",
    parts.flatMap((part) => (isSame(part) ? part.node.inputs : [part])),
    attributes,
  );
});

/** Two paddings that fill what the other leaves zero: the gradient of a tensor that was split. */
const sumOfPads = on("add", "sum of paddings side by side", ([a, b], _, builder) => {
  if (a?.node.operation !== "pad" || b?.node.operation !== "pad") return undefined;
  const [left, right] = [at(a.node.inputs, 0), at(b.node.inputs, 0)];
  const axis = a.shape.findIndex(
    (size, index) => at(left.shape, index) !== size || at(right.shape, index) !== size,
  );
  const alike = (pads: Value, part: Value): boolean =>
    part.shape.every((size, index) => index === axis || size === pads.shape[index]);
  if (axis < 0 || !alike(a, left) || !alike(b, right)) return undefined;
  const begin = (value: Value): number => at(numbersOf(value.node, "before"), axis);
  const [first, second, start, middle] =
    begin(a) < begin(b) ? [left, right, begin(a), begin(b)] : [right, left, begin(b), begin(a)];
  if (start + at(first.shape, axis) !== middle) return undefined;
  const joined = builder.apply("concat", [first, second], { axis });
  const none = a.shape.map(() => 0);
  const after = at(a.shape, axis) - start - at(joined.shape, axis);
  return builder.apply("pad", [joined], { before: none.with(axis, start), after: none.with(axis, after) });
});

/** Axes of size 1 need no folding; axes folded one after the other are folded at once. */
const foldedAxes: Rule = {
  name: "reduction over axes of size 1, or of a reduction",
  apply(node, builder) {
    const { lowering } = operationOf(node.operation);
    const x = node.inputs[0];
    if (lowering.kind !== "reduce" || x === undefined) return undefined;
    const axes = lowering.axes(node.attributes);
    const long = axes.filter((axis) => x.shape[axis] !== 1);
    if (long.length === 0) return x;
    if (long.length < axes.length)
      return builder.apply(node.operation, [x], { ...node.attributes, axes: long });
    if (x.node.operation !== node.operation) return undefined;
    const all = [...new Set([...axes, ...lowering.axes(x.node.attributes)])].toSorted((a, b) => a - b);
    return builder.apply(node.operation, x.node.inputs, { ...node.attributes, axes: all });
  },
};

/** Whether the value is the transpose of its input's matrices, and of which input. */
function untransposed(value: Value): Value | undefined {
  if (value.node.operation !== "permute") return undefined;
  const order = numbersOf(value.node, "permutation");
  const last = order.length - 1;
  const swaps = order.every((axis, index) => axis === (index < last - 1 ? index : 2 * last - 1 - index));
  return last >= 1 && swaps ? value.node.inputs[0] : undefined;
}

function product(builder: Builder, a: Value, b: Value, transpose_a: boolean, transpose_b: boolean): Value {
  return builder.apply("matmul", [a, b], { transpose_a, transpose_b });
}

const transposedOperand = on("matmul", "matmul of a transpose", ([a, b], { attributes }, builder) => {
  const [flagA, flagB] = [attributes["transpose_a"] === true, attributes["transpose_b"] === true];
  const [plainA, plainB] = [a && untransposed(a), b && untransposed(b)];
  if (a === undefined || b === undefined || (plainA ?? plainB) === undefined) return undefined;
  return product(
    builder,
    plainA ?? a,
    plainB ?? b,
    flagA !== (plainA !== undefined),
    flagB !== (plainB !== undefined),
  );
});

/** (A B)ᵀ = Bᵀ Aᵀ. */
const transposedProduct = on("permute", "transpose of a matmul", (_, { outputs: [y] }, builder) => {
  const made = y && untransposed(y);
  const [a, b] = made?.node.operation === "matmul" ? made.node.inputs : [];
  if (made === undefined || a === undefined || a.shape.length !== b?.shape.length) return undefined;
  const { transpose_a, transpose_b } = made.node.attributes;
  return product(builder, b, a, transpose_b !== true, transpose_a !== true);
});

/** All batches may share one right-hand side. */
const sharedOperand = on(
  "matmul",
  "matmul with one matrix for all batches",
  ([a, b], { attributes }, builder) => {
    const [origin] = b?.node.operation === "broadcast" ? b.node.inputs : [];
    if (a === undefined || b === undefined || origin?.shape.length !== 2) return undefined;
    if (!sameShape(origin.shape, b.shape.slice(-2))) return undefined;
    return product(
      builder,
      a,
      origin,
      attributes["transpose_a"] === true,
      attributes["transpose_b"] === true,
    );
  },
);

export const viewRules: readonly Rule[] = [
  viewOfConstant,
  viewOfOne,
  idle("reshape", toSameShape),
  idle("broadcast", toSameShape),
  idle("slice", toSameShape),
  idle("pad", toSameShape),
  composed("reshape", ({ attributes }) => ({ ...attributes })),
  composed("broadcast", ({ attributes }) => ({ ...attributes })),
  composed("permute", (outer, inner) => ({
    permutation: numbersOf(outer, "permutation").map((axis) => at(numbersOf(inner, "permutation"), axis)),
  })),
  composed("slice", (outer, inner) => ({
    starts: plus(numbersOf(outer, "starts"), numbersOf(inner, "starts")),
    sizes: numbersOf(outer, "sizes"),
  })),
  composed("pad", (outer, inner) => ({
    before: plus(numbersOf(outer, "before"), numbersOf(inner, "before")),
    after: plus(numbersOf(outer, "after"), numbersOf(inner, "after")),
  })),
  permuteOfOnes,
  broadcastOfReshape,
  sliceOfPad,
  sliceOfConcat,
  flatConcat,
  sumOfPads,
  foldedAxes,
  transposedOperand,
  transposedProduct,
  sharedOperand,
  ...endRules,
];
