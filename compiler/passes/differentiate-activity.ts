// Which values a gradient can reach: those that depend, through operations with a gradient and through floating-point values
// only, on a parameter that is wanted. The other half of activity, influence on the result, needs no analysis in a straight
// graph, where gradients are pulled from the result; carried values of a `repeat` need it and use `reachedFrom`.
import type { Node, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { at, nodesBetween } from "./rebuild.ts";
import { isRepeat, readRepeat, type Loop } from "./rebuild-repeat.ts";

export interface Activity {
  readonly values: ReadonlySet<Value>;
  /** The nodes of the region, each after its inputs. */
  readonly order: readonly Node[];
}

export function carriesGradients(value: Value): boolean {
  return value.type === "f32" || value.type === "f16" || value.type === "bf16";
}

/** The active values of a region, given those of its parameters that are. */
export function activeIn(region: Region, wanted: ReadonlySet<Value>): Activity {
  const values = new Set<Value>();
  for (const parameter of wanted) if (carriesGradients(parameter)) values.add(parameter);
  const order = nodesBetween(region.results, new Map());
  for (const node of order) {
    if (!node.inputs.some((input) => values.has(input))) continue;
    for (const output of activeOutputs(node, values)) if (carriesGradients(output)) values.add(output);
  }
  return { values, order };
}

/** The active values of a repeat's body: a carried value is active if it starts so or any iteration makes it so. */
export function activeInBody(loop: Loop, body: Region, isActive: (input: Value) => boolean): Activity {
  const wanted = new Set<Value>();
  for (const { outer, inner } of [...loop.constants, ...loop.stacked]) if (isActive(outer)) wanted.add(inner);
  for (const { initial, inner } of loop.carried) if (isActive(initial)) wanted.add(inner);
  for (;;) {
    const activity = activeIn(body, wanted);
    const grown = loop.carried.filter(({ next, inner }) => activity.values.has(next) && !wanted.has(inner));
    if (grown.length === 0) return activity;
    for (const { inner } of grown) wanted.add(inner);
  }
}

/** The active values that gradients of `results` may flow into. */
export function reachedFrom(results: readonly Value[], { values, order }: Activity): ReadonlySet<Value> {
  const reached = new Set(results.filter((result) => values.has(result)));
  for (const node of order.toReversed()) {
    if (!node.outputs.some((output) => reached.has(output))) continue;
    for (const input of node.inputs) if (values.has(input)) reached.add(input);
  }
  return reached;
}

function activeOutputs(node: Node, values: ReadonlySet<Value>): readonly Value[] {
  if (isRepeat(node)) {
    const body = at(node.regions, 0);
    const { values: inside } = activeInBody(readRepeat(node), body, (input) => values.has(input));
    return node.outputs.filter((_, index) => inside.has(at(body.results, index)));
  }
  if (node.operation === "call") {
    const body = at(node.regions, 0);
    const wanted = new Set(body.parameters.filter((_, index) => values.has(at(node.inputs, index))));
    const { values: inside } = activeIn(body, wanted);
    return node.outputs.filter((_, index) => inside.has(at(body.results, index)));
  }
  return operationOf(node.operation).gradient === undefined ? [] : node.outputs;
}
