// What a memory planner is asked and what it answers. Intervals of time and size are to get offsets such that no two that are
// live at once overlap. Planners know nothing of programs, tensors or devices.
//
// Memory may come in several buffers of `limit` bytes at most: addresses run through all of them, and an interval may not lie
// across a multiple of the limit. What a buffer does not use at its end is not allocated.

/** Live from `first` to `last`, both included. `size` is a positive multiple of the alignment. */
export interface Interval {
  readonly size: number;
  readonly first: number;
  readonly last: number;
}

export interface MemoryProblem {
  readonly intervals: readonly Interval[];
  readonly limit: number;
}

export interface Placement {
  /** Address of each interval. */
  readonly offsets: readonly number[];
  /** Bytes of each buffer, ends trimmed. */
  readonly buffers: readonly number[];
  /** Their sum. */
  readonly bytes: number;
}

/** One way to place; the same problem always gets the same placement. */
export interface Planner {
  readonly name: string;
  place(problem: MemoryProblem): Placement;
}

/** The largest sum of live sizes and the first time it is reached. No placement is smaller. */
export function fullest(intervals: readonly Interval[]): { readonly bytes: number; readonly at: number } {
  const end = intervals.reduce((last, interval) => Math.max(last, interval.last), -1) + 1;
  const change = new Float64Array(end + 1);
  for (const { size, first, last } of intervals) {
    change[first] = (change[first] ?? 0) + size;
    change[last + 1] = (change[last + 1] ?? 0) - size;
  }
  let bytes = 0;
  let at = -1;
  let live = 0;
  for (let time = 0; time < end; time += 1) {
    live += change[time] ?? 0;
    if (live <= bytes) continue;
    bytes = live;
    at = time;
  }
  return { bytes, at };
}

/** The buffers that offsets make. */
export function measure({ intervals, limit }: MemoryProblem, offsets: readonly number[]): Placement {
  const buffers: number[] = [];
  intervals.forEach(({ size }, index) => {
    const offset = offsets[index] ?? 0;
    const buffer = Math.floor(offset / limit);
    while (buffers.length <= buffer) buffers.push(0);
    buffers[buffer] = Math.max(buffers[buffer] ?? 0, offset - buffer * limit + size);
  });
  return { offsets, buffers, bytes: buffers.reduce((sum, size) => sum + size, 0) };
}

/** The same problem with times renumbered by the moments at which something begins to live: what overlaps stays the same. */
export function compressTimes({ intervals, limit }: MemoryProblem): MemoryProblem {
  const starts = [...new Set(intervals.map(({ first }) => first))].sort((a, b) => a - b);
  const lastStart = (time: number): number => {
    let low = 0;
    let high = starts.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((starts[middle] ?? Infinity) <= time) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  };
  return {
    limit,
    intervals: intervals.map(({ size, first, last }) => ({
      size,
      first: lastStart(first),
      last: lastStart(last),
    })),
  };
}
