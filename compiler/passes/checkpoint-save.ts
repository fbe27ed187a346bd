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

/** Decides value by value; `depth` is that of the region in which the two repeats stand. */
export interface Policy {
  /** Whether the value may be saved. What enters an iteration always may. */
  savable(value: Value, depth: number): boolean;
  /** Whether the value may be computed again. A value that may not be saved is computed again in any case. */
  recomputable(value: Value, depth: number): boolean;
}

interface Pair {
  readonly forward: Node;
  readonly backward: Node;
  /** Values of the backward body to save. */
  readonly saved: readonly Value[];
  /** What computes them in the forward body: stand-ins for the backward body's parameters. */
  readonly entries: ReadonlyMap<Value, Value>;
}

/** The region with the chosen values saved by all pairs that stand in it, not in its repeats' bodies. */
export function saveStacks(region: Region, policy: Policy, depth: number): Region {
  const pairs = findPairs(region).map(([forward, backward]) => choose(forward, backward, policy, depth));
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

  const vertices = values.map((value): Vertex => {
    const entry = entries.get(value);
    const savable = value.type !== "bool" && (entry !== undefined || policy.savable(value, depth));
    return {
      cost: savable ? sizeOf(value.shape) * bytesOf[value.type] : Infinity,
      from: value.node.inputs.map((input) => standInIndex(forwards, input)),
      source: entry === undefined ? savable && !policy.recomputable(value, depth) : !free.has(entry),
      needed: needed.has(value),
    };
  });
  const cut = cheapestCut(vertices);
  return {
    forward,
    backward,
    entries,
    saved: values.filter((value, index) => cut.has(index) && !entries.has(value)),
  };
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
