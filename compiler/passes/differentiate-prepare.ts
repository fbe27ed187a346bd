// What is done to a region before it can be differentiated.
//
// Ensures: every `call` left has a kernel with a declared backward; every `repeat` stacks, after its other results, each carried
// value as the iteration found it (pruned again where no backward body asks for it); the first results mean what they did.
import type { Node, Region } from "../ir/graph.ts";
import type { KernelGradients } from "./differentiate-context.ts";
import { inline, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, readRepeat } from "./rebuild-repeat.ts";

export function prepare(region: Region, kernels: KernelGradients): Region {
  return rebuild(
    region,
    (node, inputs, [body]) => {
      if (body === undefined || isKept(node, kernels)) return undefined;
      if (!isRepeat(node)) return inline(body, inputs);
      const loop = readRepeat(node, inputs, body);
      const found = loop.carried.map(({ inner }) => inner);
      const { carried, collected } = buildRepeat({ ...loop, collected: [...loop.collected, ...found] });
      return [...carried, ...collected];
    },
    (body, node) => (isKept(node, kernels) ? body : prepare(body, kernels)),
  );
}

/** Whether the node is differentiated as a whole, by a kernel's backward. */
function isKept(node: Node, kernels: KernelGradients): boolean {
  const kernel = node.attributes["kernel"];
  return node.operation === "call" && typeof kernel === "string" && kernels.has(kernel);
}
