// Work on the parts of stacks, written once: a repeat whose iterations see one part each. What the work reads of variables is a
// part where the caller says that the variable is one of the stacks, and the same for all iterations otherwise.
import { applyAll, parameter } from "../ir/build.ts";
import type { Region, Value } from "../ir/graph.ts";
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

/** What the work makes of each part, stacked along a first axis of the run's length. */
export function overParts(
  ws: Workspace,
  { run, constants, stacks, stackOf }: PartWork,
  span: Span,
  work: (constants: readonly Value[], slices: readonly Value[]) => readonly Value[],
): readonly Value[] {
  const origin = { ...ws.origin, source: span };
  const same = constants.map((value) => parameter(value, "given", origin));
  const slices = stacks.map(({ shape, type }) => parameter({ shape: shape.slice(1), type }, "part", origin));
  const { result, frame } = traced(ws, () => work(same, slices));
  const reads = [...frame.reads.values()];
  const parts = reads.flatMap(({ declared, value }) => {
    const stacked = stackOf(declared);
    return stacked === undefined ? [] : [{ stacked, value }];
  });
  const shared = reads.filter(({ declared }) => stackOf(declared) === undefined);
  const region: Region = {
    parameters: [...same, ...shared.map(({ value }) => value), ...slices, ...parts.map(({ value }) => value)],
    results: result,
  };
  const outside = [...constants, ...shared.map(({ declared }) => read(ws, declared))];
  const stacked = [...stacks, ...parts.map((each) => partsOf(ws, each.stacked, run, span))];
  const attributes = { count: run.count, constants: outside.length, carried: 0, reverse: false };
  return applyAll("repeat", [...outside, ...stacked], attributes, [region], origin);
}

function partsOf(ws: Workspace, { stack, whole }: Stacked, { first, count }: Run, span: Span): Value {
  const value = read(ws, stack);
  if (whole) return value;
  const starts = value.shape.map((_, axis) => (axis === 0 ? first : 0));
  return emit(ws, span, "slice", [value], { starts, sizes: value.shape.with(0, count) });
}
