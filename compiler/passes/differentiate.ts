// Reverse-mode differentiation of a region: its results, followed by the gradients of one of them, a scalar, in some of its
// parameters. The rules are in the operations' records; this pass orders them and knows the operations that hold regions.
//
// Ensures: nothing is built for values that do not depend on a wanted parameter or do not influence the result (a frozen base
// costs no gradients of its weights); gradients of several uses are added in the order of the graph, so that equal graphs give
// equal sums; a parameter without influence has a gradient of zeros. What a backward `repeat` needs from its forward body it
// computes again from the inputs of that iteration; the pass `checkpoint` decides what is saved instead.
import { builderFor } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { activeIn, type Activity } from "./differentiate-activity.ts";
import { pullCall } from "./differentiate-call.ts";
import type { Context, KernelGradients } from "./differentiate-context.ts";
import { prepare } from "./differentiate-prepare.ts";
import { pullRepeat } from "./differentiate-repeat.ts";
import { at, unrounded } from "./rebuild.ts";
import { isRepeat } from "./rebuild-repeat.ts";
import { prune } from "./simplify-prune.ts";

export interface Differentiation {
  /** Which result to differentiate: a scalar. */
  readonly of: number;
  /** The parameters whose gradients are wanted, in the order in which they are returned. */
  readonly withRespectTo: readonly number[];
  /** The result's own gradient: a scalar value of the region, such as the loss scale. 1 where absent. */
  readonly seed?: Value;
  readonly kernelGradients?: KernelGradients;
}

/** The region's results, then the gradients. */
export function differentiate(region: Region, request: Differentiation): Region {
  const kernels = request.kernelGradients ?? new Map();
  const extra = request.seed === undefined ? [] : [request.seed];
  const whole = prepare({ parameters: region.parameters, results: [...region.results, ...extra] }, kernels);
  const results = whole.results.slice(0, region.results.length);
  const of = at(results, request.of);
  if (of.shape.length !== 0)
    throw new TypeError(`only a scalar can be differentiated, not a tensor of ${of.shape.length} axes`);

  const wanted = request.withRespectTo.map((index) => at(region.parameters, index));
  const active = activeIn(whole, new Set(wanted));
  const builder = builderFor(of.node.origin);
  const seed =
    request.seed === undefined ? builder.constant(1, of.type, []) : at(whole.results, region.results.length);
  const gradients = contextOf(kernels).pull([[of, seed]], active);
  return prune({
    parameters: region.parameters,
    results: [
      ...results,
      ...wanted.map(
        (value) => gradients.get(value) ?? builderFor(value.node.origin).constant(0, value.type, value.shape),
      ),
    ],
  });
}

/** Pulls gradients through the nodes of a region, last to first. */
function contextOf(kernels: KernelGradients): Context {
  const context: Context = {
    kernels,
    pull(seeds, active) {
      const flows = new Map<Value, Value[]>();
      const sums = new Map<Value, Value>();
      const give = (value: Value, gradient: Value | undefined): void => {
        if (gradient === undefined || !active.values.has(value)) return;
        const flow = isExact(value) ? unrounded(gradient) : gradient;
        const list = flows.get(value);
        if (list === undefined) flows.set(value, [flow]);
        else list.push(flow);
      };
      const get = (value: Value): Value | undefined => {
        const list = flows.get(value);
        if (list === undefined) return undefined;
        const sum = sums.get(value) ?? addAll(list, value);
        sums.set(value, sum);
        return sum;
      };
      for (const [value, gradient] of seeds) give(value, gradient);
      for (const node of active.order.toReversed()) {
        if (!node.outputs.some((output) => flows.has(output))) continue;
        const gradients = pullNode(node, node.outputs.map(get), active, context);
        gradients.forEach((gradient, index) => give(at(node.inputs, index), gradient));
      }
      return { get };
    },
  };
  return context;
}

function pullNode(
  node: Node,
  gradients: readonly (Value | undefined)[],
  active: Activity,
  context: Context,
): readonly (Value | undefined)[] {
  const { operation, inputs, attributes, regions, outputs, origin } = node;
  const isActive = (input: Value): boolean => active.values.has(input);
  if (!inputs.some(isActive)) return [];
  if (isRepeat(node)) return pullRepeat(node, gradients, isActive, context);
  if (operation === "call") return pullCall(node, gradients, isActive, context);
  const rule = operationOf(operation).gradient;
  const builder = builderFor(origin);
  const wants = (input: number): boolean => isActive(at(inputs, input));
  return rule?.({ builder, inputs, attributes, regions, outputs, gradients, wants }) ?? [];
}

/** The sum from first to last, in f32; a 16-bit sum is rounded once. */
function addAll(gradients: readonly Value[], of: Value): Value {
  const [first, ...rest] = gradients;
  if (first === undefined) throw new RangeError("a sum of no gradients");
  if (rest.length === 0) return first;
  const builder = builderFor(of.node.origin);
  const widen = (value: Value): Value =>
    value.type === "f32" ? value : builder.apply("cast", [value], { type: "f32" });
  const sum = rest.reduce((total, next) => builder.apply("add", [total, widen(next)]), widen(first));
  return of.type === "f32" || isExact(of) ? sum : builder.apply("cast", [sum], { type: of.type });
}

/** Whether a 16-bit value is one of which gradients are not rounded: a weight as it is read, or a view of it. */
function isExact({ type, node }: Value): boolean {
  if (type === "f32") return false;
  const [source] = node.inputs;
  if (operationOf(node.operation).lowering.kind === "view") return source !== undefined && isExact(source);
  return node.attributes["exact"] === true;
}
