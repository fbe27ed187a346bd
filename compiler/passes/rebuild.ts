// The tools that every pass over graphs shares: visit a region bottom-up, replace values, copy a part of one region into
// another. Nodes are never changed; whatever is untouched by a rewrite is the same object before and after.
//
// Requires regions that pass the validator. Ensures that a node is visited once, after its inputs, without recursion in the
// depth of the graph, and that a rebuilt node has been through its record's type rule again.
import { builderFor, parameter } from "../ir/build.ts";
import type { Node, Region, TensorType, Value } from "../ir/graph.ts";

/** Values by which others are to be replaced. */
export type Substitution = Map<Value, Value>;

/**
 * What stands for the outputs of a node whose inputs and regions have been rebuilt. `undefined` keeps the node; an output given
 * as `undefined` must have no users.
 */
export type Rewrite = (
  node: Node,
  inputs: readonly Value[],
  regions: readonly Region[],
) => readonly (Value | undefined)[] | undefined;

/** How the regions on a node are rebuilt before the node is. */
export type Descend = (region: Region, node: Node) => Region;

const keep: Rewrite = () => undefined;
const stay: Descend = (region) => region;

/** A new parameter of a region; `like` gives its type, and its origin where it is a value. */
export function makeParameter(name: string, like: TensorType | Value): Value {
  const { shape, type } = like;
  return "node" in like
    ? parameter({ shape, type }, name, like.node.origin)
    : parameter({ shape, type }, name);
}

/** The name that a parameter was given, for the parameters made from it. */
export function nameOf(parameter: Value): string {
  const name = parameter.node.attributes["name"];
  return typeof name === "string" ? name : "value";
}

/** The element of a list at a place that is known to exist. */
export function at<T>(list: readonly T[], index: number): T {
  const found = list[index];
  if (found === undefined) throw new RangeError(`no element ${index} in a list of ${list.length}`);
  return found;
}

/** The nodes that compute `results` from the values in `known`, each after its inputs; nothing behind a known value. */
export function nodesBetween(results: readonly Value[], known: { has(value: Value): boolean }): Node[] {
  const order: Node[] = [];
  const seen = new Set<Node>();
  for (const result of results) {
    if (known.has(result) || seen.has(result.node)) continue;
    seen.add(result.node);
    // The way down, and for each node on it the next input to look at: every pass walks here, so nothing is made on the way.
    const way = [result.node];
    const next = [0];
    for (let top = 0; top >= 0;) {
      const node = at(way, top);
      const input = node.inputs[at(next, top)];
      next[top] = at(next, top) + 1;
      if (input === undefined) {
        order.push(node);
        way.length = top;
        top -= 1;
      } else if (!seen.has(input.node) && !known.has(input)) {
        seen.add(input.node);
        top += 1;
        way[top] = input.node;
        next[top] = 0;
      }
    }
  }
  return order;
}

/**
 * The values that stand for `results` once every value in `known` has been replaced and every node between rewritten. `known`
 * grows by each value visited, so that several calls share what they have in common.
 */
export function rebuildValues(
  results: readonly Value[],
  known: Substitution,
  rewrite: Rewrite = keep,
  descend: Descend = stay,
): Value[] {
  for (const node of nodesBetween(results, known)) rebuildNode(node, known, rewrite, descend);
  return results.map((result) => standIn(known, result));
}

/** The same for one node, whose inputs have been visited. */
export function rebuildNode(
  node: Node,
  known: Substitution,
  rewrite: Rewrite = keep,
  descend: Descend = stay,
): void {
  const inputs = node.inputs.map((input) => standIn(known, input));
  const regions = node.regions.map((region) => descend(region, node));
  const outputs = rewrite(node, inputs, regions) ?? keepNode(node, inputs, regions);
  node.outputs.forEach((output, index) => {
    const replacement = outputs[index];
    if (replacement !== undefined && !known.has(output)) known.set(output, replacement);
  });
}

/** The region with every node rewritten. Parameters stay as they are. */
export function rebuild(region: Region, rewrite: Rewrite, descend: Descend = stay): Region {
  const known: Substitution = new Map(region.parameters.map((parameter) => [parameter, parameter]));
  const results = rebuildValues(region.results, known, rewrite, descend);
  const same = results.every((result, index) => result === region.results[index]);
  return same ? region : { parameters: region.parameters, results };
}

/** Computes the results of a region in another one, from `inputs` instead of its parameters. */
export function inline(region: Region, inputs: readonly Value[], known: Substitution = new Map()): Value[] {
  region.parameters.forEach((parameter, index) => known.set(parameter, at(inputs, index)));
  return rebuildValues(region.results, known);
}

/** A copy of the region that shares no parameter with it. */
export function copyRegion(region: Region): Region {
  const parameters = region.parameters.map((parameter) => makeParameter(nameOf(parameter), parameter));
  return { parameters, results: inline(region, parameters) };
}

/** How many nodes of each operation a region has, those of nested regions included: for tests and reports. */
export function countOperations(region: Region, counts = new Map<string, number>()): Map<string, number> {
  for (const node of nodesBetween(region.results, new Map())) {
    counts.set(node.operation, (counts.get(node.operation) ?? 0) + 1);
    for (const nested of node.regions) countOperations(nested, counts);
  }
  return counts;
}

function keepNode(node: Node, inputs: readonly Value[], regions: readonly Region[]): readonly Value[] {
  const same =
    inputs.every((input, index) => input === node.inputs[index]) &&
    regions.every((region, index) => region === node.regions[index]);
  if (same) return node.outputs;
  return builderFor(node.origin).applyAll(node.operation, inputs, node.attributes, regions);
}

/** What stands for a value that has been visited. */
export function standIn(known: ReadonlyMap<Value, Value>, value: Value): Value {
  const found = known.get(value);
  if (found === undefined) throw new Error(`a value of ${value.node.operation} was removed while in use`);
  return found;
}

/** The value in f32, as it was before it was rounded to 16 bits where that was the last that was done with it. */
export function unrounded(value: Value): Value {
  if (value.type === "f32") return value;
  const [origin] = value.node.operation === "cast" ? value.node.inputs : [];
  return origin?.type === "f32"
    ? origin
    : builderFor(value.node.origin).apply("cast", [value], { type: "f32" });
}
