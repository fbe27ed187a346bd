// Exact search for offsets below a capacity, after MiniMalloc (Moffitt, ASPLOS 2023), with branching free of any order. In:
// intervals that time does not part. Out: offsets that fit, or that none exist, or that the budget of nodes ran out.
//
// Every solution can be pushed down until each interval rests on 0 or atop another. An interval is `ready` where all that may lie
// under it is placed. A node takes any ready interval: it lies on what supports it now, or, on the other branch, atop something
// that is not placed yet, which raises its floor. Floors rise further where an interval cannot be the lowest of a moment. A node is
// cut where at some moment a floor, and what lies at it or above it, passes the capacity; and falls apart where nothing joins two times.
// Which interval is taken decides how large the search grows: moments that are tight, and those at which the search failed before, go
// first (weighted degrees: Boussemart and others, 2004), so failures are met near their cause and restarts learn from one another.
import type { Interval } from "./problem.ts";

export type Search =
  | { readonly result: "found"; readonly offsets: readonly number[]; readonly nodes: number }
  | { readonly result: "none" | "exhausted"; readonly nodes: number };

/** Which ready interval is taken: the lowest, or the one of the largest sum, over its moments, of (base + failures) / (slack + ease). */
export type Rule = "lowest" | Readonly<Record<"base" | "ease" | "low" | "spread", number>>;

export interface Attempt {
  readonly capacity: number;
  /** Nodes that may be searched. */
  readonly budget: number;
  readonly rule: Rule;
  /** Of two that the rule likes equally the one of the smaller rank is taken. */
  readonly ranks: readonly number[];
  /** Failures at each moment, which the search adds to. */
  readonly failures: Float64Array;
}

/** A search of these intervals, to be run many times. Times are compressed. */
export function exactSearch(intervals: readonly Interval[]): (attempt: Attempt) => Search {
  const count = intervals.length;
  const moments = intervals.reduce((end, { last }) => Math.max(end, last + 1), 0);
  const sizes = Float64Array.from(intervals, ({ size }) => size);
  const firsts = Int32Array.from(intervals, ({ first }) => first);
  const lasts = Int32Array.from(intervals, ({ last }) => last);
  const unit = intervals.reduce((divisor, { size }) => commonDivisor(size, divisor), 0);
  const twins = twinsOf(intervals);

  /** Lowest address that is possible, and the top of what is placed under it. Of what is placed, both are its offset. */
  const floors = new Float64Array(count);
  const supports = new Float64Array(count);
  /** The support on which the search decided that the interval does not lie. */
  const refused = new Float64Array(count);
  const placed = new Int32Array(count);
  const ready = new Int32Array(count);
  // Lists of what is not placed, each depth's behind that of the depth before, which is longer; and what a node has to restore.
  const room = (count * (count + 1)) / 2 + 1;
  const lists = new Int32Array(room);
  const floorsBefore = new Float64Array(room);
  const supportsBefore = new Float64Array(room);
  const refusedBefore = new Float64Array(room);
  const floorsHere = new Float64Array(room);
  const refusedHere = new Float64Array(room);
  const ends = new Int32Array((count + 1) * moments);
  // Of a node, for each moment: bytes not placed, the two lowest tops, whose the lowest is, bytes from a floor up, and what is to spare.
  const demand = new Float64Array(moments);
  const lowestTop = new Float64Array(moments);
  const nextTop = new Float64Array(moments);
  const lowestOf = new Int32Array(moments);
  const above = new Float64Array(moments);
  const slack = new Float64Array(moments);
  const crossing = new Int32Array(moments + 1);
  const byFloor = new Int32Array(count);

  return ({ capacity: given, budget, rule, ranks, failures }) => {
    const capacity = Math.floor(given / unit) * unit;
    let nodes = 0;

    const readTops = (base: number, length: number, low: number, high: number): void => {
      lowestTop.fill(Infinity, low, high + 1);
      nextTop.fill(Infinity, low, high + 1);
      demand.fill(0, low, high + 1);
      for (let place = base; place < base + length; place += 1) {
        const item = whole(lists, place);
        const size = at(sizes, item);
        const top = at(floors, item) + size;
        const end = whole(lasts, item);
        for (let time = whole(firsts, item); time <= end; time += 1) {
          demand[time] = at(demand, time) + size;
          if (top < at(lowestTop, time)) {
            nextTop[time] = at(lowestTop, time);
            lowestTop[time] = top;
            lowestOf[time] = item;
          } else if (top < at(nextTop, time)) nextTop[time] = top;
        }
      }
    };

    /** Raises floors and says which intervals are ready; false where one no longer fits. Tops of before are bounds as well. */
    const raise = (base: number, length: number): boolean => {
      for (let place = base; place < base + length; place += 1) {
        const item = whole(lists, place);
        const floor = at(floors, item);
        const first = whole(firsts, item);
        const last = whole(lasts, item);
        const twin = whole(twins, item);
        const open =
          floor === at(supports, item) &&
          floor > at(refused, item) &&
          (twin < 0 || whole(placed, twin) === 1);
        /** The lowest top of what may lie under it, and what it rises to. */
        let least = Infinity;
        let bound = floor;
        for (let time = first; time <= last; time += 1) {
          const top = whole(lowestOf, time) === item ? at(nextTop, time) : at(lowestTop, time);
          if (top < least) least = top;
          if (top > bound && floor + at(demand, time) > capacity) bound = top;
        }
        if (!open && least > bound) bound = least;
        ready[item] = open && bound === floor && least > floor ? 1 : 0;
        if (bound === floor) continue;
        floors[item] = bound;
        if (bound + at(sizes, item) <= capacity) continue;
        const share = 1 / (last - first + 1);
        for (let time = first; time <= last; time += 1) failures[time] = at(failures, time) + share;
        return false;
      }
      return true;
    };

    /** Adds up sizes from the highest floor down: false where they pass the capacity; `slack` is what that leaves. */
    const fits = (base: number, length: number, low: number, high: number): boolean => {
      for (let place = 0; place < length; place += 1) {
        const item = whole(lists, base + place);
        const floor = at(floors, item);
        let to = place;
        for (; to > 0 && at(floors, whole(byFloor, to - 1)) < floor; to -= 1)
          byFloor[to] = whole(byFloor, to - 1);
        byFloor[to] = item;
      }
      above.fill(0, low, high + 1);
      slack.fill(Infinity, low, high + 1);
      for (let place = 0; place < length; place += 1) {
        const item = whole(byFloor, place);
        const size = at(sizes, item);
        const most = capacity - at(floors, item);
        const end = whole(lasts, item);
        for (let time = whole(firsts, item); time <= end; time += 1) {
          const sum = at(above, time) + size;
          above[time] = sum;
          if (most - sum >= at(slack, time)) continue;
          slack[time] = most - sum;
          if (sum <= most) continue;
          failures[time] = at(failures, time) + 1;
          return false;
        }
      }
      return true;
    };

    const scoreOf = (item: number): number => {
      const support = at(supports, item);
      if (rule === "lowest") return -support;
      const end = whole(lasts, item);
      const ease = rule.ease * capacity + unit;
      let sum = 0;
      for (let time = whole(firsts, item); time <= end; time += 1)
        sum += (rule.base + at(failures, time)) / (at(slack, time) + ease);
      if (rule.low > 0) sum /= support + rule.low * capacity;
      return rule.spread > 0 ? sum / (end - whole(firsts, item) + 1) ** rule.spread : sum;
    };

    const choose = (base: number, length: number): number => {
      let best = -1;
      let most = -Infinity;
      for (let place = base; place < base + length; place += 1) {
        const item = whole(lists, place);
        if (whole(ready, item) === 0) continue;
        const score = scoreOf(item);
        if (score < most) continue;
        if (score === most) {
          const higher = at(supports, item) - at(supports, best);
          if (higher > 0 || (higher === 0 && (ranks[item] ?? 0) > (ranks[best] ?? 0))) continue;
        }
        best = item;
        most = score;
      }
      return best;
    };

    const isPossible = (base: number, length: number, low: number, high: number): boolean => {
      readTops(base, length, low, high);
      if (!raise(base, length)) return false;
      return fits(base, length, low, high);
    };

    /** 1 found, 0 none, −1 exhausted. The list of `length` unplaced is at `base`; all live from `low` to `high`. */
    const solve = (depth: number, base: number, length: number, low: number, high: number): number => {
      // From the highest floor down: most of the order is the parent's.
      for (let place = base + 1; place < base + length; place += 1) {
        const item = whole(lists, place);
        const floor = at(floors, item);
        let to = place;
        for (; to > base && at(floors, whole(lists, to - 1)) < floor; to -= 1)
          lists[to] = whole(lists, to - 1);
        lists[to] = item;
      }
      for (let place = base; place < base + length; place += 1) {
        const item = whole(lists, place);
        floorsBefore[place] = at(floors, item);
        supportsBefore[place] = at(supports, item);
        refusedBefore[place] = at(refused, item);
      }
      for (;;) {
        nodes += 1;
        if (nodes > budget) return -1;
        const item = isPossible(base, length, low, high) ? choose(base, length) : -1;
        if (item < 0) {
          for (let place = base; place < base + length; place += 1) {
            const other = whole(lists, place);
            floors[other] = at(floorsBefore, place);
            supports[other] = at(supportsBefore, place);
            refused[other] = at(refusedBefore, place);
          }
          return 0;
        }
        const support = at(supports, item);
        const top = support + at(sizes, item);
        const first = whole(firsts, item);
        const last = whole(lasts, item);
        placed[item] = 1;
        crossing.fill(0, low, high + 2);
        for (let place = base; place < base + length; place += 1) {
          const other = whole(lists, place);
          floorsHere[place] = at(floors, other);
          refusedHere[place] = at(refused, other);
          if (other === item) continue;
          const from = whole(firsts, other);
          const to = whole(lasts, other);
          crossing[from] = whole(crossing, from) + 1;
          crossing[to] = whole(crossing, to) - 1;
          if (from > last || to < first) continue;
          if (at(supports, other) < top) supports[other] = top;
          if (at(floors, other) < top) floors[other] = top;
        }
        const parts = depth * moments;
        let cuts = 0;
        let open = 0;
        for (let time = low; time <= high; time += 1) {
          open += whole(crossing, time);
          if (open > 0) continue;
          ends[parts + cuts] = time;
          cuts += 1;
        }
        let result = 1;
        let start = low;
        for (let cut = 0; cut < cuts && result === 1; cut += 1) {
          const end = whole(ends, parts + cut);
          const next = base + length;
          let children = 0;
          for (let place = base; place < next; place += 1) {
            const other = whole(lists, place);
            if (other === item || whole(firsts, other) < start || whole(lasts, other) > end) continue;
            lists[next + children] = other;
            children += 1;
          }
          if (children > 0) result = solve(depth + 1, next, children, start, end);
          start = end + 1;
        }
        if (result !== 0) return result;
        // Parts solved before the one that failed are undone with it.
        for (let place = base; place < base + length; place += 1) {
          const other = whole(lists, place);
          floors[other] = at(floorsHere, place);
          supports[other] = at(supportsBefore, place);
          refused[other] = at(refusedHere, place);
          placed[other] = 0;
        }
        refused[item] = support;
      }
    };

    for (let item = 0; item < count; item += 1) lists[item] = item;
    floors.fill(0);
    supports.fill(0);
    refused.fill(-1);
    placed.fill(0);
    const result = count === 0 ? 1 : solve(0, 0, count, 0, moments - 1);
    if (result !== 1) return { result: result === 0 ? "none" : "exhausted", nodes };
    return { result: "found", offsets: [...supports], nodes };
  };
}

// One function for each kind of list, so that the engine compiles each for that kind alone.
const at = (list: Float64Array, index: number): number => list[index] ?? 0;
const whole = (list: Int32Array, index: number): number => list[index] ?? 0;

/** Of those with the same times and size only the first is free to go; for each other, the one that goes before it. */
function twinsOf(intervals: readonly Interval[]): Int32Array {
  const known = new Map<string, number>();
  return Int32Array.from(intervals, ({ size, first, last }, index) => {
    const key = `${size} ${first} ${last}`;
    const before = known.get(key) ?? -1;
    known.set(key, index);
    return before;
  });
}

function commonDivisor(a: number, b: number): number {
  return b === 0 ? a : commonDivisor(b, a % b);
}
