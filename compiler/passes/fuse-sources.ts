// Results that are made of nothing, such as cleared gradients. Each is written by a kernel that reads what stood there before, so
// that clearing costs a write and no kernel of its own; of a stack that a repeat reads slice by slice, slice by slice.
import { apply } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { sameShape } from "../ops/check.ts";
import { operationOf } from "../ops/index.ts";
import { homeOf } from "./fuse-units.ts";
import { at, nodesBetween, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat } from "./rebuild-repeat.ts";

/** Each result that is made of nothing is a value of its own, so that it can be written where it belongs. */
export function separateSources(region: Region): Region {
  const seen = new Set<Value>();
  const results = region.results.map((result) => {
    const { node } = homeOf(result);
    const first = !seen.has(result);
    seen.add(result);
    if (first || node.inputs.length > 0 || operationOf(node.operation).lowering.kind !== "source")
      return result;
    const copy = apply(node.operation, [], node.attributes, [], node.origin);
    return sameShape(copy.shape, result.shape) ? copy : apply("reshape", [copy], { shape: result.shape });
  });
  return { parameters: region.parameters, results };
}

function isSource({ node }: Value): boolean {
  return operationOf(node.operation).lowering.kind === "source" && node.attributes["axis"] !== 0;
}

/**
 * Results that are made of nothing and take the place of a stack that a repeat runs through are made in that repeat.
 * `previous`: for each result the index of the parameter that it will replace, where there is one.
 */
export function sinkSources(region: Region, previous: readonly (number | undefined)[]): Region {
  const loops = nodesBetween(region.results, new Map()).filter(isRepeat).toReversed();
  const sunk = new Map<Node, number[]>();
  region.results.forEach((result, index) => {
    const parameter = region.parameters[previous[index] ?? -1];
    if (parameter === undefined || !isSource(result)) return;
    const reader = loops.find((loop) => readRepeat(loop).stacked.some(({ outer }) => outer === parameter));
    if (reader !== undefined && readRepeat(reader).count === result.shape[0])
      sunk.set(reader, [...(sunk.get(reader) ?? []), index]);
  });
  if (sunk.size === 0) return region;
  const made = new Map<number, Value>();
  const rebuilt = rebuild(region, (node, inputs, [body]) => {
    const wanted = sunk.get(node);
    if (wanted === undefined || body === undefined) return undefined;
    const loop = readRepeat(node, inputs, body);
    const slices = wanted.map((index) => sliceOf(at(region.results, index)));
    const { carried, collected } = buildRepeat({ ...loop, collected: [...loop.collected, ...slices] });
    wanted.forEach((index, place) => made.set(index, at(collected, loop.collected.length + place)));
    return [...carried, ...collected.slice(0, loop.collected.length)];
  });
  return {
    parameters: rebuilt.parameters,
    results: rebuilt.results.map((result, index) => made.get(index) ?? result),
  };
}

/** One slice of a source that does not count along its first axis. */
function sliceOf({ node, shape }: Value): Value {
  const { axis } = node.attributes;
  const moved = typeof axis === "number" ? { axis: axis - 1 } : {};
  return apply(node.operation, [], { ...node.attributes, ...moved, shape: shape.slice(1) }, [], node.origin);
}

/** For each result of a repeat's body the parameter of the body that it will replace, where a stack replaces a stack. */
export function previousInside(
  node: Node,
  replaced: ReadonlyMap<Value, Value>,
): readonly (number | undefined)[] {
  const loop = readRepeat(node);
  const first = loop.constants.length + loop.carried.length;
  const collected = outputsOf(node).collected.map((output) => {
    const before = replaced.get(output);
    const place = loop.stacked.findIndex(({ outer }) => homeOf(outer) === before);
    return before === undefined || place < 0 ? undefined : first + place;
  });
  return [...loop.carried.map(() => undefined), ...collected];
}
