// Slices and joins of stacks that cost nothing: where a run of a stack's parts goes into a repeat, or repeats' results one behind
// the other are a stack again, the parts stay where they lie. Such a node is marked `bare`: a name for memory, as a
// reshape outside of kernels is. Comes first in fusion; the planner knows the mark.
import { builderFor } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { at, nodesBetween, rebuild } from "./rebuild.ts";
import { isRepeat, readRepeat } from "./rebuild-repeat.ts";

/** Whether the node only names parts of stacks that lie in memory. */
export function isBare({ attributes }: Node): boolean {
  return attributes["bare"] === true;
}

export function nameParts(region: Region): Region {
  const bare = findBare(region);
  return rebuild(
    region,
    (node, inputs) =>
      bare.has(node)
        ? builderFor(node.origin).applyAll(node.operation, inputs, { ...node.attributes, bare: true })
        : undefined,
    (body, node) => (isRepeat(node) ? nameParts(body) : body),
  );
}

function findBare({ results }: Region): ReadonlySet<Node> {
  const order = nodesBetween(results, new Map());
  const users = new Map<Value, Node[]>();
  for (const node of order)
    for (const input of node.inputs) users.set(input, [...(users.get(input) ?? []), node]);
  const isResult = new Set(results);

  /** Whether repeats run through the value and nothing else reads it; `joined`: or it is left as a result. */
  const isLooped = (value: Value, joined: boolean): boolean => {
    const readers = users.get(value) ?? [];
    if (isResult.has(value) && !joined) return false;
    return readers.every((node) => {
      if (!isRepeat(node)) return movesParts(node) && isLooped(at(node.outputs, 0), joined || isJoin(node));
      const { constants, carried } = readRepeat(node);
      return ![...constants.map(({ outer }) => outer), ...carried.map(({ initial }) => initial)].includes(
        value,
      );
    });
  };
  /** Whether a repeat runs through the value, or through what is made of it part by part. */
  const entersLoop = (value: Value): boolean =>
    (users.get(value) ?? []).some(
      (node) => isRepeat(node) || (movesParts(node) && entersLoop(at(node.outputs, 0))),
    );
  return new Set(
    order.filter(
      (node) =>
        node.operation !== "reshape" &&
        movesParts(node) &&
        node.inputs.every(isInParts) &&
        isLooped(at(node.outputs, 0), isJoin(node)) &&
        (node.inputs.some(leavesLoop) || entersLoop(at(node.outputs, 0))),
    ),
  );
}

/** A parameter, what a repeat collects, and what is made of these part by part. */
function isInParts({ node, index }: Value): boolean {
  if (node.operation === "parameter") return true;
  if (isRepeat(node)) return index >= Number(node.attributes["carried"]);
  return movesParts(node) && node.inputs.every(isInParts);
}

/** Whether the value is what a repeat collects, or is made of it part by part. */
function leavesLoop({ node }: Value): boolean {
  return isRepeat(node) || (movesParts(node) && node.inputs.some(leavesLoop));
}

function isJoin({ operation, attributes }: Node): boolean {
  return operation === "concat" && attributes["axis"] === 0;
}

/** Whether whole parts go through the node: a run of them, several stacks together, or a change of shape. */
function movesParts(node: Node): boolean {
  if (node.operation === "reshape" || isJoin(node)) return true;
  if (node.operation !== "slice") return false;
  const [source] = node.inputs;
  return at(node.outputs, 0).shape.every((size, axis) => axis === 0 || size === source?.shape[axis]);
}
