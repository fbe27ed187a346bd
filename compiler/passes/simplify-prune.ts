// Removes what nobody uses: results of repeats without users, with the parts of the body and the inputs that only they needed.
// (Unused nodes need no removal: a graph is what its results reach.)
//
// Ensures: every result, parameter and input of every repeat left is needed for the region's results. Calls keep all theirs.
import type { Node, Region, Value } from "../ir/graph.ts";
import { at, nodesBetween, rebuildNode, standIn, type Substitution } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat } from "./rebuild-repeat.ts";

export function prune(region: Region): Region {
  const { values, loops } = neededFor(region.results);
  const known: Substitution = new Map(region.parameters.map((parameter) => [parameter, parameter]));
  for (const node of nodesBetween(region.results, new Map())) {
    if (!node.outputs.some((output) => values.has(output))) continue;
    const needed = loops.get(node);
    if (needed !== undefined) pruneRepeat(node, needed, known);
    else rebuildNode(node, known, undefined, prune);
  }
  const results = region.results.map((result) => standIn(known, result));
  return results.every((result, index) => result === region.results[index]) ? region : { ...region, results };
}

/** Places of the carried values and collected results that are needed, and the values of the body that these need. */
interface Needed {
  readonly carried: readonly number[];
  readonly collected: readonly number[];
  readonly values: ReadonlySet<Value>;
}

/** What results need of their region: its values, and the parts of its repeats. */
function neededFor(results: readonly Value[]): {
  values: ReadonlySet<Value>;
  loops: ReadonlyMap<Node, Needed>;
} {
  const values = new Set(results);
  const loops = new Map<Node, Needed>();
  for (const node of nodesBetween(results, new Map()).toReversed()) {
    if (!node.outputs.some((output) => values.has(output))) continue;
    if (!isRepeat(node)) {
      for (const input of node.inputs) values.add(input);
      continue;
    }
    const needed = neededOf(node, values);
    loops.set(node, needed);
    const { constants, carried, stacked } = readRepeat(node);
    for (const { outer, inner } of [...constants, ...stacked])
      if (needed.values.has(inner)) values.add(outer);
    for (const index of needed.carried) values.add(at(carried, index).initial);
  }
  return { values, loops };
}

/** A carried value is needed if its last value is, or if the body needs it for something else that is. */
function neededOf(node: Node, used: ReadonlySet<Value>): Needed {
  const loop = readRepeat(node);
  const outputs = outputsOf(node);
  const placesIn = (list: readonly Value[]): number[] =>
    list.flatMap((output, index) => (used.has(output) ? [index] : []));
  const collected = placesIn(outputs.collected);
  let carried = placesIn(outputs.carried);
  for (;;) {
    const { values } = neededFor([
      ...carried.map((index) => at(loop.carried, index).next),
      ...collected.map((index) => at(loop.collected, index)),
    ]);
    const all = loop.carried.flatMap(({ inner }, index) =>
      values.has(inner) || carried.includes(index) ? [index] : [],
    );
    if (all.length === carried.length) return { carried, collected, values };
    carried = all;
  }
}

/** Builds the repeat from its needed parts, and notes what stands for those outputs. */
function pruneRepeat(node: Node, needed: Needed, known: Substitution): void {
  const loop = readRepeat(node);
  const outputs = outputsOf(node);
  const outside = (value: Value): Value => standIn(known, value);
  const isUsed = ({ inner }: { inner: Value }): boolean => needed.values.has(inner);
  const carries = needed.carried.map((index) => at(loop.carried, index));
  const { results } = prune({
    parameters: at(node.regions, 0).parameters,
    results: [
      ...carries.map(({ next }) => next),
      ...needed.collected.map((index) => at(loop.collected, index)),
    ],
  });
  const parts = {
    ...loop,
    constants: loop.constants.filter(isUsed).map(({ outer, inner }) => ({ outer: outside(outer), inner })),
    carried: carries.map(({ initial, inner }, index) => ({
      initial: outside(initial),
      inner,
      next: at(results, index),
    })),
    stacked: loop.stacked.filter(isUsed).map(({ outer, inner }) => ({ outer: outside(outer), inner })),
    collected: results.slice(carries.length),
  };
  const kept = keepsAll(node, parts);
  const built = kept ? outputs : buildRepeat(parts);
  needed.carried.forEach((index, place) => known.set(at(outputs.carried, index), at(built.carried, place)));
  needed.collected.forEach((index, place) =>
    known.set(at(outputs.collected, index), at(built.collected, place)),
  );
}

/** Whether the parts are exactly those that the node has already. */
function keepsAll(
  node: Node,
  { constants, carried, stacked, collected }: ReturnType<typeof readRepeat>,
): boolean {
  const inputs = [
    ...constants.map(({ outer }) => outer),
    ...carried.map(({ initial }) => initial),
    ...stacked.map(({ outer }) => outer),
  ];
  const results = [...carried.map(({ next }) => next), ...collected];
  const old = at(node.regions, 0).results;
  return (
    inputs.length === node.inputs.length &&
    results.length === old.length &&
    inputs.every((input, index) => input === node.inputs[index]) &&
    results.every((result, index) => result === old[index])
  );
}
