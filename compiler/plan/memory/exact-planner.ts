// The exact search as a planner. Times that nothing joins are problems of their own. Each is searched with several rules and orders in
// turn, at the lower bound and at capacities between it and the best that is known. Which of them finds a placement at once and which never
// is luck, so each gets few nodes at first, and again and again, after what its earlier runs learnt (restarts: Luby, Sinclair and Zuckerman,
// 1993). Work is counted, never timed, so that a problem gets the same placement everywhere.
import { exactSearch, type Attempt, type Rule, type Search } from "./exact.ts";
import {
  compressTimes,
  fullest,
  measure,
  type Interval,
  type MemoryProblem,
  type Placement,
} from "./problem.ts";

/**
 * `work` is nodes of the search times intervals, which grows as time does. Less is done where the best found has not been bettered for
 * a fifth of it, nor for twice what it took to find it.
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
  /** Work after which the search ends, were nothing better found. */
  let until = work;
  const isOver = (): boolean => spent >= Math.min(work, until);
  const attempt = (part: Part, capacity: number, turn: Omit<Attempt, "capacity">): void => {
    if (isOver() || capacity < part.least || capacity >= part.height || capacity > limit) return;
    const search = part.search({ ...turn, capacity });
    spent += search.nodes * part.intervals.length;
    if (search.result === "none") part.least = capacity + 1;
    if (search.result === "found") {
      until = spent + Math.max(work / 5, 2 * spent);
      part.offsets = search.offsets;
      part.height = heightOf(part.intervals, search.offsets);
    }
  };
  for (let round = 1; !isOver(); round += 1) {
    const open = parts.filter(
      ({ height, intervals }) => height > goal() && intervals.length <= mostIntervals,
    );
    if (open.length === 0) break;
    strategies.forEach(({ rule, order }, index) => {
      for (const part of open) {
        const { intervals } = part;
        part.facts ??= hardnessOf(intervals);
        const failures = (part.failures[index] ??= new Float64Array(part.facts.live.length));
        const ranks =
          round > 1 && rule === "lowest"
            ? perturbed(intervals.length, part.facts, random)
            : ranksBy(intervals.length, (item) => order.map((key) => part.facts?.[key][item] ?? 0));
        const turn = { rule, ranks, failures, budget: firstBudget * luby(round) };
        attempt(part, goal(), turn);
        attempt(part, roundest(goal(), part.height), turn);
        if (index !== round % strategies.length) continue;
        // What is below the best and easier than the goal, while it is found.
        for (let before = Infinity; part.height < before;) {
          before = part.height;
          for (const share of shares)
            if (part.height === before)
              attempt(part, goal() + Math.floor((before - goal()) * share), { ...turn, budget: firstBudget });
        }
      }
    });
  }
  const offsets = [...known.offsets];
  for (const part of parts) part.indices.forEach((index, item) => (offsets[index] = part.offsets[item] ?? 0));
  const placement = measure(problem, offsets);
  return placement.bytes < known.bytes ? placement : known;
}

/** Beyond these the lists of the search take too much memory. */
const mostIntervals = 1500;
const firstBudget = 300;
/** Of the way from the lower bound to the best that is known. */
const shares = [0.5, 0.75, 0.9];

type Key = "total" | "width" | "area";

const strategies: readonly { readonly rule: Rule; readonly order: readonly Key[] }[] = (
  [
    { base: 1, ease: 1 / 64, low: 1 / 16, spread: 0 },
    { base: 0, ease: 0, low: 0, spread: 0 },
    "lowest",
    { base: 1, ease: 1 / 32, low: 0, spread: 1 / 2 },
  ] as const
).flatMap((rule) => [
  { rule, order: ["total", "width", "area"] },
  { rule, order: ["area", "width", "total"] },
  { rule, order: ["width", "area", "total"] },
]);

/** Intervals that no time parts from one another, with the best offsets known for them. */
interface Part {
  readonly intervals: readonly Interval[];
  /** Their places in the whole problem. */
  readonly indices: readonly number[];
  readonly search: (attempt: Attempt) => Search;
  readonly failures: Float64Array[];
  facts?: Hardness;
  offsets: readonly number[];
  height: number;
  /** No placement is lower. */
  least: number;
}

function partsOf({ intervals, limit }: MemoryProblem, known: Placement): Part[] {
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
    const part = compressTimes({ intervals: own, limit }).intervals;
    const offsets = indices.map((index) => known.offsets[index] ?? 0);
    return {
      intervals: part,
      indices,
      search: later(() => exactSearch(part)),
      failures: [],
      offsets,
      height: heightOf(own, offsets),
      least: fullest(own).bytes,
    };
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

type Hardness = Readonly<Record<Key | "size", readonly number[]>> & { readonly live: Float64Array };

/** Of each interval the fullest moment of its life, its length, and its area. */
function hardnessOf(intervals: readonly Interval[]): Hardness {
  const end = intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1;
  const live = new Float64Array(end);
  for (const { size, first, last } of intervals)
    for (let time = first; time <= last; time += 1) live[time] = (live[time] ?? 0) + size;
  const width = intervals.map(({ first, last }) => last - first + 1);
  return {
    live,
    total: intervals.map(({ first, last }) =>
      live.subarray(first, last + 1).reduce((most, bytes) => Math.max(most, bytes), 0),
    ),
    width,
    area: intervals.map(({ size }, index) => size * (width[index] ?? 0)),
    size: intervals.map(({ size }) => size),
  };
}

/** Ranks by the largest numbers first; ties by the next number, then as they come. */
function ranksBy(count: number, numbersOf: (item: number) => readonly number[]): number[] {
  const keys = Array.from({ length: count }, (_, item) => numbersOf(item));
  const ranks = keys.map(() => 0);
  keys
    .map((_, item) => item)
    .sort((a, b) => (keys[a] ?? []).reduce((sign, key, at) => sign || (keys[b]?.[at] ?? 0) - key, 0) || a - b)
    .forEach((item, rank) => (ranks[item] = rank));
  return ranks;
}

/** Ranks by a product of powers of total, width and size, each a little off. */
function perturbed(count: number, { total, width, size }: Hardness, random: () => number): number[] {
  const powers = [4 * random(), random(), random()];
  const noise = random() / 2;
  return ranksBy(count, (item) => {
    const score = [total, width, size].reduce(
      (sum, numbersOf, at) => sum + (powers[at] ?? 0) * Math.log(numbersOf[item] ?? 1),
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
