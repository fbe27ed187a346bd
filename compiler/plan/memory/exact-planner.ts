// The exact search as a planner: for each of a few orders in turn, with budgets that grow, a search at the lower bound; where that
// is out of reach, at capacities between it and the best that is known. Work is counted, never timed, so that a problem gets the
// same placement everywhere.
import { searchExactly } from "./exact.ts";
import { fullest, measure, type Interval, type MemoryProblem, type Placement } from "./problem.ts";

/** `work` is nodes of the search times intervals, which grows as time does. */
export function placeExactly(problem: MemoryProblem, known: Placement, work: number): Placement {
  const { intervals, limit } = problem;
  const { bytes: least } = fullest(intervals);
  if (intervals.length === 0 || intervals.length > mostIntervals) return known;
  const alternatives = ranks(intervals);
  let best = known;
  let left = work;
  const step = intervals.reduce((divisor, { size }) => common(divisor, size), 0);
  const attempt = (capacity: number, allowed: number): "found" | "none" | "exhausted" => {
    let spent = 0;
    for (let budget = firstBudget; spent < allowed; budget *= growth) {
      for (const order of alternatives) {
        const nodes = Math.min(budget, Math.floor((allowed - spent) / intervals.length));
        if (nodes <= 0) return "exhausted";
        const search = searchExactly(intervals, order, capacity, nodes);
        spent += search.nodes * intervals.length;
        left -= search.nodes * intervals.length;
        if (search.result === "none") return "none";
        if (search.result !== "found") continue;
        best = measure(problem, search.offsets);
        return "found";
      }
    }
    return "exhausted";
  };
  // Addresses past one buffer's end are for the other planners, which know where buffers end.
  if (least > limit || best.bytes <= least) return best;
  if (attempt(least, work * shareOfLeast) === "found") return best;
  let low = least;
  while (left > 0 && best.bytes - low > step) {
    const capacity = Math.min(limit, low + Math.floor((best.bytes - low) / 2 / step) * step);
    if (capacity >= best.bytes || capacity <= low) break;
    if (attempt(capacity, Math.max(left / 4, intervals.length)) !== "found") low = capacity;
  }
  return best;
}

/** Beyond these the lists of the search take too much memory. */
const mostIntervals = 1500;
const firstBudget = 2500;
const growth = 4;
const shareOfLeast = 0.4;

function common(a: number, b: number): number {
  return b === 0 ? a : common(b, a % b);
}

/** Orders by the fullest moment of an interval's life, its length and its area, in several priorities. */
function ranks(intervals: readonly Interval[]): number[][] {
  const end = intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1;
  const live = new Float64Array(end);
  for (const { size, first, last } of intervals)
    for (let time = first; time <= last; time += 1) live[time] = (live[time] ?? 0) + size;
  const total = intervals.map(({ first, last }) =>
    live.subarray(first, last + 1).reduce((most, bytes) => Math.max(most, bytes), 0),
  );
  const width = intervals.map(({ first, last }) => last - first + 1);
  const area = intervals.map(({ size }, index) => size * (width[index] ?? 0));
  return [
    [total, width, area],
    [total, area, width],
    [width, area, total],
    [area, width, total],
  ].map((keys) =>
    intervals
      .map((_, index) => index)
      .sort((a, b) => keys.reduce((sign, key) => sign || (key[b] ?? 0) - (key[a] ?? 0), 0) || a - b),
  );
}
