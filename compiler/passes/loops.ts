// Joins sibling repeats over the same count into one, so that what one iteration makes is used in it and then gone.
//
// The case in mind is the loss in chunks: the forward repeat has no carried values, and the backward one, whose incoming gradient
// is a constant, does not depend on it. Joined and simplified, the logits of a chunk are computed once, used forward and backward,
// and no stack of them is ever made. The other case is one loop that stands twice with different results, as checkpointing
// of nested repeats leaves it.
//
// Requires nothing. Ensures: the same results; two repeats are joined only if the second depends on the first through nothing but
// slices of the same iteration, if one has no carried values or both have the same inputs and direction, and if they have
// stacked values in common.
import type { Node, Region, Value } from "../ir/graph.ts";
import { at, copyRegion, nodesBetween, rebuild, rebuildValues, type Substitution } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat, type Loop } from "./rebuild-repeat.ts";
import { prune } from "./simplify-prune.ts";

export function joinLoops(region: Region): Region {
  let joined = rebuild(
    region,
    () => undefined,
    (body, node) => (isRepeat(node) ? joinLoops(body) : body),
  );
  for (let pair = findPair(joined); pair !== undefined; pair = findPair(joined))
    joined = prune(join(joined, ...pair));
  return joined;
}

function findPair(region: Region): readonly [Node, Node] | undefined {
  const order = nodesBetween(region.results, new Map());
  const loops = order.filter(isRepeat);
  for (const [index, second] of loops.entries())
    for (const first of loops.slice(0, index))
      if (belongTogether(first, second) && isApart(first, second)) return [first, second];
  return undefined;
}

/** Whether the loops may share iterations, and gain by it. */
function belongTogether(first: Node, second: Node): boolean {
  const [a, b] = [readRepeat(first), readRepeat(second)];
  if (a.count !== b.count) return false;
  if (a.carried.length > 0 && b.carried.length > 0)
    return a.reverse === b.reverse && sameInputs(first, second);
  return b.stacked.some(
    ({ outer }) => outer.node === first || a.stacked.some((entry) => entry.outer === outer),
  );
}

function sameInputs(first: Node, second: Node): boolean {
  const [a, b] = [new Set(first.inputs), new Set(second.inputs)];
  return a.size === b.size && [...a].every((input) => b.has(input));
}

/** Whether the second repeat needs the first, which stands before it, for nothing but slices of its stacked results. */
function isApart(first: Node, second: Node): boolean {
  const { constants, carried, stacked } = readRepeat(second);
  const slices = new Set<Value>(outputsOf(first).collected);
  const others = [
    ...constants.map(({ outer }) => outer),
    ...carried.map(({ initial }) => initial),
    ...stacked.map(({ outer }) => outer).filter((outer) => !slices.has(outer)),
  ];
  return !nodesBetween(others, new Map()).includes(first);
}

/** The region with the two repeats as one. */
function join(region: Region, first: Node, second: Node): Region {
  const known: Substitution = new Map(region.parameters.map((parameter) => [parameter, parameter]));
  const own = second.inputs.filter(({ node }) => node !== first);
  rebuildValues([...first.inputs, ...own], known);
  const inputsOf = (node: Node): Value[] => node.inputs.map((input) => known.get(input) ?? input);

  const body = copyRegion(at(second.regions, 0));
  const [a, b] = [readRepeat(first, inputsOf(first)), readRepeat(second, inputsOf(second), body)];
  const slices: Substitution = new Map(body.parameters.map((parameter) => [parameter, parameter]));
  const handed = outputsOf(first).collected;
  const stacked = b.stacked.filter(({ outer, inner }) => {
    const index = handed.indexOf(outer);
    if (index >= 0) slices.set(inner, at(a.collected, index));
    return index < 0;
  });
  const inner = rebuildValues(body.results, knowing(slices, a));
  const outputs = buildRepeat({
    count: a.count,
    reverse: a.carried.length === 0 ? b.reverse : a.reverse,
    constants: [...a.constants, ...b.constants],
    carried: [...a.carried, ...b.carried.map((carry, index) => ({ ...carry, next: at(inner, index) }))],
    stacked: [...a.stacked, ...stacked],
    collected: [...a.collected, ...inner.slice(b.carried.length)],
    origin: b.origin,
  });
  const carried = [
    outputs.carried.slice(0, a.carried.length),
    outputs.carried.slice(a.carried.length),
  ] as const;
  const collected = [
    outputs.collected.slice(0, a.collected.length),
    outputs.collected.slice(a.collected.length),
  ] as const;
  const stand = (node: Node, values: readonly Value[]): void =>
    node.outputs.forEach((output, index) => known.set(output, at(values, index)));
  stand(first, [...carried[0], ...collected[0]]);
  stand(second, [...carried[1], ...collected[1]]);
  return { parameters: region.parameters, results: rebuildValues(region.results, known) };
}

/** The first body's values stay what they are when the second one's are put beside them. */
function knowing(known: Substitution, { constants, carried, stacked, collected }: Loop): Substitution {
  for (const { inner } of [...constants, ...carried, ...stacked]) known.set(inner, inner);
  for (const value of collected) known.set(value, value);
  return known;
}
