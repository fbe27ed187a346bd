// Moves values from the bodies of backward repeats to stacks that the forward repeats save.
//
// A pair is two repeats over the same count in one region of which the second takes stacks from the first. A value of the second
// body is "forward" if it can be computed in the first: from constants and stacked inputs that both have, and from slices of the
// first one's results. Of these, `cheapestCut` chooses what to save; the forward body gets a copy of what computes it (simplifying
// joins that with what is there), the backward body a new stacked input.
import { bytesOf, sizeOf, type Node, type Region, type Value } from "../ir/graph.ts";
import { cheapestCut, type Vertex } from "./checkpoint-cut.ts";
import {
  at,
  makeParameter,
  nodesBetween,
  rebuild,
  rebuildValues,
  standIn,
  type Substitution,
} from "./rebuild.ts";
import { buildRepeat, isRepeat, outputsOf, readRepeat, type Entry, type Loop } from "./rebuild-repeat.ts";

/** Where a pair of repeats stands: how many repeats are around it, and which share of the layers it is. */
export interface Where {
  readonly depth: number;
  readonly share: number;
}

/** Decides value by value. */
export interface Policy {
  /** Whether the value may be saved. What enters an iteration always may. */
  savable(value: Value, where: Where): boolean;
  /**
   * What computing the value again is worth, in bytes of memory; Infinity: it is not to be. A value that may not be saved is computed
   * again in any case. Of a node with several outputs the first speaks for all.
   */
  again(value: Value, where: Where): number;
  /** Whether the value is kept inside of segments too. */
  keeps?(value: Value): boolean;
}

export interface Pair {
  readonly forward: Node;
  readonly backward: Node;
  /** What of the forward body lies in stacks for the backward one, in bytes of one iteration. */
  readonly bytes: number;
  /** What the backward body computes again although it costs something. */
  readonly again: readonly Node[];
  /** Values of the backward body to save. */
  readonly saved: readonly Value[];
  /** What computes them in the forward body: stand-ins for the backward body's parameters. */
  readonly entries: ReadonlyMap<Value, Value>;
}

/** The region with the chosen values saved by all pairs that stand in it, not in its repeats' bodies. */
export function saveStacks(region: Region, policy: Policy, depth: number): Region {
  const pairs = choosePairs(region, policy, depth);
  const stacks = new Map<Value, Value>();
  return rebuild(region, (node, inputs, [body]) => {
    const saving = pairs.filter(({ forward, saved }) => forward === node && saved.length > 0);
    const using = pairs.filter(({ backward, saved }) => backward === node && saved.length > 0);
    if (body === undefined || saving.length + using.length === 0) return undefined;
    const loop = use(readRepeat(node, inputs, body), using, stacks);
    const extra = saving.flatMap(({ saved, entries }) => {
      const known: Substitution = new Map(entries);
      return rebuildValues(saved, known);
    });
    const outputs = buildRepeat({ ...loop, collected: [...loop.collected, ...extra] });
    const values = saving.flatMap(({ saved }) => saved);
    values.forEach((value, index) => stacks.set(value, at(outputs.collected, loop.collected.length + index)));
    return [...outputs.carried, ...outputs.collected];
  });
}

/** What the policy makes of all pairs that stand in the region itself. */
export function choosePairs(region: Region, policy: Policy, depth: number): readonly Pair[] {
  return findPairs(region).map(([forward, backward]) => choose(forward, backward, policy, depth));
}

/** Pairs of repeats, the forward one first. */
function findPairs(region: Region): (readonly [Node, Node])[] {
  return nodesBetween(region.results, new Map()).flatMap((backward) => {
    if (!isRepeat(backward)) return [];
    const { count, stacked } = readRepeat(backward);
    const makers = stacked
      .filter(({ outer }) => isRepeat(outer.node) && outputsOf(outer.node).collected.includes(outer))
      .map(({ outer }) => outer.node)
      .filter((node) => readRepeat(node).count === count);
    return [...new Set(makers)].map((forward) => [forward, backward] as const);
  });
}

function choose(forward: Node, backward: Node, policy: Policy, depth: number): Pair {
  const [first, second] = [readRepeat(forward), readRepeat(backward)];
  const entries = commonEntries(forward, first, second);
  const free = new Set([...first.constants, ...first.stacked].map(({ inner }) => inner));
  const results = [...second.carried.map(({ next }) => next), ...second.collected];
  const order = nodesBetween(results, new Map());

  const forwards = new Map<Value, number>();
  const values: Value[] = [];
  for (const { operation, inputs, outputs } of order) {
    const known =
      operation === "parameter"
        ? outputs.every((output) => entries.has(output))
        : inputs.every((input) => forwards.has(input));
    if (known) for (const output of outputs) forwards.set(output, values.push(output) - 1);
  }
  const needed = new Set(results);
  for (const node of order)
    if (!node.outputs.some((output) => forwards.has(output)))
      for (const input of node.inputs) needed.add(input);

  const where = { depth, share: first.share ?? 0 };
  const makers = new Map<Node, number>();
  const vertices = values.map((value): Vertex => {
    const entry = entries.get(value);
    const savable = value.type !== "bool" && (entry !== undefined || policy.savable(value, where));
    const { node } = value;
    const isOne = node.outputs.length === 1;
    if (!isOne && !makers.has(node)) makers.set(node, values.length + makers.size);
    return {
      cost: savable ? bytesOfValue(value) : Infinity,
      from: isOne ? node.inputs.map((input) => standInIndex(forwards, input)) : [makers.get(node) ?? 0],
      again:
        entry !== undefined
          ? free.has(entry)
            ? 0
            : Infinity
          : isOne && savable
            ? policy.again(value, where)
            : 0,
      needed: needed.has(value),
    };
  });
  // What has several outputs is computed once for all of them.
  for (const node of makers.keys()) {
    const [output] = node.outputs;
    const savable = node.outputs.every((each) => policy.savable(each, where));
    vertices.push({
      cost: Infinity,
      from: node.inputs.map((input) => standInIndex(forwards, input)),
      again: output !== undefined && savable ? policy.again(output, where) : 0,
      needed: false,
    });
  }
  const { saved, again } = cheapestCut(vertices);
  const computing = [...values.map(({ node }) => node), ...makers.keys()];
  return {
    forward,
    backward,
    entries,
    bytes: values.reduce((sum, value, index) => (saved.has(index) ? sum + bytesOfValue(value) : sum), 0),
    again: computing.filter(
      (node, index) => again.has(index) && (node.outputs.length === 1 || index >= values.length),
    ),
    saved: values.filter((value, index) => saved.has(index) && !entries.has(value)),
  };
}

function bytesOfValue({ shape, type }: Value): number {
  return sizeOf(shape) * bytesOf[type];
}

/** What the backward body's parameters are in the forward body, for those that it has. */
function commonEntries(forward: Node, first: Loop, second: Loop): ReadonlyMap<Value, Value> {
  const entries = new Map<Value, Value>();
  const match = (theirs: readonly Entry[], ours: readonly Entry[]): void => {
    for (const { outer, inner } of theirs) {
      const same = ours.find((entry) => entry.outer === outer);
      if (same !== undefined) entries.set(inner, same.inner);
    }
  };
  match(second.constants, first.constants);
  match(second.stacked, first.stacked);
  const collected = outputsOf(forward).collected.map((outer, index) => ({
    outer,
    inner: at(first.collected, index),
  }));
  match(second.stacked, collected);
  return entries;
}

/** The backward loop with its saved values read from stacks. */
function use(loop: Loop, using: readonly Pair[], stacks: ReadonlyMap<Value, Value>): Loop {
  const known: Substitution = new Map();
  const added = using.flatMap(({ saved }) =>
    saved.map((value) => {
      const inner = makeParameter("saved", value);
      known.set(value, inner);
      return { outer: standIn(stacks, value), inner };
    }),
  );
  const results = rebuildValues(
    [...loop.carried.map(({ next }) => next), ...loop.collected],
    parametersKept(loop, known),
  );
  return {
    ...loop,
    stacked: [...loop.stacked, ...added],
    carried: loop.carried.map((carry, index) => ({ ...carry, next: at(results, index) })),
    collected: results.slice(loop.carried.length),
  };
}

function parametersKept(loop: Loop, known: Substitution): Substitution {
  for (const { inner } of [...loop.constants, ...loop.carried, ...loop.stacked]) known.set(inner, inner);
  return known;
}

function standInIndex(forwards: ReadonlyMap<Value, number>, value: Value): number {
  const index = forwards.get(value);
  if (index === undefined) throw new Error("a forward value is computed from one that is not");
  return index;
}
