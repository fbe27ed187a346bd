// Cuts long repeats for checkpointing: first into shares of the layers that are treated differently, one repeat behind the other, then
// shares into segments of N layers: L iterations of a layer become ⌊L / N⌋ iterations of N, and a second repeat of what is left over.
// Then checkpointing can save what enters a segment and compute the rest again. Comes before differentiation. Where kinds of layers
// take turns, an iteration holds a turn, and a segment whole turns: as many as N layers make, and one at least.
//
// Ensures: the same results. Only forward repeats with carried values are cut: others can be computed again piece by piece. With
// `independent`, only those without.
import { builderFor } from "../ir/build.ts";
import { topological, type Region, type Value } from "../ir/graph.ts";
import type { Builder } from "../ops/operation.ts";
import { at, copyRegion, makeParameter, nameOf, rebuild } from "./rebuild.ts";
import type { Share } from "./checkpoint.ts";
import { buildRepeat, isRepeat, readRepeat, type Loop, type LoopOutputs } from "./rebuild-repeat.ts";

export function segment(
  region: Region,
  shares: readonly Pick<Share, "layers" | "every">[],
  { independent = false } = {},
): Region {
  return rebuild(region, (node, inputs, [body]) => {
    if (!isRepeat(node) || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    const isIndependent = loop.carried.length === 0;
    if (loop.reverse || isIndependent !== independent) return undefined;
    const pieces = piecesOf(loop, shares);
    const [only] = pieces;
    if (pieces.length === 1 && only?.every === 1 && only.share === 0) return undefined;
    const outputs = cut(loop, body, pieces);
    return [...outputs.carried, ...outputs.collected];
  });
}

/** How many layers run behind each other in the region's longest row of them. */
export function depthOf({ results }: Region): number {
  const counts = topological(results).map((node) => {
    if (!isRepeat(node)) return 0;
    const { carried, count, blocks = 1, reverse } = readRepeat(node);
    return carried.length > 0 && !reverse ? count * blocks : 0;
  });
  return Math.max(0, ...counts);
}

/** So many iterations, in segments of so many. */
interface Piece {
  readonly iterations: number;
  readonly every: number;
  readonly share: number;
}

function piecesOf(
  { count, blocks = 1 }: Loop,
  shares: readonly Pick<Share, "layers" | "every">[],
): readonly Piece[] {
  const pieces: Piece[] = [];
  let left = count;
  for (const [share, { layers, every }] of shares.entries()) {
    const iterations = Math.min(left, Math.floor(layers / blocks));
    const turns = Math.max(1, Math.floor(every / blocks));
    // A single segment saves nothing.
    const size = turns < iterations ? turns : 1;
    const whole = iterations - (iterations % size);
    if (whole > 0) pieces.push({ iterations: whole, every: size, share });
    if (whole < iterations) pieces.push({ iterations: iterations - whole, every: 1, share });
    left -= iterations;
  }
  return pieces;
}

/** One repeat after the other; what is stacked is put together again. */
function cut(loop: Loop, body: Region, pieces: readonly Piece[]): LoopOutputs {
  const builder = builderFor(loop.origin);
  let from = 0;
  let initial = loop.carried.map((carry) => carry.initial);
  const collected: (readonly Value[])[] = [];
  for (const { iterations, every, share } of pieces) {
    const start = from;
    const stackOf = (stack: Value): Value => part(stack, start, iterations, builder);
    const own = {
      ...loopOver(loop, copyRegion(body), iterations, initial, stackOf),
      ...(share > 0 ? { share } : {}),
    };
    const outputs = every === 1 ? buildRepeat(own) : nest(own, iterations / every, every, builder);
    initial = [...outputs.carried];
    collected.push(outputs.collected);
    from += iterations;
  }
  const joined = loop.collected.map((_, index) => {
    const [first, ...others] = collected.map((values) => at(values, index));
    if (first === undefined) throw new RangeError("a loop has iterations");
    return others.length === 0 ? first : builder.apply("concat", [first, ...others], { axis: 0 });
  });
  return { carried: initial, collected: joined };
}

/** `segments` iterations around `every`; results stacked over both are stacked over all again. */
function nest(loop: Loop, segments: number, every: number, builder: Builder): LoopOutputs {
  const count = segments * every;
  const outer = <T extends { inner: Value }>(
    entries: readonly T[],
    shapeOf: (inner: Value) => readonly number[],
  ) =>
    entries.map((entry) => ({
      ...entry,
      held: makeParameter(nameOf(entry.inner), { shape: shapeOf(entry.inner), type: entry.inner.type }),
    }));
  const constants = outer(loop.constants, ({ shape }) => shape);
  const carried = outer(loop.carried, ({ shape }) => shape);
  const stacked = outer(loop.stacked, ({ shape }) => [every, ...shape]);
  const inner = buildRepeat({
    ...loop,
    count: every,
    constants: constants.map(({ held, inner }) => ({ outer: held, inner })),
    carried: carried.map(({ held, inner, next }) => ({ initial: held, inner, next })),
    stacked: stacked.map(({ held, inner }) => ({ outer: held, inner })),
  });
  const folded = (value: Value): Value =>
    builder.apply("reshape", [value], {
      shape: [segments, every, ...value.shape.slice(1)],
    });
  const outputs = buildRepeat({
    ...loop,
    count: segments,
    constants: constants.map(({ outer, held }) => ({ outer, inner: held })),
    carried: carried.map(({ initial, held }, index) => ({
      initial,
      inner: held,
      next: at(inner.carried, index),
    })),
    stacked: stacked.map(({ outer, held }) => ({ outer: folded(outer), inner: held })),
    collected: inner.collected,
  });
  const flat = outputs.collected.map((value) =>
    builder.apply("reshape", [value], { shape: [count, ...value.shape.slice(2)] }),
  );
  return { carried: outputs.carried, collected: flat };
}

/** The same loop over a copy of its body, from other carried values and other stacks. */
function loopOver(
  loop: Loop,
  copy: Region,
  count: number,
  initial: readonly Value[],
  stackOf: (stack: Value) => Value,
): Loop {
  const parameter = (index: number): Value => at(copy.parameters, index);
  const [constants, carried] = [loop.constants.length, loop.carried.length];
  return {
    ...loop,
    count,
    constants: loop.constants.map(({ outer }, index) => ({ outer, inner: parameter(index) })),
    carried: initial.map((value, index) => ({
      initial: value,
      inner: parameter(constants + index),
      next: at(copy.results, index),
    })),
    stacked: loop.stacked.map(({ outer }, index) => ({
      outer: stackOf(outer),
      inner: parameter(constants + carried + index),
    })),
    collected: copy.results.slice(carried),
  };
}

/** `size` slices of a stack from `start`. */
function part(stack: Value, start: number, size: number, builder: Builder): Value {
  if (start === 0 && stack.shape[0] === size) return stack;
  const starts = stack.shape.map((_, axis) => (axis === 0 ? start : 0));
  return builder.apply("slice", [stack], { starts, sizes: stack.shape.with(0, size) });
}
