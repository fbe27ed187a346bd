// Moves what is done with the results of a repeat into it. Accumulated gradients are the case in mind: added to their variables
// after the loop, the new gradients of all layers would have to exist beside the accumulated ones.
//
//   elementwise(stack, other)  where nothing else uses the stack: each iteration computes its own slice
//   other + sum                where the loop adds the sum up from zero: it starts from the other value
//   other + (sum + late)       the same with what is added later, such as the part of a tied embedding's gradient
//
// The other operands must be there before the loop starts: parameters, or views and elementwise work on them.
// Ensures: the same results (sums in another order); no repeat is delayed by another.
import { apply, applyAll } from "../ir/build.ts";
import type { Node, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { isCheap } from "./checkpoint.ts";
import { expose } from "./loops-expose.ts";
import { at, makeParameter, nodesBetween, rebuild } from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat, type Entry, type Loop } from "./rebuild-repeat.ts";
import { numberIn } from "./simplify-rules.ts";

export function absorb(region: Region): Region {
  for (let before = region; ;) {
    const after = absorbOne(before);
    if (after === before) return withinBodies(after);
    before = after;
  }
}

function withinBodies(region: Region): Region {
  return rebuild(
    region,
    () => undefined,
    (body, node) => (isRepeat(node) ? absorb(body) : body),
  );
}

/** The node that goes into a repeat, that repeat without it, and which of its outputs then stands for the node. */
interface Move {
  readonly node: Node;
  readonly into: Node;
  readonly loop: Loop;
  readonly output: number;
}

function absorbOne(region: Region): Region {
  const order = nodesBetween(region.results, new Map());
  const users = usersOf(order, region.results);
  for (const node of order) {
    if (operationOf(node.operation).lowering.kind !== "elementwise") continue;
    const other = findExposed(node, users) ?? findEarlierSum(node, users);
    if (other !== undefined) return rebuild(region, (each) => (each === node ? [other] : undefined));
    const move = findMove(node, users);
    if (move === undefined) continue;
    let moved: readonly Value[] = [];
    return rebuild(region, (each) => {
      if (each === move.into) {
        const { carried, collected } = buildRepeat(move.loop);
        moved = [...carried, ...collected];
        return moved;
      }
      return each === move.node ? [at(moved, move.output)] : undefined;
    });
  }
  return region;
}

/** For each value, the nodes that use it; a result of the region counts as one more. */
function usersOf(
  order: readonly Node[],
  results: readonly Value[],
): ReadonlyMap<Value, ReadonlySet<Node | Region>> {
  const users = new Map<Value, Set<Node | Region>>();
  const use = (value: Value, by: Node | Region): void => {
    const known = users.get(value);
    if (known === undefined) users.set(value, new Set([by]));
    else known.add(by);
  };
  for (const node of order) for (const input of node.inputs) use(input, node);
  const outside: Region = { parameters: [], results };
  for (const result of results) use(result, outside);
  return users;
}

/** The node behind the views of stacks that nothing else uses. */
function findExposed(node: Node, users: ReadonlyMap<Value, ReadonlySet<Node | Region>>): Value | undefined {
  const stack = node.inputs.find(
    (input) => users.get(input)?.size === 1 && !isRepeat(input.node) && !isEarly(input),
  );
  if (stack === undefined || !node.inputs.every((input) => input === stack || isEarly(input)))
    return undefined;
  return expose(node, stack);
}

/** (other + sum) + late for other + (sum + late), where a loop can start its sum from the other value. */
function findEarlierSum(
  node: Node,
  users: ReadonlyMap<Value, ReadonlySet<Node | Region>>,
): Value | undefined {
  const start = node.inputs.find(isEarly);
  const later = node.inputs.find((input) => input !== start);
  if (node.operation !== "add" || start === undefined || later?.node.operation !== "add") return undefined;
  if (users.get(later)?.size !== 1) return undefined;
  const sum = later.node.inputs.find((input) => {
    if (!isRepeat(input.node) || users.get(input)?.size !== 1) return false;
    const place = outputsOf(input.node).carried.indexOf(input);
    return isSumFromZero(readRepeat(input.node), place);
  });
  const late = later.node.inputs.find((input) => input !== sum);
  if (sum === undefined || late === undefined) return undefined;
  return apply("add", [apply("add", [start, sum], {}, [], later.node.origin), late], {}, [], node.origin);
}

function findMove(node: Node, users: ReadonlyMap<Value, ReadonlySet<Node | Region>>): Move | undefined {
  for (const input of node.inputs) {
    const into = input.node;
    if (!isRepeat(into) || users.get(input)?.size !== 1) continue;
    const loop = readRepeat(into);
    const outputs = outputsOf(into);
    const others = node.inputs.filter((other) => other.node !== into);
    if (!others.every(isEarly)) continue;
    const collected = node.inputs.every((other) => other.node !== into || outputs.collected.includes(other));
    const found = collected
      ? intoBody(node, loop, outputs.collected, outputs.collected.indexOf(input))
      : intoSum(node, loop, outputs.carried.indexOf(input));
    if (found === undefined) continue;
    const output = collected
      ? outputs.carried.length + outputs.collected.indexOf(input)
      : outputs.carried.indexOf(input);
    return { node, into, loop: found, output };
  }
  return undefined;
}

/** The loop whose stacked result `place` is what the node makes of it. */
function intoBody(node: Node, loop: Loop, stacks: readonly Value[], place: number): Loop {
  const added: Entry[] = [];
  const inputs = node.inputs.map((outer) => {
    const own = stacks.indexOf(outer);
    if (own >= 0) return at(loop.collected, own);
    const inner = makeParameter("held", { shape: outer.shape.slice(1), type: outer.type });
    added.push({ outer, inner });
    return inner;
  });
  const [value] = applyAll(node.operation, inputs, node.attributes, [], node.origin);
  return {
    ...loop,
    stacked: [...loop.stacked, ...added],
    collected: loop.collected.map((old, index) => (index === place ? (value ?? old) : old)),
  };
}

/** The loop that adds up from the other operand, where the node adds that to what was added up from zero. */
function intoSum(node: Node, loop: Loop, place: number): Loop | undefined {
  const carry = loop.carried[place];
  const start = node.inputs.find(isEarly);
  if (carry === undefined || start === undefined || node.operation !== "add") return undefined;
  if (!isSumFromZero(loop, place)) return undefined;
  return { ...loop, carried: loop.carried.with(place, { ...carry, initial: start }) };
}

/** Whether a loop does nothing with a carried value, zero at first, but add to it. */
function isSumFromZero(loop: Loop, place: number): boolean {
  const carry = loop.carried[place];
  if (carry === undefined || numberIn(carry.initial) !== 0) return false;
  const { operation, inputs } = carry.next.node;
  if (operation !== "add" || inputs.filter((input) => input === carry.inner).length !== 1) return false;
  const results = [...loop.carried.map(({ next }) => next), ...loop.collected];
  return usersOf(nodesBetween(results, new Map()), results).get(carry.inner)?.size === 1;
}

/** Whether the value hangs on parameters only, through nothing but views and elementwise work. */
function isEarly(value: Value): boolean {
  return isEarlyNode(value.node);
}

const early = new WeakMap<Node, boolean>();

/** Asked again and again of the same nodes, so each is looked at once. */
function isEarlyNode(node: Node): boolean {
  const known = early.get(node);
  if (known !== undefined) return known;
  for (const each of nodesBetween(node.outputs, { has: ({ node }) => early.has(node) })) {
    const own = each.operation === "parameter" || each.outputs.every((output) => isCheap(output));
    early.set(each, own && each.inputs.every((input) => early.get(input.node) === true));
  }
  return early.get(node) === true;
}
