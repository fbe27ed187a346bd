// Exact search for offsets below a capacity, after MiniMalloc (Moffitt, ASPLOS 2023). In: intervals and a capacity. Out: offsets
// that fit, or whether none exist or the budget of nodes ran out. Intervals are placed in the order of their offsets, ties by
// rank, each at 0 or atop another; every solution can be pushed down to such a one. What can no longer be placed so from where
// the search stands must lie atop something yet to come, which raises its lower bound. A node is cut where a moment's lowest
// possible start plus what must still lie there passes the capacity, and falls apart where nothing unplaced joins two times.
import type { Interval } from "./problem.ts";

export type Search =
  | { readonly result: "found"; readonly offsets: readonly number[]; readonly nodes: number }
  | { readonly result: "none" | "exhausted"; readonly nodes: number };

/** Searches at most `budget` nodes; `order` ranks the intervals. Times are compressed. */
export function searchExactly(
  intervals: readonly Interval[],
  order: readonly number[],
  capacity: number,
  budget: number,
): Search {
  const count = order.length;
  const sizes = new Float64Array(count);
  const firsts = new Int32Array(count);
  const lasts = new Int32Array(count);
  let moments = 0;
  order.forEach((index, rank) => {
    const interval = intervals[index];
    if (interval === undefined) throw new RangeError(`no interval ${index}`);
    sizes[rank] = interval.size;
    firsts[rank] = interval.first;
    lasts[rank] = interval.last;
    moments = Math.max(moments, interval.last + 1);
  });
  const demand = new Float64Array(moments);
  const lowest = new Float64Array(moments);
  const crossing = new Int32Array(moments + 1);
  const at = (list: Float64Array | Int32Array, index: number): number => list[index] ?? 0;
  for (let item = 0; item < count; item += 1)
    for (let time = at(firsts, item); time <= at(lasts, item); time += 1)
      demand[time] = at(demand, time) + at(sizes, item);
  /** Lowest offsets; of what is placed, its offset. */
  const floors = new Float64Array(count);
  const lists = new Int32Array((count + 1) * count);
  const candidates = new Int32Array((count + 1) * count);
  const saved = new Float64Array((count + 1) * count);
  let nodes = 0;

  /** 1 found, 0 none, −1 exhausted. The list of `length` unplaced is at `base`; all live from `low` to `high`. */
  const solve = (
    depth: number,
    length: number,
    low: number,
    high: number,
    above: number,
    after: number,
  ): number => {
    if (length === 0) return 1;
    nodes += 1;
    if (nodes > budget) return -1;
    const base = depth * count;
    let height = Infinity;
    for (let place = base; place < base + length; place += 1) {
      const item = at(lists, place);
      const floor = at(floors, item);
      if (floor > above || (floor === above && item > after))
        height = Math.min(height, floor + at(sizes, item));
    }
    if (height > capacity) return 0;
    lowest.fill(Infinity, low, high + 1);
    let found = 0;
    for (let place = base; place < base + length; place += 1) {
      const item = at(lists, place);
      let floor = at(floors, item);
      if (floor > above || (floor === above && item > after)) {
        if (floor < height) {
          let to = base + found;
          while (to > base && at(floors, at(candidates, to - 1)) > floor) {
            candidates[to] = at(candidates, to - 1);
            to -= 1;
          }
          candidates[to] = item;
          found += 1;
        }
      } else floor = Math.max(floor, height);
      if (floor + at(sizes, item) > capacity) return 0;
      const end = at(lasts, item);
      for (let time = at(firsts, item); time <= end; time += 1)
        if (floor < at(lowest, time)) lowest[time] = floor;
    }
    for (let time = low; time <= high; time += 1)
      if (at(demand, time) > 0 && at(lowest, time) + at(demand, time) > capacity) return 0;

    for (let choice = 0; choice < found; choice += 1) {
      const item = at(candidates, base + choice);
      const floor = at(floors, item);
      const top = floor + at(sizes, item);
      const first = at(firsts, item);
      const last = at(lasts, item);
      for (let time = first; time <= last; time += 1) demand[time] = at(demand, time) - at(sizes, item);
      crossing.fill(0, low, high + 2);
      for (let place = base; place < base + length; place += 1) {
        const other = at(lists, place);
        saved[place] = at(floors, other);
        if (other === item) continue;
        const from = at(firsts, other);
        const to = at(lasts, other);
        crossing[from] = at(crossing, from) + 1;
        crossing[to] = at(crossing, to) - 1;
        if (from > last || to < first || at(floors, other) >= top) continue;
        floors[other] = top;
      }
      const ends: number[] = [];
      let open = 0;
      for (let time = low; time <= high; time += 1) {
        open += at(crossing, time);
        if (open === 0) ends.push(time);
      }
      let result = 1;
      let start = low;
      for (const end of ends) {
        const next = base + count;
        let children = 0;
        for (let place = base; place < base + length; place += 1) {
          const other = at(lists, place);
          if (other === item || at(firsts, other) < start || at(lasts, other) > end) continue;
          lists[next + children] = other;
          children += 1;
        }
        if (children > 0) result = solve(depth + 1, children, start, end, floor, item);
        if (result !== 1) break;
        start = end + 1;
      }
      if (result !== 0) return result;
      // Parts solved before the one that failed are undone with it.
      demand.fill(0, low, high + 1);
      for (let place = base; place < base + length; place += 1) {
        const other = at(lists, place);
        floors[other] = at(saved, place);
        const end = at(lasts, other);
        for (let time = at(firsts, other); time <= end; time += 1)
          demand[time] = at(demand, time) + at(sizes, other);
      }
    }
    return 0;
  };
  for (let item = 0; item < count; item += 1) lists[item] = item;
  const result = solve(0, count, 0, moments - 1, 0, -1);
  if (result !== 1) return { result: result === 0 ? "none" : "exhausted", nodes };
  const offsets = intervals.map(() => 0);
  order.forEach((index, rank) => {
    offsets[index] = at(floors, rank);
  });
  return { result: "found", offsets, nodes };
}
