// Planners that place one interval after the other at the lowest free address; they differ in the order. `retry` improves one:
// what ends above the lower bound goes first the next time. `choose` runs them all until one reaches the lower bound, and keeps
// the best.
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

const orders: readonly { readonly name: string; order(intervals: readonly Interval[]): number[] }[] = [
  { name: "longest first", order: (intervals) => sorted(intervals, longest, largest) },
  {
    name: "fullest moment first, then longest",
    order: (intervals) => fromThePeak(intervals, longest, largest),
  },
  {
    name: "fullest moment first, then largest",
    order: (intervals) => fromThePeak(intervals, largest, longest),
  },
  { name: "largest first", order: (intervals) => sorted(intervals, largest, longest) },
  { name: "largest area first", order: (intervals) => sorted(intervals, (a, b) => area(b) - area(a)) },
  { name: "earliest first", order: (intervals) => sorted(intervals, earliest, longest) },
];

function area({ size, first, last }: Interval): number {
  return size * (last - first + 1);
}

/** Planners of this file, the ones most often best first. */
export const greedyPlanners: readonly Planner[] = orders.map(({ name, order }) => ({
  name,
  place: (problem) => placeInOrder(problem, order(problem.intervals)),
}));

const rounds = 12;

/** The same orders, with what ended too high put first again and again. */
export const patientPlanners: readonly Planner[] = orders.map(({ name, order }) => ({
  name: `${name}, retried`,
  place: (problem) => retry(problem, order(problem.intervals)),
}));

function retry(problem: MemoryProblem, start: readonly number[]): Placement {
  const { bytes: least } = fullest(problem.intervals);
  let order = start;
  let best = placeInOrder(problem, order);
  let last = best;
  for (let round = 0; round < rounds && best.bytes > least; round += 1) {
    const isHigh = (index: number): boolean =>
      (last.offsets[index] ?? 0) + (problem.intervals[index]?.size ?? 0) > least;
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

/** Near enough to the lower bound to try no further. */
const enough = 1.0005;

export const allPlanners: readonly Planner[] = [...greedyPlanners, ...patientPlanners];

export function choosePlacement(given: MemoryProblem, planners: readonly Planner[] = allPlanners): Choice {
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
  return { ...best, tried };
}
