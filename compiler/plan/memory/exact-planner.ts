// The exact search as a planner. Times that nothing joins are problems of their own. Each is searched with several rules and orders in
// turn, at the lower bound and at capacities between it and the best that is known. Which of them finds a placement at once and which never
// is luck, so each gets few nodes at first, and again and again, after what its earlier runs learnt (restarts: Luby, Sinclair and Zuckerman,
// 1993). Work is counted, never timed, so that a problem gets the same placement everywhere.
import { exactSearch, type Attempt, type Rule, type Search } from "./exact.ts";
import { fullest, measure, type Interval, type MemoryProblem, type Placement } from "./problem.ts";

/**
 * `work` is nodes of the search times intervals, which grows as time does. Less is done where the roundest capacity above the lower
 * bound is reached, and nothing better is found for a tenth of it, nor for twice what it took to get there.
 */
export function placeExactly(problem: MemoryProblem, known: Placement, work: number): Placement {
  const { limit } = problem;
  const { bytes: least } = fullest(problem.intervals);
  // Addresses past one buffer's end are for the other planners, which know where buffers end.
  if (least > limit) return known;
  const parts = partsOf(problem, known);
  /** No placement is known to be lower than this. */
  const goal = (): number => parts.reduce((most, part) => Math.max(most, part.least), least);
  const random = numbers();
  let spent = 0;
  const aim = roundest(least, known.bytes);
  /** Work after which the search ends. */
  let until = work;
  const isOver = (): boolean => spent >= until;
  const attempt = (part: Part, capacity: number, turn: Omit<Attempt, "capacity">): void => {
    if (isOver() || capacity < part.least || capacity >= part.height || capacity > limit) return;
    const search = part.search({ ...turn, capacity });
    spent += search.nodes * part.intervals.length;
    if (search.result === "none") part.least = capacity + 1;
    if (search.result === "found") {
      part.offsets = search.offsets;
      part.height = heightOf(part.intervals, search.offsets);
      if (parts.every(({ height }) => height <= aim))
        until = Math.min(work, spent + Math.max(work / 10, 2 * spent));
    }
  };
  for (let round = 1; !isOver(); round += 1) {
    const open = parts.filter(
      ({ height, intervals: { length } }) =>
        height > goal() && length <= mostIntervals && length ** 2 <= work,
    );
    if (open.length === 0) break;
    strategies.forEach(({ rule, order }, index) => {
      for (const part of open) {
        const { intervals } = part;
        const { length } = intervals;
        const failures = (part.failures[index] ??= new Float64Array(intervals.length));
        const ranks = (part.ranks[index] ??= ranksBy(intervals, order));
        const moved = round === 1 ? ranks : ranks.map((rank) => rank + noise * ranks.length * random());
        const turn = { rule, ranks: moved, failures, budget: firstBudget(length) * luby(round) };
        attempt(part, goal(), turn);
        attempt(part, roundest(goal(), part.height), turn);
        if (index !== round % strategies.length) continue;
        // What is below the best and easier than the goal, while it is found.
        for (let before = Infinity; part.height < before;) {
          before = part.height;
          for (const share of shares)
            if (part.height === before)
              attempt(part, goal() + Math.floor((before - goal()) * share), {
                ...turn,
                budget: firstBudget(length),
              });
        }
      }
    });
  }
  const offsets = [...known.offsets];
  for (const part of parts) part.indices.forEach((index, item) => (offsets[index] = part.offsets[item] ?? 0));
  const placement = measure(problem, offsets);
  return placement.bytes < known.bytes ? placement : known;
}

/** Beyond these the lists of the search take too much memory; and a search that finds anything has a node for each interval. */
const mostIntervals = 1500;
/** Twice what it takes to place all without a mistake, at least. */
const firstBudget = (count: number): number => Math.max(600, 2 * count);
/** Of the way from the lower bound to the best that is known. */
const shares = [0.5, 0.75, 0.9];

type Key = "total" | "width" | "area";

/** How far ranks move from run to run, as a share of all. */
const noise = 0.3;

const rules: readonly Rule[] = [
  { base: 1, ease: 1 / 64, low: 1 / 16, spread: 0 },
  { base: 0, ease: 0, low: 0, spread: 0 },
  "lowest",
  { base: 1, ease: 1 / 32, low: 0, spread: 1 / 2 },
  { base: 0, ease: 1 / 256, low: 1 / 16, spread: 0 },
];
const orders: readonly (readonly Key[])[] = [
  ["total", "width", "area"],
  ["area", "width", "total"],
  ["width", "area", "total"],
];
const strategies = orders.flatMap((order) => rules.map((rule) => ({ rule, order })));

/** Intervals that no time parts from one another, with the best offsets known for them. */
interface Part {
  readonly intervals: readonly Interval[];
  /** Their places in the whole problem. */
  readonly indices: readonly number[];
  readonly search: (attempt: Attempt) => Search;
  /** Of each strategy. */
  readonly failures: Float64Array[];
  readonly ranks: (readonly number[])[];
  offsets: readonly number[];
  height: number;
  /** No placement is lower. */
  least: number;
}

function partsOf({ intervals }: MemoryProblem, known: Placement): Part[] {
  const order = intervals.map((_, index) => index);
  const firstOf = (index: number): number => intervals[index]?.first ?? 0;
  order.sort((a, b) => firstOf(a) - firstOf(b) || a - b);
  const lists: number[][] = [];
  let end = -1;
  for (const index of order) {
    if (firstOf(index) > end) lists.push([]);
    lists.at(-1)?.push(index);
    end = Math.max(end, intervals[index]?.last ?? 0);
  }
  return lists.map((indices) => {
    const own = indices.flatMap((index) => intervals[index] ?? []);
    const part = atFullMoments(own);
    const offsets = indices.map((index) => known.offsets[index] ?? 0);
    return {
      intervals: part,
      indices,
      search: later(() => exactSearch(part)),
      failures: [],
      ranks: [],
      offsets,
      height: heightOf(own, offsets),
      least: fullest(own).bytes,
    };
  });
}

/**
 * The same intervals over fewer times: what lives at a moment after which something begins before anything ends also lives at the
 * next, so only the last moments before an end count.
 */
function atFullMoments(intervals: readonly Interval[]): Interval[] {
  const starts = intervals.map(({ first }) => first).sort((a, b) => a - b);
  const ends = intervals.map(({ last }) => last).sort((a, b) => a - b);
  /** For each moment that counts, the last time of which it stands for all since the one before. */
  const moments: number[] = [];
  let begun = 0;
  for (const end of ends) {
    if ((starts[begun] ?? Infinity) > end) continue;
    while ((starts[begun] ?? Infinity) <= end) begun += 1;
    moments.push(end);
  }
  /** The first moment that does not end before a time; where that is past it, the time is of the moment before. */
  const momentOf = (time: number): number => {
    let low = 0;
    let high = moments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((moments[middle] ?? Infinity) < time) low = middle + 1;
      else high = middle;
    }
    return low;
  };
  return intervals.map(({ size, first, last }) => {
    const from = momentOf(first);
    const to = momentOf(last);
    return { size, first: from, last: moments[to] === last ? to : to - 1 };
  });
}

function heightOf(intervals: readonly Interval[], offsets: readonly number[]): number {
  return intervals.reduce((most, { size }, index) => Math.max(most, (offsets[index] ?? 0) + size), 0);
}

/** Makes the search when it is first asked for: most parts never are. */
function later(make: () => (attempt: Attempt) => Search): (attempt: Attempt) => Search {
  let search: ((attempt: Attempt) => Search) | undefined;
  return (attempt) => (search ??= make())(attempt);
}

/** The number from `low` to below `high` that the largest power of two divides: memories have round sizes, and so have their parts. */
function roundest(low: number, high: number): number {
  for (let step = 2 ** Math.floor(Math.log2(high)); step >= 1; step /= 2) {
    const multiple = Math.ceil(low / step) * step;
    if (multiple < high) return multiple;
  }
  return low;
}

/** 1, 1, 2, 1, 1, 2, 4, … */
function luby(turn: number): number {
  let size = 1;
  while (2 * size - 1 < turn) size *= 2;
  return 2 * size - 1 === turn ? size : luby(turn - size + 1);
}

/** Ranks by the fullest moment of a life, its length, or its area, the largest first; ties by the next of them, then as they come. */
function ranksBy(intervals: readonly Interval[], order: readonly Key[]): number[] {
  const live = new Float64Array(intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1);
  for (const { size, first, last } of intervals)
    for (let time = first; time <= last; time += 1) live[time] = (live[time] ?? 0) + size;
  const valueOf: Readonly<Record<Key, (interval: Interval) => number>> = {
    total: ({ first, last }) =>
      live.subarray(first, last + 1).reduce((most, bytes) => Math.max(most, bytes), 0),
    width: ({ first, last }) => last - first + 1,
    area: ({ size, first, last }) => size * (last - first + 1),
  };
  const keys = intervals.map((interval) => order.map((key) => valueOf[key](interval)));
  const ranks = keys.map(() => 0);
  keys
    .map((_, item) => item)
    .sort((a, b) => (keys[a] ?? []).reduce((sign, key, at) => sign || (keys[b]?.[at] ?? 0) - key, 0) || a - b)
    .forEach((item, rank) => (ranks[item] = rank));
  return ranks;
}

/** Numbers from 0 to 1 that are the same each time (the generator of Numerical Recipes). */
function numbers(): () => number {
  let state = 12345;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}
