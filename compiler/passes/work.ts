// What it costs to compute a node, by the operations' records: in bytes that could be moved meanwhile, as fusion counts (`analyze`).
// Comes in: a node, and what a floating-point operation costs on the device. An estimate of single nodes, before they are kernels.
import { bytesOf, sizeOf, topological, type Node, type Value } from "../ir/graph.ts";
import { LAUNCH } from "../kernels/analyze.ts";
import { readProduct } from "../kernels/product.ts";
import { operationOf } from "../ops/index.ts";
import { isRepeat, readRepeat } from "./rebuild-repeat.ts";

/** In bytes. What only looks elsewhere costs nothing; a call is one kernel. */
export function workOf(node: Node, flopBytes: number): number {
  if (isRepeat(node)) {
    const { count, carried, collected } = readRepeat(node);
    const inside = topological([...carried.map(({ next }) => next), ...collected]);
    return count * inside.reduce((sum, each) => sum + workOf(each, flopBytes), 0);
  }
  if (["parameter", "source", "view", "until"].includes(operationOf(node.operation).lowering.kind)) return 0;
  return LAUNCH + bytesOfAll([...node.inputs, ...node.outputs]) + flopBytes * flopsOf(node);
}

/** Floating-point operations of a node, regions included. */
function flopsOf(node: Node): number {
  if (node.regions.length > 0) {
    const inside = node.regions.flatMap(({ results }) => topological(results));
    return inside.reduce((sum, each) => sum + flopsOf(each), 0);
  }
  const { lowering, cost } = operationOf(node.operation);
  if (lowering.kind === "product") return cost * elementsOf(node.outputs) * readProduct(node).k;
  return cost * elementsOf(lowering.kind === "reduce" ? node.inputs : node.outputs);
}

function elementsOf(values: readonly Value[]): number {
  return values.reduce((sum, { shape }) => sum + sizeOf(shape), 0);
}

function bytesOfAll(values: readonly Value[]): number {
  return values.reduce((sum, { shape, type }) => sum + sizeOf(shape) * bytesOf[type], 0);
}
