// What mixed precision has to know of a region before it changes anything: which values hang on weights alone, which are operands of
// what takes narrow ones (seen through views), and which lead there: what a product's result is kept in matters only for those.
import type { Node, Region, Value } from "../ir/graph.ts";
import type { NarrowKernels } from "../kernels/kernel.ts";
import { operationOf } from "../ops/index.ts";
import { at, nodesBetween } from "./rebuild.ts";
import { isRepeat, outputsOf, readRepeat } from "./rebuild-repeat.ts";

export interface Facts {
  /** Values that hang on weights and constants, and on one weight at least. */
  readonly weights: ReadonlySet<Value>;
  /** Activations that are given to something narrow, directly or through views. */
  readonly operands: ReadonlySet<Value>;
  /** Values that something narrow hangs on. */
  readonly leading: ReadonlySet<Value>;
  /** The same of the body of a repeat in the region. */
  inside(repeat: Node): Facts;
}

/** `own`: the parameters that are weights. `led`: the results that something narrow outside hangs on. */
export function narrowFacts(
  region: Region,
  own: ReadonlySet<Value>,
  led: ReadonlySet<Value>,
  kernels: NarrowKernels,
): Facts {
  const order = nodesBetween(region.results, new Map());
  const weights = weightsIn(order, region, own);
  const leading = new Set(led);
  const operands = new Set<Value>();
  const bodies = new Map<Node, Facts>();
  const take = (value: Value): void => {
    leading.add(value);
    let home = value;
    while (isView(home.node)) {
      home = at(home.node.inputs, 0);
      leading.add(home);
    }
    if (!weights.has(home)) operands.add(home);
  };
  const enter = (outer: Value, value: Value, inner: Facts): void => {
    if (inner.leading.has(value)) leading.add(outer);
    if (inner.operands.has(value)) take(outer);
  };
  for (const node of order.toReversed()) {
    if (isRepeat(node)) {
      const inner = factsOfBody(node, weights, leading, kernels);
      bodies.set(node, inner);
      const { constants, carried, stacked } = readRepeat(node);
      for (const { outer, inner: value } of [...constants, ...stacked]) enter(outer, value, inner);
      for (const { initial, inner: value } of carried) if (inner.leading.has(value)) leading.add(initial);
      continue;
    }
    const leads = node.outputs.some((output) => leading.has(output));
    node.inputs.forEach((input, index) => {
      if (leads) leading.add(input);
      const isWork = !node.outputs.some((output) => weights.has(output));
      if (isWork && takes(node, index, kernels)) take(input);
    });
  }
  return {
    weights,
    operands,
    leading,
    inside: (repeat) => {
      const found = bodies.get(repeat);
      if (found === undefined) throw new Error("nothing is known of this repeat");
      return found;
    },
  };
}

/** Whether a node takes its input in the type of products. */
function takes(node: Node, index: number, kernels: NarrowKernels): boolean {
  if (node.operation === "call")
    return kernels.get(String(node.attributes["kernel"]))?.inputs.includes(index) === true;
  return operationOf(node.operation).narrow?.takes === true;
}

export function isView(node: Node): boolean {
  const { lowering } = operationOf(node.operation);
  return lowering.kind === "view" && lowering.inside === undefined;
}

function weightsIn(
  order: readonly Node[],
  { parameters }: Region,
  own: ReadonlySet<Value>,
): ReadonlySet<Value> {
  const weights = new Set(own);
  const moving = new Set(parameters.filter((parameter) => !own.has(parameter)));
  for (const { inputs, outputs } of order) {
    if (inputs.length === 0) continue;
    if (inputs.some((input) => moving.has(input))) for (const output of outputs) moving.add(output);
    else if (inputs.some((input) => weights.has(input))) for (const output of outputs) weights.add(output);
  }
  return weights;
}

/** A carried value leads where it does in the body or after the last iteration. */
function factsOfBody(
  node: Node,
  weights: ReadonlySet<Value>,
  leading: ReadonlySet<Value>,
  kernels: NarrowKernels,
): Facts {
  const loop = readRepeat(node);
  const outputs = outputsOf(node);
  const own = new Set(
    [...loop.constants, ...loop.stacked].filter(({ outer }) => weights.has(outer)).map(({ inner }) => inner),
  );
  const led = new Set([
    ...loop.carried.filter((_, index) => leading.has(at(outputs.carried, index))).map(({ next }) => next),
    ...loop.collected.filter((_, index) => leading.has(at(outputs.collected, index))),
  ]);
  for (;;) {
    const facts = narrowFacts(at(node.regions, 0), own, led, kernels);
    const grown = loop.carried.filter(({ inner, next }) => facts.leading.has(inner) && !led.has(next));
    if (grown.length === 0) return facts;
    for (const { next } of grown) led.add(next);
  }
}
