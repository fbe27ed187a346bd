// Cuts long repeats into segments of N layers: L iterations of a layer become ⌊L / N⌋ iterations of N, and a second repeat of what is
// left over. Then checkpointing can save what enters a segment and compute the rest again. Comes before differentiation. Where
// kinds of layers take turns, an iteration holds a turn, and a segment whole turns: as many as N layers make, and one at least.
//
// Ensures: the same results. Only forward repeats with carried values are cut: others can be computed again piece by piece. With
// `independent`, only those without.
import { builderFor } from "../ir/build.ts";
import type { Region, Value } from "../ir/graph.ts";
import type { Builder } from "../ops/operation.ts";
import { at, copyRegion, makeParameter, nameOf, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, readRepeat, type Loop, type LoopOutputs } from "./rebuild-repeat.ts";

export function segment(region: Region, blocks: number, { independent = false } = {}): Region {
  return rebuild(region, (node, inputs, [body]) => {
    if (!isRepeat(node) || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    const every = Math.floor(blocks / (loop.blocks ?? 1));
    const isIndependent = loop.carried.length === 0;
    if (every <= 1 || loop.reverse || isIndependent !== independent || loop.count <= every) return undefined;
    return cut(loop, body, every);
  });
}

function cut(loop: Loop, body: Region, every: number): readonly Value[] {
  const builder = builderFor(loop.origin);
  const segments = Math.floor(loop.count / every);
  const inside = segments * every;
  const first = nest(loop, segments, every, builder);
  if (inside === loop.count) return [...first.carried, ...first.collected];

  const copy = copyRegion(body);
  const again = loopOver(loop, copy, loop.count - inside, first.carried, (stack) =>
    part(stack, inside, loop.count - inside, builder),
  );
  const rest = buildRepeat(again);
  const joined = first.collected.map((value, index) =>
    builder.apply("concat", [value, at(rest.collected, index)], { axis: 0 }),
  );
  return [...rest.carried, ...joined];
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
    builder.apply("reshape", [part(value, 0, count, builder)], {
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
