// Views of tensors with named dimensions: transposes, permutations, reshapes and joins. They move no data by themselves.
import type { Span } from "../../grammar/source.ts";
import { sizeOf } from "../ir/graph.ts";
import { shapeText, type Dimension, type Meaning, type TensorMeaning } from "./meaning.ts";
import { anonymous, asTensor, origins, tensor } from "./tensors.ts";
import { emit, fail, type Workspace } from "./workspace.ts";

/** The last two axes exchanged. */
export function transpose(ws: Workspace, meaning: Meaning, span: Span): TensorMeaning {
  const rank = asTensor(ws, meaning, span).dimensions.length;
  if (rank < 2) fail("FTL0705", span, "'.T' needs two axes", "too few axes");
  const order = Array.from({ length: rank }, (_, axis) => axis);
  return permute(ws, meaning, [...order.slice(0, -2), rank - 1, rank - 2], span);
}

/** Axis i of the result is axis `order[i]` of the tensor. */
export function permute(
  ws: Workspace,
  meaning: Meaning,
  order: readonly number[],
  span: Span,
): TensorMeaning {
  const { value, dimensions } = asTensor(ws, meaning, span);
  const result = emit(ws, span, "permute", [value], { permutation: order });
  return tensor(
    result,
    order.map((axis) => dimensions[axis] ?? anonymous(1, span)),
  );
}

export function reshape(
  ws: Workspace,
  meaning: Meaning,
  shape: readonly Dimension[],
  span: Span,
): TensorMeaning {
  const { value, dimensions } = asTensor(ws, meaning, span);
  const sizes = shape.map(({ size }) => size);
  if (sizeOf(sizes) !== sizeOf(value.shape)) {
    fail(
      "FTL0713",
      span,
      `${shapeText(dimensions)} cannot become ${shapeText(shape)}`,
      `${sizeOf(value.shape)} elements against ${sizeOf(sizes)}`,
      {
        related: origins(dimensions),
      },
    );
  }
  return tensor(emit(ws, span, "reshape", [value], { shape: sizes }), shape);
}

/** The tensors side by side along one axis; the other axes must agree. */
export function concat(
  ws: Workspace,
  meanings: readonly Meaning[],
  axis: (dimensions: readonly Dimension[]) => number,
  span: Span,
): TensorMeaning {
  const tensors = meanings.map((meaning) => asTensor(ws, meaning, span));
  const [first] = tensors;
  if (first === undefined) return fail("FTL0711", span, "'concat' needs at least one tensor", "called here");
  const at = axis(first.dimensions);
  const size = tensors.reduce((sum, { dimensions }) => sum + (dimensions[at]?.size ?? 0), 0);
  const value = emit(
    ws,
    span,
    "concat",
    tensors.map((each) => each.value),
    { axis: at },
  );
  return tensor(
    value,
    first.dimensions.map((dimension, index) => (index === at ? anonymous(size, span) : dimension)),
  );
}

/** The tensor repeated to a shape that it is aligned with at the last axes. */
export function broadcastTo(
  ws: Workspace,
  meaning: Meaning,
  shape: readonly Dimension[],
  span: Span,
): TensorMeaning {
  const { value } = asTensor(ws, meaning, span);
  const sizes = shape.map(({ size }) => size);
  return tensor(emit(ws, span, "broadcast", [value], { shape: sizes }), shape);
}
