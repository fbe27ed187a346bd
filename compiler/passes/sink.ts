// Sums with stacks move into the repeats that make the stacks: where a result is x + s, with s collected by a repeat and used nowhere
// else, the repeat adds slice by slice. So a gradient is added to its sum where it is made, and no second stack of gradients exists.
//
// Requires: x does not depend on the repeat. Ensures: the same values to the bit.
import { apply } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { makeParameter, nodesBetween, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat, type Loop } from "./rebuild-repeat.ts";

export function sinkSums(region: Region): Region {
  const sums = findSums(region);
  if (sums.size === 0) return region;
  const moved = new Map(
    [...sums.values()].flatMap((own) =>
      [...own.values()].map(({ sum, stack }) => [sum.node, stack] as const),
    ),
  );
  return rebuild(region, (node, inputs, [body]) => {
    const own = sums.get(node);
    if (own !== undefined && body !== undefined) return addInside(readRepeat(node, inputs, body), own);
    const stack = moved.get(node);
    return stack === undefined ? undefined : [inputs[node.inputs.indexOf(stack)]];
  });
}

interface Sum {
  readonly sum: Value;
  /** The repeat's output. */
  readonly stack: Value;
  /** What is added to it: a parameter of the region. */
  readonly other: Value;
}

/** By repeat and output: the only use of the output, where that is a sum with a parameter of the region. */
function findSums(region: Region): Map<Node, Map<number, Sum>> {
  const uses = new Map<Value, number>();
  const order = nodesBetween(region.results, new Map());
  const count = (value: Value): void => void uses.set(value, (uses.get(value) ?? 0) + 1);
  for (const node of order) node.inputs.forEach(count);
  region.results.forEach(count);
  const given = new Set(region.parameters);
  const found = new Map<Node, Map<number, Sum>>();
  for (const node of order) {
    if (node.operation !== "add") continue;
    const [sum] = node.outputs;
    const stack = node.inputs.find((input) => isRepeat(input.node));
    const other = node.inputs.find((input) => given.has(input));
    if (sum === undefined || stack === undefined || other === undefined || uses.get(stack) !== 1) continue;
    if (stack.index < outputsOf(stack.node).carried.length) continue;
    const own = found.get(stack.node) ?? new Map<number, Sum>();
    found.set(stack.node, own.set(stack.index, { sum, stack, other }));
  }
  return found;
}

function addInside(loop: Loop, sums: ReadonlyMap<number, Sum>): readonly Value[] {
  const stacked = [...loop.stacked];
  const collected = loop.collected.map((value, index) => {
    const sum = sums.get(loop.carried.length + index);
    if (sum === undefined) return value;
    const inner = makeParameter("sum", value);
    stacked.push({ outer: sum.other, inner });
    return apply("add", [inner, value], {}, [], value.node.origin);
  });
  const outputs = buildRepeat({ ...loop, stacked, collected });
  return [...outputs.carried, ...outputs.collected];
}
