// Forward-mode differentiation of a region: how fast results move when parameters move along given directions, computed beside the
// results themselves (Baydin et al., 2022). The rules are in the operations' records; this pass knows the operations that hold regions.
//
// Ensures: one pass over the region, in its order, and nothing saved for later: a `repeat` carries the tangents of its carried values along,
// so that the memory is that of inference about twice over; nothing is built for values that do not move. A `call` keeps its
// kernel for its results; its tangents are those of its body, which a library function that would store too much writes in chunks.
import { builderFor } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { carriesGradients } from "./differentiate-activity.ts";
import { at, inline, makeParameter, nameOf, nodesBetween } from "./rebuild.ts";
import { buildRepeat, isRepeat, readRepeat, type Loop } from "./rebuild-repeat.ts";

/** What stands for each value: itself, or the output of a repeat that carries tangents too. */
type Stand = Map<Value, Value>;

/** The tangents of the values that move. */
type Tangents = Map<Value, Value>;

/** The region's results, then for each of them its tangent, zeros where it does not move. `along`: parameters and their directions. */
export function moveAlong(region: Region, along: ReadonlyMap<Value, Value>): Region {
  const stand: Stand = new Map();
  const tangents: Tangents = new Map(along);
  walk(region.results, stand, tangents);
  const results = region.results.map((value) => stand.get(value) ?? value);
  const moving = region.results.map(
    (value) => tangents.get(value) ?? builderFor(value.node.origin).constant(0, value.type, value.shape),
  );
  return { parameters: region.parameters, results: [...results, ...moving] };
}

/** Fills in what stands for, and how fast move, all values that the results hang on. */
function walk(results: readonly Value[], stand: Stand, tangents: Tangents): void {
  for (const node of nodesBetween(results, stand)) {
    const inputs = node.inputs.map((input) => stand.get(input) ?? input);
    const moving = node.inputs.map((input) => tangents.get(input));
    const still = moving.every((tangent) => tangent === undefined);
    const moved = still ? undefined : moveNode(node, inputs, moving);
    const outputs = moved?.outputs ?? kept(node, inputs);
    node.outputs.forEach((output, index) => {
      stand.set(output, at(outputs, index));
      const tangent = moved?.tangents[index];
      if (tangent !== undefined && carriesGradients(output)) tangents.set(output, tangent);
    });
  }
}

function kept(node: Node, inputs: readonly Value[]): readonly Value[] {
  if (inputs.every((input, index) => input === node.inputs[index])) return node.outputs;
  return builderFor(node.origin).applyAll(node.operation, inputs, node.attributes, node.regions);
}

interface Moved {
  readonly outputs: readonly Value[];
  readonly tangents: readonly (Value | undefined)[];
}

function moveNode(node: Node, inputs: readonly Value[], moving: readonly (Value | undefined)[]): Moved {
  if (isRepeat(node)) return moveRepeat(node, inputs, moving);
  const outputs = kept(node, inputs);
  const { operation, attributes, origin } = node;
  if (operation === "call") return { outputs, tangents: tangentsOfBody(node, inputs, moving) };
  const rule = operationOf(operation).tangent;
  const builder = builderFor(origin);
  const tangents = rule?.({ builder, operation, inputs, attributes, outputs, tangents: moving }) ?? [];
  return { outputs, tangents };
}

function tangentsOfBody(
  node: Node,
  inputs: readonly Value[],
  moving: readonly (Value | undefined)[],
): readonly (Value | undefined)[] {
  const results = inline(at(node.regions, 0), inputs);
  const tangents: Tangents = new Map();
  const stand: Stand = new Map(inputs.map((input) => [input, input]));
  moving.forEach((tangent, index) => {
    if (tangent !== undefined) tangents.set(at(inputs, index), tangent);
  });
  walk(results, stand, tangents);
  return results.map((result) => tangents.get(result));
}

/** The repeat with the tangents of its inputs as further inputs of their kind, and of its results as further results. */
function moveRepeat(node: Node, inputs: readonly Value[], moving: readonly (Value | undefined)[]): Moved {
  const loop = readRepeat(node, inputs);
  const first = loop.constants.length;
  const tangentOf = (index: number): Value | undefined => moving[index];
  const carriedMoves = loop.carried.map((_, index) => tangentOf(first + index) !== undefined);
  for (;;) {
    const { tangents, entries } = seeded(loop, moving, carriedMoves);
    const stand: Stand = new Map();
    const results = [...loop.carried.map(({ next }) => next), ...loop.collected];
    walk(results, stand, tangents);
    const grown = loop.carried.flatMap(({ next }, index) =>
      carriedMoves[index] !== true && tangents.has(next) ? [index] : [],
    );
    for (const index of grown) carriedMoves[index] = true;
    if (grown.length > 0) continue;
    return rebuilt(loop, entries, { stand, tangents, carriedMoves, moving });
  }
}

interface Seeded {
  readonly tangents: Tangents;
  /** The body's new parameters, by the place of the input that moves. */
  readonly entries: ReadonlyMap<number, Value>;
}

/** A parameter of the body for the tangent of each constant, carried value and stack that moves. */
function seeded(
  loop: Loop,
  moving: readonly (Value | undefined)[],
  carriedMoves: readonly boolean[],
): Seeded {
  const tangents: Tangents = new Map();
  const entries = new Map<number, Value>();
  const first = loop.constants.length;
  [...loop.constants, ...loop.carried, ...loop.stacked].forEach(({ inner }, index) => {
    const isCarried = index >= first && index < first + loop.carried.length;
    if (isCarried ? carriedMoves[index - first] !== true : moving[index] === undefined) return;
    const parameter = makeParameter(`${nameOf(inner)}_moves`, inner);
    tangents.set(inner, parameter);
    entries.set(index, parameter);
  });
  return { tangents, entries };
}

function rebuilt(
  loop: Loop,
  entries: ReadonlyMap<number, Value>,
  found: {
    readonly stand: Stand;
    readonly tangents: Tangents;
    readonly carriedMoves: readonly boolean[];
    readonly moving: readonly (Value | undefined)[];
  },
): Moved {
  const { stand, tangents, carriedMoves, moving } = found;
  const { constants, carried, stacked, collected, origin } = loop;
  const builder = builderFor(origin);
  const now = (value: Value): Value => stand.get(value) ?? value;
  const zeros = ({ type, shape }: Value): Value => builder.constant(0, type, shape);
  const beside = (offset: number, count: number) =>
    Array.from({ length: count }, (_, index) => offset + index).flatMap((place) => {
      const [inner, outer] = [entries.get(place), moving[place]];
      return inner === undefined || outer === undefined ? [] : [{ inner, outer }];
    });
  const own = carried.map((carry) => ({ ...carry, next: now(carry.next) }));
  const more = carried.flatMap(({ initial, next }, index) => {
    const place = constants.length + index;
    const inner = entries.get(place);
    if (inner === undefined) return [];
    return [{ initial: moving[place] ?? zeros(initial), inner, next: tangents.get(next) ?? zeros(next) }];
  });
  const moves = collected.flatMap((value) => tangents.get(value) ?? []);
  const built = buildRepeat({
    ...loop,
    constants: [...constants, ...beside(0, constants.length)],
    carried: [...own, ...more],
    stacked: [...stacked, ...beside(constants.length + carried.length, stacked.length)],
    collected: [...collected.map(now), ...moves],
  });
  let nextCarried = carried.length;
  let nextCollected = collected.length;
  return {
    outputs: [...built.carried.slice(0, carried.length), ...built.collected.slice(0, collected.length)],
    tangents: [
      ...carried.map((_, index) => (carriedMoves[index] === true ? built.carried[nextCarried++] : undefined)),
      ...collected.map((value) => (tangents.has(value) ? built.collected[nextCollected++] : undefined)),
    ],
  };
}
