// The exact search as a planner: short searches in many orders, at the lower bound and at capacities between it and the best that is known.
// Which order finds a placement at once and which never is luck, so each gets few nodes at first (restarts: Gomes, Selman and Kautz, 1998);
// the orders that are known to do well get more in every round. Work is counted, never timed, so that a problem gets the same placement
// everywhere.
import { searchExactly } from "./exact.ts";
import { fullest, measure, type Interval, type MemoryProblem, type Placement } from "./problem.ts";

/** `work` is nodes of the search times intervals, which grows as time does. */
export function placeExactly(problem: MemoryProblem, known: Placement, work: number): Placement {
  const { intervals, limit } = problem;
  const { bytes: least } = fullest(intervals);
  // Addresses past one buffer's end are for the other planners, which know where buffers end.
  if (intervals.length === 0 || intervals.length > mostIntervals || least > limit) return known;
  const facts = hardnessOf(intervals);
  const named = priorities.map((keys) =>
    orderBy(intervals, (index) => keys.map((key) => facts[key][index] ?? 0)),
  );
  const random = numbers();
  let best = known;
  let nodes = Math.floor(work / intervals.length);
  const isOver = (): boolean => nodes <= 0 || best.bytes <= least;
  /** Tries to get below a capacity; true where no more is to be done. */
  const attempt = (order: readonly number[], capacity: number, budget: number): boolean => {
    if (isOver() || capacity >= best.bytes) return isOver();
    const search = searchExactly(intervals, order, Math.min(limit, capacity), Math.min(budget, nodes));
    nodes -= search.nodes;
    if (search.result === "found") best = measure(problem, search.offsets);
    return isOver();
  };
  /** Tries the lower bound, the roundest number above it, and shares of the way to it, the largest again and again while it is reached. */
  const descend = (order: readonly number[], budget: number): boolean => {
    if (attempt(order, least, budget)) return true;
    for (let before = Infinity; best.bytes < before;) {
      before = best.bytes;
      const round = roundest(least, best.bytes);
      if (round !== least && attempt(order, round, budget)) return true;
      const share = shares.find((each) => {
        const known = best.bytes;
        return attempt(order, least + Math.floor((known - least) * each), firstBudget) || best.bytes < known;
      });
      if (share === undefined || best.bytes <= least) break;
    }
    return isOver();
  };
  for (let budget = firstBudget; !isOver(); budget *= 2) {
    for (const order of named) if (descend(order, budget)) return best;
    for (let turn = 0; turn < restarts; turn += 1) {
      const order = perturbed(intervals, facts, random);
      const capacity = turn % 2 === 0 ? least : roundest(least, best.bytes);
      if (attempt(order, capacity, firstBudget)) return best;
    }
  }
  return best;
}

/** Beyond these the lists of the search take too much memory. */
const mostIntervals = 1500;
const firstBudget = 1000;
const restarts = 64;
/** Of the way from the lower bound to the best that is known. */
const shares = [0.5, 0.75, 0.9];

/** The number from `low` to below `high` that the largest power of two divides: memories have round sizes, and so have their parts. */
function roundest(low: number, high: number): number {
  for (let step = 2 ** Math.floor(Math.log2(high)); step >= 1; step /= 2) {
    const multiple = Math.ceil(low / step) * step;
    if (multiple < high) return multiple;
  }
  return low;
}

type Key = "total" | "width" | "area" | "size";
type Hardness = Readonly<Record<Key, readonly number[]>>;

/** Of each interval the fullest moment of its life, its length, and its area. */
function hardnessOf(intervals: readonly Interval[]): Hardness {
  const end = intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1;
  const live = new Float64Array(end);
  for (const { size, first, last } of intervals)
    for (let time = first; time <= last; time += 1) live[time] = (live[time] ?? 0) + size;
  const width = intervals.map(({ first, last }) => last - first + 1);
  return {
    total: intervals.map(({ first, last }) =>
      live.subarray(first, last + 1).reduce((most, bytes) => Math.max(most, bytes), 0),
    ),
    width,
    area: intervals.map(({ size }, index) => size * (width[index] ?? 0)),
    size: intervals.map(({ size }) => size),
  };
}

const priorities: readonly (readonly Key[])[] = [
  ["total", "width", "area"],
  ["total", "area", "width"],
  ["width", "area", "total"],
  ["area", "width", "total"],
  ["area", "total", "width"],
];

/** The largest numbers first; ties by the next number, then as they come. */
function orderBy(intervals: readonly Interval[], numbersOf: (index: number) => readonly number[]): number[] {
  const keys = intervals.map((_, index) => numbersOf(index));
  const compare = (a: number, b: number): number =>
    (keys[a] ?? []).reduce((sign, key, at) => sign || (keys[b]?.[at] ?? 0) - key, 0) || a - b;
  return intervals.map((_, index) => index).sort(compare);
}

/** An order by a product of powers of total, width and size, each a little off. */
function perturbed(
  intervals: readonly Interval[],
  { total, width, size }: Hardness,
  random: () => number,
): number[] {
  const powers = [4 * random(), random(), random()];
  const noise = random() / 2;
  return orderBy(intervals, (index) => {
    const score = [total, width, size].reduce(
      (sum, numbersOf, at) => sum + (powers[at] ?? 0) * Math.log(numbersOf[index] ?? 1),
      0,
    );
    return [score + noise * (random() - 0.5)];
  });
}

/** Numbers from 0 to 1 that are the same each time (the generator of Numerical Recipes). */
function numbers(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
