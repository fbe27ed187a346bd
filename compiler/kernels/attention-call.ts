// What an attention call asks for, read from its node: sizes, scale, cap, who sees whom, and which inputs and outputs are
// what. Undefined where the node is something that no attention kernel computes: other types, other shapes, a gradient into the statistics.
import type { Node, TensorType } from "../ir/graph.ts";
import { FLOATS } from "../ops/check.ts";

export interface AttentionSizes {
  readonly rows: number;
  readonly tokens: number;
  readonly heads: number;
  /** Heads of keys and values; `heads` is a multiple of it. */
  readonly groups: number;
  readonly width: number;
  readonly scale: number;
  /** Scores are bent to cap · tanh(score / cap); 0 leaves them as they are. */
  readonly cap: number;
  /** A position sees itself and the `window - 1` before it, and unless `causal` as many after it; at most `tokens`. */
  readonly window: number;
  readonly causal: boolean;
  /** Keys in front of the row's own, which every query sees. */
  readonly prefix: number;
  /** All keys: `prefix + tokens`. */
  readonly keys: number;
}

/** Where the values of a call stand: indices of inputs, or of outputs where the name begins with `out`. */
export interface ForwardCall {
  readonly sizes: AttentionSizes;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly segments: number;
  readonly outO: number;
  readonly outLse: number;
}

export interface BackwardCall {
  readonly sizes: AttentionSizes;
  readonly dO: number;
  readonly q: number;
  readonly k: number;
  readonly v: number;
  readonly segments: number;
  readonly o: number;
  readonly lse: number;
  /** Undefined: not wanted. */
  readonly outQ: number | undefined;
  readonly outK: number | undefined;
  readonly outV: number | undefined;
}

/** The widest head that kernels keep in registers. */
const widest = 256;

export function readForward(node: Node): ForwardCall | undefined {
  const sizes = readSizes(node, 0);
  const [o, lse] = node.outputs;
  if (sizes === undefined || o === undefined || lse === undefined) return undefined;
  const { rows, tokens, heads, width } = sizes;
  if (!isVectors(o, [rows, tokens, heads, width]) || !isTensor(lse, [rows, heads, tokens])) return undefined;
  return { sizes, q: 0, k: 1, v: 2, segments: 3, outO: 0, outLse: 1 };
}

/** Inputs are the gradient of the output, the inputs and the outputs; `to` lists whose gradients are wanted. */
export function readBackward(node: Node): BackwardCall | undefined {
  const { of, to } = node.attributes;
  if (!Array.isArray(of) || of.length !== 1 || of[0] !== 0 || !Array.isArray(to)) return undefined;
  const sizes = readSizes(node, 1);
  const [dO, , , , , o, lse] = node.inputs;
  if (sizes === undefined || dO === undefined || o === undefined || lse === undefined) return undefined;
  const { rows, tokens, heads, width } = sizes;
  if (!isVectors(dO, [rows, tokens, heads, width]) || !isVectors(o, [rows, tokens, heads, width]))
    return undefined;
  if (!isTensor(lse, [rows, heads, tokens])) return undefined;
  if (node.outputs.length !== to.length || !node.outputs.every((output) => isVectors(output)))
    return undefined;
  const place = (input: number): number | undefined => {
    const index = to.indexOf(input);
    return index < 0 ? undefined : index;
  };
  return {
    sizes,
    dO: 0,
    q: 1,
    k: 2,
    v: 3,
    segments: 4,
    o: 5,
    lse: 6,
    outQ: place(0),
    outK: place(1),
    outV: place(2),
  };
}

/** `first`: the input that holds the queries; keys, values and segments follow. */
function readSizes(node: Node, first: number): AttentionSizes | undefined {
  const { scale, window, cap, causal, prefix } = node.attributes;
  const [q, k, v, segments] = node.inputs.slice(first);
  if (q === undefined || k === undefined || v === undefined || segments === undefined) return undefined;
  const [rows = 0, tokens = 0, heads = 0, width = 0] = q.shape;
  const groups = k.shape[2] ?? 0;
  if (typeof scale !== "number" || typeof window !== "number" || !(window > 0)) return undefined;
  if (typeof cap !== "number" || typeof prefix !== "number" || typeof causal !== "boolean") return undefined;
  const keys = prefix + tokens;
  if (rows * tokens * heads * groups * width === 0 || heads % groups !== 0 || width > widest)
    return undefined;
  const fits =
    isVectors(q, [rows, tokens, heads, width]) &&
    isVectors(k, [rows, keys, groups, width]) &&
    isVectors(v, [rows, keys, groups, width]) &&
    isTensor(segments, [rows, tokens], "i32");
  if (!fits) return undefined;
  const seen = { window: Math.min(tokens, Math.ceil(window)), causal, prefix, keys };
  return { rows, tokens, heads, groups, width, scale, cap, ...seen };
}

/** Vectors in f32, or of an even width in 16 bits: pairs of elements share a word. */
function isVectors(found: TensorType, shape: readonly number[] = found.shape): boolean {
  const isPaired = found.type === "f32" || (shape.at(-1) ?? 1) % 2 === 0;
  return FLOATS.includes(found.type) && isPaired && isTensor(found, shape, found.type);
}

function isTensor(found: TensorType, shape: readonly number[], type: TensorType["type"] = "f32"): boolean {
  return (
    found.type === type &&
    found.shape.length === shape.length &&
    shape.every((size, axis) => found.shape[axis] === size)
  );
}

/** How many pairs of a query and a key that it may see there are, over all rows and heads. */
export function pairsOf({ rows, tokens, heads, window, causal, prefix }: AttentionSizes): number {
  const before = (window * (window - 1)) / 2 + (tokens - window + 1) * window;
  const seen = causal ? before : 2 * before - tokens;
  return rows * heads * (seen + prefix * tokens);
}
