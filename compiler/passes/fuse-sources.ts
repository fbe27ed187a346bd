// Results that are made of nothing, such as cleared gradients. Each is written by a kernel that reads what stood there before, so
// that clearing costs a write and no kernel of its own; of a stack that a repeat reads slice by slice, slice by slice.
import { apply } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { sameShape } from "../ops/check.ts";
import { operationOf } from "../ops/index.ts";
import { isBare } from "./fuse-parts.ts";
import { homeOf } from "./fuse-units.ts";
import { at, nodesBetween, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat } from "./rebuild-repeat.ts";

/**
 * Each result that is made of nothing is a value of its own, so that it can be written where it belongs and nobody reads there what they
 * can make themselves; and so is what a repeat starts from, so that it need not lie in memory before and after for other readers.
 */
export function separateSources(region: Region): Region {
  const { parameters, results } = rebuild(region, (node, inputs, [body]) => {
    if (!isRepeat(node) || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    if (!loop.carried.some(({ initial }) => isMadeOfNothing(initial))) return undefined;
    const carried = loop.carried.map((carry) => ({ ...carry, initial: copied(carry.initial) }));
    const outputs = buildRepeat({ ...loop, carried });
    return [...outputs.carried, ...outputs.collected];
  });
  return { parameters, results: results.map(copied) };
}

function isMadeOfNothing(value: Value): boolean {
  return isSource(homeOf(value).node);
}

/** A value that is made of nothing once more; any other as it is. */
function copied(value: Value): Value {
  if (!isMadeOfNothing(value)) return value;
  const { operation, attributes, origin } = homeOf(value).node;
  const copy = apply(operation, [], attributes, [], origin);
  return sameShape(copy.shape, value.shape) ? copy : apply("reshape", [copy], { shape: value.shape });
}

function isSource(node: Node): boolean {
  return node.inputs.length === 0 && operationOf(node.operation).lowering.kind === "source";
}

/**
 * Results that are made of nothing and take the place of a stack that repeats run through are made in those repeats.
 * `previous`: for each result the index of the parameter that it will replace, where there is one.
 */
export function sinkSources(region: Region, previous: readonly (number | undefined)[]): Region {
  const loops = nodesBetween(region.results, new Map()).filter(isRepeat);
  const sunk = new Map<Node, number[]>();
  const runs = region.results.map((result, index) => {
    const parameter = region.parameters[previous[index] ?? -1];
    if (parameter === undefined || !isEven(result)) return undefined;
    const found = runsThrough(parameter, loops);
    for (const loop of found ?? []) sunk.set(loop, [...(sunk.get(loop) ?? []), index]);
    return found;
  });
  if (sunk.size === 0) return region;
  const made = new Map<Node, ReadonlyMap<number, Value>>();
  const rebuilt = rebuild(region, (node, inputs, [body]) => {
    const wanted = sunk.get(node);
    if (wanted === undefined || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    const slices = wanted.map((index) => sliceOf(at(region.results, index)));
    const { carried, collected } = buildRepeat({ ...loop, collected: [...loop.collected, ...slices] });
    const added = collected.slice(loop.collected.length);
    made.set(node, new Map(wanted.map((index, place) => [index, at(added, place)])));
    return [...carried, ...collected.slice(0, loop.collected.length)];
  });
  const results = rebuilt.results.map((result, index) => {
    const parts = runs[index]?.flatMap((loop) => made.get(loop)?.get(index) ?? []) ?? [];
    return parts.length < 2
      ? (parts[0] ?? result)
      : apply("concat", parts, { axis: 0 }, [], result.node.origin);
  });
  return { parameters: rebuilt.parameters, results };
}

/** Whether all slices of the value are one value made of nothing. */
function isEven({ node }: Value): boolean {
  return isSource(node) && node.attributes["axis"] !== 0;
}

/** Repeats that together run through all parts of a stack, each part once, in order; of several, those that stand last. */
function runsThrough(stack: Value, loops: readonly Node[]): readonly Node[] | undefined {
  const starting = new Map<number, { readonly loop: Node; readonly count: number }>();
  for (const loop of loops) {
    const { count, stacked } = readRepeat(loop);
    for (const { outer } of stacked) {
      if (outer === stack) starting.set(0, { loop, count });
      const { operation, inputs, attributes } = outer.node;
      const starts = attributes["starts"];
      if (operation === "slice" && inputs[0] === stack && Array.isArray(starts))
        starting.set(Number(starts[0]), { loop, count });
    }
  }
  const runs: Node[] = [];
  for (let from = 0; from < (stack.shape[0] ?? 0);) {
    const run = starting.get(from);
    if (run === undefined) return undefined;
    runs.push(run.loop);
    from += run.count;
  }
  return runs;
}

/** One slice of a source that does not count along its first axis. */
function sliceOf({ node, shape }: Value): Value {
  const { axis } = node.attributes;
  const moved = typeof axis === "number" ? { axis: axis - 1 } : {};
  return apply(node.operation, [], { ...node.attributes, ...moved, shape: shape.slice(1) }, [], node.origin);
}

/** The values whose memory a result lies in: several where it is stacks one behind the other. */
export function homesOf(result: Value): readonly Value[] {
  const home = homeOf(result);
  return isBare(home.node) ? home.node.inputs.flatMap(homesOf) : [home];
}

/** For each result of a repeat's body the parameter of the body that it will replace, where a stack replaces a stack. */
export function previousInside(
  node: Node,
  replaced: ReadonlyMap<Value, Value>,
): readonly (number | undefined)[] {
  if (!isRepeat(node)) return [];
  const loop = readRepeat(node);
  const first = loop.constants.length + loop.carried.length;
  const collected = outputsOf(node).collected.map((output) => {
    const before = replaced.get(output);
    const place = loop.stacked.findIndex(
      ({ outer }) => before !== undefined && homesOf(outer).includes(before),
    );
    return place < 0 ? undefined : first + place;
  });
  return [...loop.carried.map(() => undefined), ...collected];
}
