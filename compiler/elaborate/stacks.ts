// Work on the parts of stacks, written once: a repeat whose iterations see one part each. What the work reads of variables is a
// part where the caller says that the variable is one of the stacks, and the same for all iterations otherwise. What it takes from the
// region around it is computed again from that region's parameters.
import { applyAll, parameter } from "../ir/build.ts";
import { topological, type Region, type Value } from "../ir/graph.ts";
import { copyRegion } from "../passes/rebuild.ts";
import type { Span } from "../../grammar/source.ts";
import type { Declared } from "./meaning.ts";
import { emit, read, traced, type Workspace } from "./workspace.ts";

/** Consecutive parts of a stack. */
export interface Run {
  readonly first: number;
  readonly count: number;
}

export interface PartWork {
  readonly run: Run;
  /** Layers from one part to the next, where layers take turns. */
  readonly blocks?: number;
  /** Values that every iteration sees as they are, and those it sees a slice of. */
  readonly constants: readonly Value[];
  readonly stacks: readonly Value[];
  /** The stack that a variable read by the work is a part of; undefined for one that is the same for all parts. */
  readonly stackOf: (part: Declared) => Stacked | undefined;
}

/** A stack of which the run takes some parts, or which has no other parts than the run's. */
export interface Stacked {
  readonly stack: Declared;
  readonly whole: boolean;
}

/** Layers from one part of a stack to the next. */
export function blocksOf(parts: readonly Declared[]): number {
  const [first, second] = parts.map(({ layer }) => layer?.index ?? 0);
  return first === undefined || second === undefined ? 1 : second - first;
}

/** What the work makes of each part, stacked along a first axis of the run's length. */
export function overParts(
  ws: Workspace,
  { run, blocks = 1, constants, stacks, stackOf }: PartWork,
  span: Span,
  work: (constants: readonly Value[], slices: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const origin = { ...ws.origin, source: span };
  const same = constants.map((value) => parameter(value, "given", origin));
  const slices = stacks.map(({ shape, type }) => parameter({ shape: shape.slice(1), type }, "part", origin));
  const { result, frame } = traced(ws, () => work(same, slices));
  const reads = [...frame.reads.values()];
  const own = new Set([...same, ...slices, ...reads.map(({ value }) => value)]);
  const captured = parametersOf(result).filter((value) => !own.has(value));
  const parts = reads.flatMap(({ declared, value }) => {
    const stacked = stackOf(declared);
    return stacked === undefined ? [] : [{ stacked, value }];
  });
  const shared = reads.filter(({ declared }) => stackOf(declared) === undefined);
  const region: Region = {
    parameters: [
      ...captured,
      ...same,
      ...shared.map(({ value }) => value),
      ...slices,
      ...parts.map(({ value }) => value),
    ],
    results: result,
  };
  const outside = [...captured, ...constants, ...shared.map(({ declared }) => read(ws, declared))];
  const stacked = [...stacks, ...parts.map((each) => partsOf(ws, each.stacked, run, span))];
  const turns = blocks > 1 ? { blocks } : {};
  const attributes = { count: run.count, constants: outside.length, carried: 0, reverse: false, ...turns };
  const body = captured.length === 0 ? region : copyRegion(region);
  return applyAll("repeat", [...outside, ...stacked], attributes, [body], origin);
}

/** What `work` makes of a tensor and those beside it; of stacks, what it makes of each part and its layer's number, stacked. */
export function perPart(
  ws: Workspace,
  weight: Declared,
  beside: readonly Declared[],
  span: Span,
  work: (parameter: Declared, part: Value | undefined) => Value,
): Value {
  const { parts } = weight;
  if (parts === undefined) return work(weight, layerNumber(ws, weight, span));
  const parameter: Declared = { ...weight, shape: weight.shape.slice(1), parts: undefined };
  const stacks = [layerNumbers(ws, parts, span)];
  const run = { first: 0, count: parts.length };
  const stackOf = ({ name }: Declared): Stacked | undefined => {
    const stack = [weight, ...beside].find((each) => each.name === name);
    return stack === undefined ? undefined : { stack, whole: true };
  };
  const [made] = overParts(
    ws,
    { run, blocks: blocksOf(parts), constants: [], stacks, stackOf },
    span,
    (_, [part]) => [work(parameter, part)],
  );
  return made ?? read(ws, weight);
}

/** The numbers of the layers of a stack, which are equally far apart: they tell the layers' random numbers apart. */
export function layerNumbers(ws: Workspace, parts: readonly Declared[], span: Span): Value {
  const shape = [parts.length];
  const filled = (value: number): Value => emit(ws, span, "constant", [], { value, type: "u32", shape });
  const first = parts[0]?.layer?.index ?? 0;
  const blocks = blocksOf(parts);
  const places = emit(ws, span, "iota", [], { shape, axis: 0, type: "u32" });
  const steps = blocks === 1 ? places : emit(ws, span, "multiply", [places, filled(blocks)]);
  return first === 0 ? steps : emit(ws, span, "add", [steps, filled(first)]);
}

/** The number of the layer that a tensor of its own stands in; undefined outside of layers. */
export function layerNumber(ws: Workspace, { layer }: Declared, span: Span): Value | undefined {
  if (layer === undefined) return undefined;
  return emit(ws, span, "constant", [], { value: layer.index, type: "u32", shape: [] });
}

/** The parameters of outer regions, and of this one, that the values hang on. */
function parametersOf(values: readonly Value[]): readonly Value[] {
  return topological(values).flatMap(({ operation, outputs }) => (operation === "parameter" ? outputs : []));
}

function partsOf(ws: Workspace, { stack, whole }: Stacked, { first, count }: Run, span: Span): Value {
  const value = read(ws, stack);
  if (whole) return value;
  const starts = value.shape.map((_, axis) => (axis === 0 ? first : 0));
  return emit(ws, span, "slice", [value], { starts, sizes: value.shape.with(0, count) });
}
