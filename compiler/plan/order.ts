// The order in which a region's nodes run. In: a region and what its values cost in memory. Out: its nodes, each after those
// it reads, in the order with the lowest peak of those tried. Tried are depth-first orders from the results, operands as they stand or
// those first that need the most memory beyond what they leave (Sethi and Ullman, 1970); always the node that leaves the least
// memory live; and the same from the end backwards, which makes each value as late as it can be. All run a value's other readers
// before the node that wants to write over it.
//
// Deterministic: ties go to the earlier node of the depth-first order, and to the rule tried first.
import { topological, type Node, type Region, type Value } from "../ir/graph.ts";

/** What the order must know of the region's surroundings. */
export interface Surroundings {
  /** Bytes of a value in memory, rounded as the planner rounds them. */
  bytes(value: Value): number;
  /** Whether the memory of parameter i is free after its last reader here. */
  dies(parameter: number): boolean;
  /** Whether result i has memory of its own; false where it is written into a variable. */
  owned(result: number): boolean;
  /** Pairs [parameter, result] that are to share memory: the parameter's other readers come before the result's writer. */
  readonly links: readonly (readonly [number, number])[];
  /** Memory that a node needs while it runs, beyond its inputs and outputs: the peak inside a repetition. */
  inside(node: Node): number;
}

export interface Order {
  /** Nodes that compute; parameters and bare reshapes are left out. */
  readonly nodes: readonly Node[];
  /** Bytes live at the fullest moment, those of parameters that do not die left out. */
  readonly peak: number;
  readonly rule: Rule;
  /** All orders tried, with their peaks. */
  readonly tried: readonly { readonly rule: Rule; readonly peak: number }[];
}

export type Rule = "depth first" | "smallest first" | "hungriest operand first" | "backwards";

/** A bare reshape, and parts of stacks by another name, are names for memory, not work. */
export function isAlias(node: Node): boolean {
  return node.operation === "reshape" || node.attributes["bare"] === true;
}

/** The values whose memory `value` names: one, or several where it is stacks one behind the other. */
export function rootsOf(value: Value): readonly Value[] {
  return isAlias(value.node) ? value.node.inputs.flatMap(rootsOf) : [value];
}

export function orderRegion(region: Region, around: Surroundings): Order {
  const graph = readGraph(region, around);
  const ranked = (order: readonly number[]): Pick<Order, "nodes" | "peak"> => {
    const ranks = new Int32Array(order.length);
    order.forEach((node, rank) => (ranks[node] = rank));
    return schedule(graph, (_growth, node) => ranks[node] ?? 0);
  };
  const orders: readonly (Pick<Order, "nodes" | "peak"> & { readonly rule: Rule })[] = [
    { rule: "depth first", ...schedule(graph, (_growth, node) => node) },
    { rule: "smallest first", ...schedule(graph, (growth) => growth) },
    { rule: "hungriest operand first", ...ranked(hungriestFirst(graph)) },
    { rule: "backwards", ...ranked(backwards(graph)) },
  ];
  const best = orders.reduce((best, order) => (order.peak < best.peak ? order : best));
  return { ...best, tried: orders.map(({ rule, peak }) => ({ rule, peak })) };
}

/** The region as numbers: nodes and memory roots by index. */
interface Graph {
  readonly nodes: readonly Node[];
  /** Roots that node i reads, each once, and those it writes. */
  readonly reads: readonly (readonly number[])[];
  readonly writes: readonly (readonly number[])[];
  /** Roots of the region's results. */
  readonly results: readonly number[];
  /** Nodes that node i reads from, each once, and those that make the results. */
  readonly operands: readonly (readonly number[])[];
  readonly ends: readonly number[];
  /** Nodes that wait for node i: by data, and by the wish to write over memory. */
  readonly after: readonly (readonly number[])[];
  readonly wishAfter: readonly (readonly number[])[];
  readonly inside: readonly number[];
  /** Bytes a root adds while live; 0 for those outside this region's account. */
  readonly size: readonly number[];
  /** How many nodes read the root; results have one reader more, who never comes. */
  readonly readers: readonly number[];
  /** Bytes live before the first node. */
  readonly start: number;
}

function readGraph(region: Region, around: Surroundings): Graph {
  const nodes = topological(region.results).filter(
    (node) => !isAlias(node) && node.operation !== "parameter",
  );
  const roots = new Map<Value, number>();
  const size: number[] = [];
  const readers: number[] = [];
  const number = (root: Value): number => {
    const known = roots.get(root);
    if (known !== undefined) return known;
    roots.set(root, size.length);
    size.push(around.bytes(root));
    readers.push(0);
    return size.length - 1;
  };
  const numbers = (value: Value): number[] => rootsOf(value).map(number);
  let start = 0;
  region.parameters.forEach((parameter, index) => {
    const root = number(parameter);
    if (around.dies(index)) start += size[root] ?? 0;
    else size[root] = 0;
  });
  const reads = nodes.map((node) => [...new Set(node.inputs.flatMap(numbers))]);
  const writes = nodes.map((node) => node.outputs.map(number));
  for (const list of reads) for (const root of list) readers[root] = (readers[root] ?? 0) + 1;
  region.results.forEach((result, index) => {
    for (const root of numbers(result)) {
      readers[root] = (readers[root] ?? 0) + 1;
      if (!around.owned(index)) size[root] = 0;
    }
  });

  const writer = new Map<number, number>();
  writes.forEach((list, node) => list.forEach((root) => writer.set(root, node)));
  const readersOf = new Map<number, number[]>();
  reads.forEach((list, node) =>
    list.forEach((root) => {
      const known = readersOf.get(root);
      if (known === undefined) readersOf.set(root, [node]);
      else known.push(node);
    }),
  );
  const after: number[][] = nodes.map(() => []);
  readersOf.forEach((list, root) => {
    const from = writer.get(root);
    if (from !== undefined) after[from]?.push(...list);
  });
  const wishAfter: number[][] = nodes.map(() => []);
  for (const [parameter, result] of around.links) {
    const old = region.parameters[parameter];
    const made = region.results[result];
    if (old === undefined || made === undefined) continue;
    for (const root of numbers(made)) {
      const to = writer.get(root);
      if (to === undefined) continue;
      for (const reader of readersOf.get(number(old)) ?? []) if (reader !== to) wishAfter[reader]?.push(to);
    }
  }
  const results = region.results.flatMap(numbers);
  const makers = (roots: readonly number[]): number[] => [
    ...new Set(roots.flatMap((root) => writer.get(root) ?? [])),
  ];
  return {
    nodes,
    reads,
    writes,
    operands: reads.map(makers),
    results,
    ends: makers(results),
    after,
    wishAfter,
    inside: nodes.map((node) => around.inside(node)),
    size,
    readers,
    start,
  };
}

/** Runs, of the nodes that are ready, the one of least rank; a wish is given up when nothing else could run. */
function schedule(
  graph: Graph,
  rank: (growth: number, index: number) => number,
): Pick<Order, "nodes" | "peak"> {
  const { nodes, reads, writes, after, wishAfter, size } = graph;
  const waits = nodes.map(() => 0);
  const wishes = nodes.map(() => 0);
  for (const list of after) for (const node of list) waits[node] = (waits[node] ?? 0) + 1;
  for (const list of wishAfter) for (const node of list) wishes[node] = (wishes[node] ?? 0) + 1;
  const readers = [...graph.readers];
  const left = new Set<number>();
  waits.forEach((count, node) => count === 0 && left.add(node));
  const order: Node[] = [];
  let live = graph.start;
  let peak = live;
  const grown = (node: number): number =>
    (writes[node] ?? []).reduce((sum, root) => sum + (size[root] ?? 0), 0);
  const freed = (node: number): number => {
    let sum = 0;
    for (const root of reads[node] ?? []) if (readers[root] === 1) sum += size[root] ?? 0;
    for (const root of writes[node] ?? []) if (readers[root] === 0) sum += size[root] ?? 0;
    return sum;
  };
  while (left.size > 0) {
    let best = -1;
    let bestRank = Infinity;
    let bestWishes = Infinity;
    for (const node of left) {
      const wish = (wishes[node] ?? 0) > 0 ? 1 : 0;
      if (wish > bestWishes) continue;
      const value = rank(grown(node) - freed(node), node);
      if (wish < bestWishes || value < bestRank || (value === bestRank && node < best)) {
        best = node;
        bestRank = value;
        bestWishes = wish;
      }
    }
    const node = nodes[best];
    if (node === undefined) throw new RangeError("a region's nodes depend on one another in a circle");
    left.delete(best);
    order.push(node);
    peak = Math.max(peak, live + grown(best) + (graph.inside[best] ?? 0));
    live += grown(best) - freed(best);
    for (const root of reads[best] ?? []) readers[root] = (readers[root] ?? 0) - 1;
    for (const next of wishAfter[best] ?? []) wishes[next] = (wishes[next] ?? 0) - 1;
    for (const next of after[best] ?? []) {
      waits[next] = (waits[next] ?? 0) - 1;
      if (waits[next] === 0) left.add(next);
    }
  }
  return { nodes: order, peak };
}

/** Depth-first from the results; of a node's operands first the one that needs the most beyond what it leaves live. */
function hungriestFirst({ reads, writes, operands, ends, inside, size }: Graph): number[] {
  const made = writes.map((roots) => sumOf(roots, size));
  const needs = new Float64Array(reads.length);
  const beyond = (node: number): number => (needs[node] ?? 0) - (made[node] ?? 0);
  // Nodes stand after those that they read, so these are known. What several read is counted for each: an estimate.
  const sorted = operands.map((list, node) => {
    const own = list.toSorted((a, b) => beyond(b) - beyond(a) || a - b);
    let kept = 0;
    let most = 0;
    for (const operand of own) {
      most = Math.max(most, kept + (needs[operand] ?? 0));
      kept += made[operand] ?? 0;
    }
    needs[node] = Math.max(most, kept + (made[node] ?? 0) + (inside[node] ?? 0));
    return own;
  });
  const order: number[] = [];
  const seen = new Uint8Array(reads.length);
  const stack = ends.map((node) => ({ node, next: 0 })).toReversed();
  for (let top = stack.at(-1); top !== undefined; top = stack.at(-1)) {
    const operand = seen[top.node] === 2 ? undefined : sorted[top.node]?.[top.next];
    if (operand === undefined) {
      if (seen[top.node] !== 2) order.push(top.node);
      seen[top.node] = 2;
      stack.pop();
      continue;
    }
    top.next += 1;
    if (seen[operand] !== 2) stack.push({ node: operand, next: 0 });
  }
  return order;
}

/** From the last node to the first always the one before which the least memory is live: of those whose readers all stand. */
function backwards({ reads, writes, operands, results, after, size }: Graph): number[] {
  const waits = after.map((list) => new Set(list).size);
  const live = new Uint8Array(size.length);
  for (const root of results) live[root] = 1;
  const left = new Set<number>();
  waits.forEach((count, node) => count === 0 && left.add(node));
  const order: number[] = [];
  while (left.size > 0) {
    let best = -1;
    let least = Infinity;
    for (const node of left) {
      let growth = 0;
      for (const root of reads[node] ?? []) if (live[root] === 0) growth += size[root] ?? 0;
      for (const root of writes[node] ?? []) if (live[root] === 1) growth -= size[root] ?? 0;
      if (growth < least || (growth === least && node > best)) {
        best = node;
        least = growth;
      }
    }
    left.delete(best);
    order.push(best);
    for (const root of writes[best] ?? []) live[root] = 0;
    for (const root of reads[best] ?? []) live[root] = 1;
    for (const operand of operands[best] ?? []) {
      waits[operand] = (waits[operand] ?? 0) - 1;
      if (waits[operand] === 0) left.add(operand);
    }
  }
  return order.toReversed();
}

function sumOf(roots: readonly number[], size: readonly number[]): number {
  return roots.reduce((sum, root) => sum + (size[root] ?? 0), 0);
}
