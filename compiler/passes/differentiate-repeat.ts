// The gradient of a `repeat`: a repeat in the other direction. Its body computes the forward body again, from the constants,
// the slices and the carried values as that iteration found them, and then that body's gradients.
//
// Requires a prepared node, whose last results are the carried values found. Ensures: gradients of carried values are carried,
// those of constants are carried sums (in f32), those of stacked inputs are stacked; inputs that are not active cost nothing.
import { builderFor } from "../ir/build.ts";
import type { Node, Value } from "../ir/graph.ts";
import { activeInBody, reachedFrom, type Activity } from "./differentiate-activity.ts";
import type { Context, Seed } from "./differentiate-context.ts";
import { at, copyRegion, makeParameter, nameOf } from "./rebuild.ts";
import { buildRepeat, outputsOf, readRepeat, type Carry, type Entry, type Loop } from "./rebuild-repeat.ts";

export function pullRepeat(
  node: Node,
  gradients: readonly (Value | undefined)[],
  isActive: (input: Value) => boolean,
  { pull }: Context,
): readonly (Value | undefined)[] {
  const body = copyRegion(at(node.regions, 0));
  const loop = readRepeat(node, node.inputs, body);
  const activity = activeInBody(loop, body, isActive);
  const builder = builderFor(node.origin);
  const zeros = ({ type, shape }: Value): Value => builder.constant(0, type, shape);

  const seeds: Seed[] = [];
  const slices: Entry[] = [];
  loop.collected.forEach((value, index) => {
    const outer = gradients[loop.carried.length + index];
    if (outer === undefined || !activity.values.has(value)) return;
    const inner = makeParameter("gradient", value);
    slices.push({ outer, inner });
    seeds.push([value, inner]);
  });
  const flowing = flowingCarries(
    loop,
    gradients,
    seeds.map(([value]) => value),
    activity,
  ).map((index) => {
    const carry = at(loop.carried, index);
    const gradient = makeParameter("gradient", carry.inner);
    seeds.push([carry.next, gradient]);
    return { index, carry, gradient };
  });

  const pulled = pull(seeds, activity);
  const carried: Carry[] = flowing.map(({ index, carry, gradient }) => ({
    initial: gradients[index] ?? zeros(carry.initial),
    inner: gradient,
    next: pulled.get(carry.inner) ?? zeros(carry.inner),
  }));
  const summed = loop.constants.map(({ inner }) => {
    const gradient = pulled.get(inner);
    if (gradient === undefined) return undefined;
    const sum = makeParameter(`${nameOf(inner)}_gradient`, { shape: inner.shape, type: "f32" });
    const term = inner.type === "f32" ? gradient : builder.apply("cast", [gradient], { type: "f32" });
    return carried.push({ initial: zeros(sum), inner: sum, next: builder.apply("add", [sum, term]) }) - 1;
  });
  const collected: Value[] = [];
  const stacked = loop.stacked.map(({ inner }) => {
    const gradient = pulled.get(inner);
    return gradient === undefined ? undefined : collected.push(gradient) - 1;
  });
  if (carried.length + collected.length === 0) return [];

  const saved = outputsOf(node).collected.slice(loop.collected.length - loop.carried.length);
  const found = loop.carried.map(({ inner }, index) => ({ outer: at(saved, index), inner }));
  const outputs = buildRepeat({
    count: loop.count,
    reverse: !loop.reverse,
    constants: loop.constants,
    carried,
    stacked: [...loop.stacked, ...found, ...slices],
    collected,
    origin: loop.origin,
  });
  const narrow = (sum: Value, type: Value["type"]): Value =>
    type === "f32" ? sum : builder.apply("cast", [sum], { type });
  return [
    ...summed.map((place, index) =>
      place === undefined
        ? undefined
        : narrow(at(outputs.carried, place), at(loop.constants, index).inner.type),
    ),
    ...loop.carried.map((_, index) => outputs.carried[flowing.findIndex((flow) => flow.index === index)]),
    ...stacked.map((place) => (place === undefined ? undefined : at(outputs.collected, place))),
  ];
}

/** The carried values that gradients flow into: from the outputs, or from later iterations through other values. */
function flowingCarries(
  { carried }: Loop,
  gradients: readonly (Value | undefined)[],
  seeded: readonly Value[],
  activity: Activity,
): number[] {
  const flowing = new Set<number>();
  carried.forEach(({ inner }, index) => {
    if (gradients[index] !== undefined && activity.values.has(inner)) flowing.add(index);
  });
  for (;;) {
    const reached = reachedFrom(
      [...seeded, ...[...flowing].map((index) => at(carried, index).next)],
      activity,
    );
    const before = flowing.size;
    carried.forEach(({ inner }, index) => {
      if (reached.has(inner)) flowing.add(index);
    });
    if (flowing.size === before) return [...flowing].toSorted((a, b) => a - b);
  }
}
