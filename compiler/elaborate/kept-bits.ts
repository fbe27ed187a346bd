// What a method decides of each element once, before the first step: `kept(w => condition)`. One bit an element, 32 to a number, so that
// beside a weight in f32 it takes a thirty-second part.
import type { Span } from "../../grammar/source.ts";
import { sizeOf, type Value } from "../ir/graph.ts";
import { describe, type Declared, type Meaning, type TensorMeaning } from "./meaning.ts";
import { movable } from "./method-weights.ts";
import { asTensor, tensor } from "./tensors.ts";
import { emit, fail, read, type Workspace } from "./workspace.ts";

const bits = 32;

/** The variable that keeps the condition for a tensor; the program "initialize" fills it from the tensor's first value. */
export function keptVariable(
  ws: Workspace,
  weight: Declared,
  number: number,
  outside: number,
  span: Span,
  condition: (w: TensorMeaning) => Meaning,
): Declared {
  const { parts } = weight;
  const own = parts === undefined ? weight.shape : weight.shape.slice(1);
  const words = Math.ceil(sizeOf(own) / bits);
  const name = `kept ${number} of ${weight.name}`;
  const [first = weight] = parts ?? [];
  return {
    ...weight,
    name,
    shown: name,
    shape: parts === undefined ? [words] : [parts.length, words],
    type: "u32",
    kind: "optimizer",
    from: "state",
    trainable: false,
    estimated: false,
    initial: {
      kind: "initial",
      draw: (_, { part }) => packed(ws, condition(movable(ws, first, part, outside, span)), span),
    },
  };
}

/** Where the condition holds: as many truths as the tensor has elements. `kept` is the variable, or a part of it. */
export function keptFor(ws: Workspace, kept: Declared, w: TensorMeaning, span: Span): Meaning {
  const count = sizeOf(w.value.shape);
  const [words = 1] = kept.shape;
  const wide = (value: Value): Value => emit(ws, span, "broadcast", [value], { shape: [words, bits] });
  const spread = wide(emit(ws, span, "reshape", [read(ws, kept)], { shape: [words, 1] }));
  const shifted = emit(ws, span, "divide", [spread, powers(ws, words, span)]);
  const lowest = emit(ws, span, "remainder", [shifted, whole(ws, 2, [words, bits], span)]);
  const truths = emit(ws, span, "equal", [lowest, whole(ws, 1, [words, bits], span)]);
  const flat = emit(ws, span, "reshape", [truths], { shape: [words * bits] });
  const cut = emit(ws, span, "slice", [flat], { starts: [0], sizes: [count] });
  return tensor(emit(ws, span, "reshape", [cut], { shape: w.value.shape }), w.dimensions);
}

function packed(ws: Workspace, condition: Meaning, span: Span): Value {
  const { value } = asTensor(ws, condition, span);
  if (value.type !== "bool")
    return fail("FTL0703", span, `'kept' takes a condition, found ${describe(condition)}`, "not a condition");
  const count = sizeOf(value.shape);
  const words = Math.ceil(count / bits);
  const flat = emit(ws, span, "reshape", [emit(ws, span, "cast", [value], { type: "u32" })], {
    shape: [count],
  });
  const full = emit(ws, span, "pad", [flat], { before: [0], after: [words * bits - count] });
  const rows = emit(ws, span, "reshape", [full], { shape: [words, bits] });
  const sum = emit(ws, span, "sum", [emit(ws, span, "multiply", [rows, powers(ws, words, span)])], {
    axes: [1],
  });
  return emit(ws, span, "reshape", [sum], { shape: [words] });
}

/** 1, 2, 4, … 2^31 in each row, made of the bits of the column's number. */
function powers(ws: Workspace, words: number, span: Span): Value {
  const shape = [words, bits];
  const column = emit(ws, span, "iota", [], { shape, axis: 1, type: "u32" });
  const factors = [0, 1, 2, 3, 4].map((bit) => {
    const shifted = emit(ws, span, "divide", [column, whole(ws, 2 ** bit, shape, span)]);
    const lowest = emit(ws, span, "remainder", [shifted, whole(ws, 2, shape, span)]);
    const set = emit(ws, span, "equal", [lowest, whole(ws, 1, shape, span)]);
    return emit(ws, span, "select", [
      set,
      whole(ws, 2 ** (2 ** bit), shape, span),
      whole(ws, 1, shape, span),
    ]);
  });
  return factors.reduce((product, factor) => emit(ws, span, "multiply", [product, factor]));
}

function whole(ws: Workspace, value: number, shape: readonly number[], span: Span): Value {
  return emit(ws, span, "constant", [], { value, type: "u32", shape });
}
