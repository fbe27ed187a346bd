// Occupied addresses over time, for planners that place one interval after the other: finds the lowest address that is free
// during a whole interval. A segment tree over time: each node keeps the ranges that are occupied during all of its time
// (`through`) and those occupied at some moment of it (`within`), neighbours joined. Layers that lie side by side join to one range,
// so a search looks at a few ranges a node and takes logarithmic time, however many intervals are live.
//
// What is taken at some moment of an interval is `within` of the nodes that make up the interval, and `through` of the nodes above
// them, which all stand on the ways from the interval's first and last moments to the root.

/** Sorted, disjoint, not touching: start, end, start, end, … */
type Ranges = number[];

export interface Occupied {
  /** The lowest address from which `size` bytes are free from `first` to `last` and cross no multiple of `limit`. */
  lowest(size: number, first: number, last: number, limit: number): number;
  add(offset: number, size: number, first: number, last: number): void;
}

/** Memory that is free at all times from 0 to `end`, exclusive. */
export function occupied(end: number): Occupied {
  let leaves = 1;
  while (leaves < end) leaves *= 2;
  const through: (Ranges | undefined)[] = Array.from({ length: 2 * leaves });
  const within: (Ranges | undefined)[] = Array.from({ length: 2 * leaves });
  const lists: Ranges[] = [];
  const cursors: number[] = [];
  const take = (ranges: Ranges | undefined): void => {
    if (ranges === undefined) return;
    lists.push(ranges);
    cursors.push(0);
  };
  const put = (table: (Ranges | undefined)[], node: number, start: number, end: number): void => {
    const ranges = table[node];
    if (ranges === undefined) table[node] = [start, end];
    else join(ranges, start, end);
  };

  return {
    lowest(size, first, last, limit) {
      lists.length = 0;
      cursors.length = 0;
      for (let low = first + leaves, high = last + leaves + 1; low < high; low >>= 1, high >>= 1) {
        if (low % 2 === 1) take(within[low++]);
        if (high % 2 === 1) take(within[--high]);
      }
      for (let low = first + leaves, high = last + leaves; low >= 1; low >>= 1, high >>= 1) {
        take(through[low]);
        if (high !== low) take(through[high]);
      }
      return lowestGap(lists, cursors, size, limit);
    },
    add(offset, size, first, last) {
      const stop = offset + size;
      for (let low = first + leaves, high = last + leaves + 1; low < high; low >>= 1, high >>= 1) {
        if (low % 2 === 1) {
          put(within, low, offset, stop);
          put(through, low++, offset, stop);
        }
        if (high % 2 === 1) {
          put(within, --high, offset, stop);
          put(through, high, offset, stop);
        }
      }
      for (let low = first + leaves, high = last + leaves; low >= 1; low >>= 1, high >>= 1) {
        put(within, low, offset, stop);
        if (high !== low) put(within, high, offset, stop);
      }
    },
  };
}

/** Moves an address up to the next multiple of `limit` where the interval would lie across it. */
function clear(offset: number, size: number, limit: number): number {
  const next = (Math.floor(offset / limit) + 1) * limit;
  return offset + size > next ? next : offset;
}

/** The address only moves up, past whatever range stands in its way; each list's cursor moves along. */
function lowestGap(lists: readonly Ranges[], cursors: number[], size: number, limit: number): number {
  let offset = clear(0, size, limit);
  for (let moved = true; moved;) {
    moved = false;
    for (let index = 0; index < lists.length; index += 1) {
      const list = lists[index] ?? [];
      let cursor = cursors[index] ?? 0;
      while (cursor < list.length && (list[cursor + 1] ?? 0) <= offset) cursor += 2;
      if (cursor < list.length && (list[cursor] ?? 0) < offset + size) {
        offset = clear(list[cursor + 1] ?? 0, size, limit);
        moved = true;
      }
      cursors[index] = cursor;
    }
  }
  return offset;
}

/** Adds [start, end) to the ranges, in place. */
function join(ranges: Ranges, start: number, end: number): void {
  let low = 0;
  let high = ranges.length / 2;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[2 * middle + 1] ?? 0) < start) low = middle + 1;
    else high = middle;
  }
  let after = low;
  let from = start;
  let to = end;
  while (2 * after < ranges.length && (ranges[2 * after] ?? 0) <= end) {
    from = Math.min(from, ranges[2 * after] ?? from);
    to = Math.max(to, ranges[2 * after + 1] ?? to);
    after += 1;
  }
  if (after === low + 1) {
    ranges[2 * low] = from;
    ranges[2 * low + 1] = to;
  } else {
    ranges.splice(2 * low, 2 * (after - low), from, to);
  }
}
