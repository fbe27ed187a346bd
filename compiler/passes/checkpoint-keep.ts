// Kept values inside of segments. Comes in: the body of the backward repeat over segments, in which a forward repeat computes a segment's layers
// again, and what is to be kept of a layer. Goes out: the same with that repeat as two: the first leaves stacks of what is kept, and the second
// takes these and computes the rest. Then the pass can save the stacks as it saves any value, and the first repeat is not needed twice.
//
// Ensures: the same results; in the second repeat nothing kept is computed. What lies in the stacks is the cheapest cut in bytes.
import { bytesOf, sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { cheapestCut } from "./checkpoint-cut.ts";
import {
  at,
  copyRegion,
  makeParameter,
  nodesBetween,
  rebuild,
  rebuildValues,
  type Substitution,
} from "./rebuild.ts";
import { buildRepeat, isRepeat, readRepeat, type Loop } from "./rebuild-repeat.ts";

/** `first` gains the repeats that leave what is kept. */
export function splitKept(region: Region, isKept: (value: Value) => boolean, first: Set<Node>): Region {
  return rebuild(region, (node, inputs, [body]) => {
    if (!isRepeat(node) || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    if (loop.reverse || loop.carried.length === 0) return undefined;
    const stacks = worthKeeping(loop, isKept);
    if (stacks.length === 0) return undefined;
    const made = buildRepeat({ ...loop, collected: stacks });
    for (const { node: own } of made.collected.slice(0, 1)) first.add(own);
    const { carried, collected } = buildRepeat(using(loop, body, stacks, made.collected));
    return [...carried, ...collected];
  });
}

/** The values of a body with which nothing kept has to be computed. */
function worthKeeping(loop: Loop, isKept: (value: Value) => boolean): readonly Value[] {
  const results = [...loop.carried.map(({ next }) => next), ...loop.collected];
  const nodes = nodesBetween(results, new Map());
  const values = nodes.flatMap(({ outputs }) => outputs);
  if (!values.some(isKept)) return [];
  const places = new Map(values.map((value, index) => [value, index]));
  const needed = new Set(results);
  const { saved } = cheapestCut(
    values.map((value) => ({
      cost: value.type === "bool" ? Infinity : sizeOf(value.shape) * bytesOf[value.type],
      from: value.node.inputs.map((input) => places.get(input) ?? 0),
      again: isKept(value) ? Infinity : 0,
      needed: needed.has(value),
    })),
  );
  return values.filter((_, index) => saved.has(index));
}

/** The loop with what is kept taken from stacks. */
function using(loop: Loop, body: Region, kept: readonly Value[], stacks: readonly Value[]): Loop {
  const { parameters, results } = copyRegion({ ...body, results: [...body.results, ...kept] });
  const known: Substitution = new Map(parameters.map((parameter) => [parameter, parameter]));
  const taken = stacks.map((outer, index) => {
    const value = at(results, body.results.length + index);
    const inner = makeParameter("kept", value);
    known.set(value, inner);
    return { outer, inner };
  });
  const made = rebuildValues(results.slice(0, body.results.length), known);
  const inner = (index: number): Value => at(parameters, index);
  const [constants, carried] = [loop.constants.length, loop.carried.length];
  return {
    ...loop,
    constants: loop.constants.map(({ outer }, index) => ({ outer, inner: inner(index) })),
    carried: loop.carried.map(({ initial }, index) => ({
      initial,
      inner: inner(constants + index),
      next: at(made, index),
    })),
    stacked: [
      ...loop.stacked.map(({ outer }, index) => ({ outer, inner: inner(constants + carried + index) })),
      ...taken,
    ],
    collected: made.slice(carried),
  };
}
