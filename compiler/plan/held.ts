// Values of a program after its repetitions are written out: every one has a single writer. A `Held` says where a value comes
// from (a variable, a step, a slice or a reshape of another, slices collected to a stack), not yet where it lies. Values are
// told apart by identity; slices are made once.
import { bytesOf, sizeOf, type ElementType, type Node, type Origin } from "../ir/graph.ts";

export type Held = {
  readonly shape: readonly number[];
  readonly type: ElementType;
  /** Slices along the first axis that were asked for, each made once. */
  readonly slices: Map<number, Held>;
} & (
  | { readonly from: "variable"; readonly variable: number }
  | { readonly from: "step" }
  | { readonly from: "slice"; readonly of: Held; readonly at: number }
  | { readonly from: "reshape"; readonly of: Held }
  | { readonly from: "stack"; readonly parts: readonly Held[] }
);

/** One run of one fused node. */
export interface Step {
  readonly node: Node;
  readonly inputs: readonly Held[];
  readonly outputs: readonly Held[];
  /** Path of the part of the model, with the layer's number. */
  readonly path: string;
  readonly origin: Origin;
  /** Which outermost repetition of the program it stands in, counted from 0; −1 outside. */
  readonly loop: number;
}

export function variableHeld(variable: number, shape: readonly number[], type: ElementType): Held {
  return { from: "variable", variable, shape, type, slices: new Map() };
}

/** A step with its outputs. */
export function makeStep(
  node: Node,
  inputs: readonly Held[],
  place: Pick<Step, "path" | "origin" | "loop">,
): Step {
  const outputs = node.outputs.map(({ shape, type }): Held => ({
    from: "step",
    shape,
    type,
    slices: new Map(),
  }));
  return { node, inputs, outputs, path: place.path, origin: place.origin, loop: place.loop };
}

export function stackOf(parts: readonly Held[], shape: readonly number[], type: ElementType): Held {
  return { from: "stack", parts, shape, type, slices: new Map() };
}

export function reshaped(of: Held, shape: readonly number[]): Held {
  if (sameShape(of.shape, shape)) return of;
  const inner = plain(of);
  if (sameShape(inner.shape, shape)) return inner;
  const parts = inner.from === "stack" ? regrouped(inner.parts, inner.shape, shape) : undefined;
  if (parts !== undefined) return stackOf(parts, shape, of.type);
  return { from: "reshape", of: inner, shape, type: of.type, slices: new Map() };
}

/** The parts of a stack under another shape, where that only renames, joins or splits first axes. */
function regrouped(
  parts: readonly Held[],
  from: readonly number[],
  to: readonly number[],
): readonly Held[] | undefined {
  const [outer = 1, inner = 1, ...rest] = to;
  if (outer === from[0]) return parts.map((part) => reshaped(part, to.slice(1)));
  if (from[0] === outer * inner && sameShape(from.slice(1), rest)) {
    return Array.from({ length: outer }, (_, at) =>
      stackOf(parts.slice(at * inner, (at + 1) * inner), to.slice(1), kindOf(parts)),
    );
  }
  const joined = parts.flatMap((part) => (part.from === "stack" ? part.parts : []));
  return joined.length === outer && sameShape(from.slice(2), to.slice(1)) ? joined : undefined;
}

function kindOf(parts: readonly Held[]): ElementType {
  return parts[0]?.type ?? "f32";
}

/**
 * Slice `at` along the first axis. It is taken as deep as can be: from the part of a stack, and through reshapes that only
 * split or join first axes, so that blocks of layers stay slices of the stacked variable.
 */
export function sliceOf(held: Held, at: number): Held {
  const known = held.slices.get(at);
  if (known !== undefined) return known;
  const made = freshSlice(held, at);
  held.slices.set(at, made);
  return made;
}

function freshSlice(held: Held, at: number): Held {
  const shape = held.shape.slice(1);
  if (held.from === "stack") {
    const part = held.parts[at];
    if (part === undefined) throw new RangeError(`a stack of ${held.parts.length} has no slice ${at}`);
    return part;
  }
  if (held.from === "reshape") {
    const { of } = held;
    const [outer = 1, inner = 1] = held.shape;
    if (of.shape[0] === outer) return reshaped(sliceOf(of, at), shape);
    if (of.shape[0] === outer * inner && sameShape(of.shape.slice(1), held.shape.slice(2))) {
      const parts = Array.from({ length: inner }, (_, index) => sliceOf(of, at * inner + index));
      return stackOf(parts, shape, held.type);
    }
    const inside = of.shape[1] ?? 1;
    if ((of.shape[0] ?? 1) * inside === outer && sameShape(of.shape.slice(2), shape)) {
      return sliceOf(sliceOf(of, Math.floor(at / inside)), at % inside);
    }
  }
  return { from: "slice", of: held, at, shape, type: held.type, slices: new Map() };
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

/** The value that a reshape renames. */
export function plain(held: Held): Held {
  return held.from === "reshape" ? held.of : held;
}

/** Bytes of the elements, side by side. */
export function naturalBytes(held: {
  readonly shape: readonly number[];
  readonly type: ElementType;
}): number {
  return sizeOf(held.shape) * bytesOf[held.type];
}

export function roundUp(bytes: number, unit: number): number {
  return Math.ceil(bytes / unit) * unit;
}
