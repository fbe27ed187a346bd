// A `repeat` node taken apart into its loops' parts and put together again. The order of inputs, parameters and results that
// the node prescribes is known here and in the operation's record only; passes work on the parts.
//
// Ensures: `buildRepeat(readRepeat(node))` means what `node` means, and its outputs stand in the same order.
import { builderFor } from "../ir/build.ts";
import type { Node, Origin, Region, Value } from "../ir/graph.ts";
import { at } from "./rebuild.ts";

/** A value from outside, and the body's parameter that holds it (for a stack: its slice). */
export interface Entry {
  readonly outer: Value;
  readonly inner: Value;
}

/** A value that goes from one iteration to the next. */
export interface Carry {
  readonly initial: Value;
  readonly inner: Value;
  readonly next: Value;
}

export interface Loop {
  readonly count: number;
  /** Layers of the model in one iteration; 1 where nothing is said. */
  readonly blocks?: number;
  /** Which share of the layers it is, where checkpointing treats them differently; 0 where nothing is said. */
  readonly share?: number;
  readonly reverse: boolean;
  readonly constants: readonly Entry[];
  readonly carried: readonly Carry[];
  readonly stacked: readonly Entry[];
  /** Values of the body that are stacked, iteration by iteration. */
  readonly collected: readonly Value[];
  readonly origin: Origin;
}

/** The node's outputs, by the parts they come from. */
export interface LoopOutputs {
  readonly carried: readonly Value[];
  readonly collected: readonly Value[];
}

export function isRepeat(node: Node): boolean {
  return node.operation === "repeat";
}

/** The parts of a repeat; `inputs` and `body` stand in for the node's own where a pass has rebuilt them. */
export function readRepeat(
  node: Node,
  inputs: readonly Value[] = node.inputs,
  body: Region = at(node.regions, 0),
): Loop {
  const constants = integer(node, "constants");
  const carried = integer(node, "carried");
  const entries = inputs.map((outer, index) => ({ outer, inner: at(body.parameters, index) }));
  return {
    count: integer(node, "count"),
    ...wholes(node),
    reverse: node.attributes["reverse"] === true,
    constants: entries.slice(0, constants),
    carried: entries
      .slice(constants, constants + carried)
      .map(({ outer, inner }, index) => ({ initial: outer, inner, next: at(body.results, index) })),
    stacked: entries.slice(constants + carried),
    collected: body.results.slice(carried),
    origin: node.origin,
  };
}

export function outputsOf(node: Node): LoopOutputs {
  const carried = integer(node, "carried");
  return { carried: node.outputs.slice(0, carried), collected: node.outputs.slice(carried) };
}

export function buildRepeat(loop: Loop): LoopOutputs {
  const inputs = [
    ...loop.constants.map(({ outer }) => outer),
    ...loop.carried.map(({ initial }) => initial),
    ...loop.stacked.map(({ outer }) => outer),
  ];
  const parameters = [...loop.constants, ...loop.carried, ...loop.stacked].map(({ inner }) => inner);
  const results = [...loop.carried.map(({ next }) => next), ...loop.collected];
  const attributes = {
    count: loop.count,
    constants: loop.constants.length,
    carried: loop.carried.length,
    reverse: loop.reverse,
    ...(loop.blocks === undefined ? {} : { blocks: loop.blocks }),
    ...(loop.share === undefined ? {} : { share: loop.share }),
  };
  const outputs = builderFor(loop.origin).applyAll("repeat", inputs, attributes, [{ parameters, results }]);
  return { carried: outputs.slice(0, loop.carried.length), collected: outputs.slice(loop.carried.length) };
}

function wholes({ attributes: { blocks, share } }: Node): Pick<Loop, "blocks" | "share"> {
  return {
    ...(typeof blocks === "number" ? { blocks } : {}),
    ...(typeof share === "number" ? { share } : {}),
  };
}

function integer(node: Node, name: string): number {
  const value = node.attributes[name];
  if (typeof value !== "number") throw new TypeError(`${node.operation} has no attribute ${name}`);
  return value;
}
