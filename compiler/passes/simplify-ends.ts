// Rules on tensors that end at a bound (`until`): one bound for all slices is a scalar, an end that is said twice is said once, and what
// is cut off a product is not computed.
import type { Node } from "../ir/graph.ts";
import { boundOf } from "../kernels/ends.ts";
import { operationOf } from "../ops/index.ts";
import { on, type Rule } from "./simplify-rules.ts";

const commonBound = on("until", "until with one bound for all slices", ([x, bounds], node, builder) => {
  const [bound] = bounds?.node.operation === "broadcast" ? bounds.node.inputs : [];
  if (x === undefined || bound?.shape.length !== 0) return undefined;
  return builder.apply("until", [x, bound], node.attributes);
});

const sameEnd = on("until", "until what ends there", ([x, bound], node) =>
  x !== undefined && boundOf(x, axisOf(node), new Set()) === bound ? x : undefined,
);

/**
 * What is cut off a product is cut off its operand too, which is where its kernel looks. The product's own end stays: behind it there are
 * zeros even where the other operand holds infinities.
 */
const endOfProduct = on("until", "until of a matmul", ([x, bound], node, builder) => {
  const axis = axisOf(node);
  if (x?.node.operation !== "matmul" || bound?.shape.length !== 0) return undefined;
  const side = x.shape.length - axis;
  const index = side === 2 ? 0 : 1;
  const operand = side > 2 ? undefined : x.node.inputs[index];
  if (operand === undefined) return undefined;
  const transposed = x.node.attributes[index === 0 ? "transpose_a" : "transpose_b"] === true;
  const outer = operand.shape.length - ((index === 0) === transposed ? 1 : 2);
  if (boundOf(operand, outer, new Set()) === bound) return undefined;
  const ended = builder.apply("until", [operand, bound], { axis: outer });
  const product = builder.apply("matmul", x.node.inputs.with(index, ended), x.node.attributes);
  return builder.apply("until", [product, bound], node.attributes);
});

function axisOf({ operation, attributes }: Node): number {
  const { lowering } = operationOf(operation);
  return lowering.kind === "until" ? lowering.axis(attributes) : 0;
}

export const endRules: readonly Rule[] = [commonBound, sameEnd, endOfProduct];
