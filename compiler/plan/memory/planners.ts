// Planners that place one interval after the other at the lowest free address; they differ in the order. `retry` improves one:
// what ends above the lower bound goes first the next time. `choose` runs them all until one reaches the lower bound, and keeps
// the best; where none comes near it, the exact search goes on from there.
import { placeExactly } from "./exact-planner.ts";
import { occupied } from "./gaps.ts";
import {
  compressTimes,
  fullest,
  measure,
  type Interval,
  type MemoryProblem,
  type Placement,
  type Planner,
} from "./problem.ts";

type Compare = (a: Interval, b: Interval) => number;

const longest: Compare = (a, b) => b.last - b.first - (a.last - a.first);
const largest: Compare = (a, b) => b.size - a.size;
const earliest: Compare = (a, b) => a.first - b.first;

/** Places in the order given; ties keep the order of the list. */
export function placeInOrder(problem: MemoryProblem, order: readonly number[]): Placement {
  const { intervals, limit } = problem;
  const taken = occupied(intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1);
  const offsets = intervals.map(() => 0);
  for (const index of order) {
    const interval = intervals[index];
    if (interval === undefined) continue;
    const { size, first, last } = interval;
    const offset = taken.lowest(size, first, last, limit);
    taken.add(offset, size, first, last);
    offsets[index] = offset;
  }
  return measure(problem, offsets);
}

function sorted(intervals: readonly Interval[], ...rules: readonly Compare[]): number[] {
  return intervals
    .map((interval, index) => ({ interval, index }))
    .sort(
      (a, b) =>
        rules.reduce((result, rule) => (result === 0 ? rule(a.interval, b.interval) : result), 0) ||
        a.index - b.index,
    )
    .map(({ index }) => index);
}

/** First what is live at the fullest moment, then by the rules given. */
function fromThePeak(intervals: readonly Interval[], ...rules: readonly Compare[]): number[] {
  const { at } = fullest(intervals);
  const rank = ({ first, last }: Interval): number => (first <= at && at <= last ? 0 : 1);
  return sorted(intervals, (a, b) => rank(a) - rank(b), ...rules);
}

interface Order {
  readonly name: string;
  order(intervals: readonly Interval[]): number[];
}

const orders = {
  earliest: { name: "earliest first", order: (intervals) => sorted(intervals, earliest, longest) },
  longest: { name: "longest first", order: (intervals) => sorted(intervals, longest, largest) },
  largest: { name: "largest first", order: (intervals) => sorted(intervals, largest, longest) },
  area: { name: "largest area first", order: (intervals) => sorted(intervals, (a, b) => area(b) - area(a)) },
  peakLongest: {
    name: "fullest moment first, then longest",
    order: (intervals) => fromThePeak(intervals, longest, largest),
  },
  peakLargest: {
    name: "fullest moment first, then largest",
    order: (intervals) => fromThePeak(intervals, largest, longest),
  },
} as const satisfies Record<string, Order>;

function area({ size, first, last }: Interval): number {
  return size * (last - first + 1);
}

function once({ name, order }: Order): Planner {
  return { name, place: (problem) => placeInOrder(problem, order(problem.intervals)) };
}

/** The same order, with what ended above the lower bound put first again and again. */
function retried({ name, order }: Order): Planner {
  return { name: `${name}, retried`, place: (problem) => retry(problem, order(problem.intervals)) };
}

/** In the order in which they are tried: the quick ones that do well on training steps, then the patient ones. */
export const allPlanners: readonly Planner[] = [
  once(orders.largest),
  once(orders.longest),
  retried(orders.earliest),
  retried(orders.longest),
  retried(orders.peakLongest),
  retried(orders.peakLargest),
  retried(orders.largest),
  retried(orders.area),
];

/** Rounds of a retry: many for the small and hard, few where there are thousands of intervals. */
function roundsFor(count: number): number {
  return Math.max(2, Math.min(12, Math.floor(40_000 / Math.max(1, count))));
}

function retry(problem: MemoryProblem, start: readonly number[]): Placement {
  const { bytes: least } = fullest(problem.intervals);
  const rounds = roundsFor(problem.intervals.length);
  let order = start;
  let best = placeInOrder(problem, order);
  let last = best;
  for (let round = 0; round < rounds && best.bytes > least; round += 1) {
    const ends = last.offsets;
    const isHigh = (index: number): boolean =>
      (ends[index] ?? 0) + (problem.intervals[index]?.size ?? 0) > least;
    const high = order.filter(isHigh);
    if (high.length === 0) break;
    const chosen = new Set(high);
    order = [...high, ...order.filter((index) => !chosen.has(index))];
    last = placeInOrder(problem, order);
    if (last.bytes < best.bytes) best = last;
  }
  return best;
}

export interface Choice {
  readonly planner: string;
  readonly placement: Placement;
  /** All that were tried, with their bytes. */
  readonly tried: readonly { readonly planner: string; readonly bytes: number }[];
}

const exactly = "exact search";

/** Near enough to the lower bound to try no further. */
const enough = 1.002;

/** Work of the exact search, as `placeExactly` counts it: inside a compilation, and where only a placement is asked for. */
const smallWork = 4e5;
export const hardWork = 1.5e8;

export function choosePlacement(
  given: MemoryProblem,
  planners: readonly Planner[] = allPlanners,
  work = smallWork,
): Choice {
  const problem = compressTimes(given);
  const { bytes: least } = fullest(problem.intervals);
  const tried: { planner: string; bytes: number }[] = [];
  let best: { planner: string; placement: Placement } = { planner: "none", placement: measure(problem, []) };
  for (const planner of planners) {
    const placement = planner.place(problem);
    tried.push({ planner: planner.name, bytes: placement.bytes });
    if (tried.length === 1 || placement.bytes < best.placement.bytes)
      best = { planner: planner.name, placement };
    if (best.placement.bytes <= least * enough) break;
  }
  if (planners === allPlanners && best.placement.bytes > least * enough) {
    const placement = placeExactly(problem, best.placement, work);
    tried.push({ planner: exactly, bytes: placement.bytes });
    if (placement.bytes < best.placement.bytes) best = { planner: exactly, placement };
  }
  return { ...best, tried };
}
