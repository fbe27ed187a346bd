// Occupied addresses over time, for planners that place one interval after the other: finds the lowest address that is free
// during a whole interval. A segment tree over time: each node keeps the ranges that are occupied during all of its time
// (`through`) and those occupied at any moment of it (`within`), neighbours joined. Layers that lie side by side join to one range,
// so a search looks at a few ranges a node and takes logarithmic time, however many intervals are live.

/** Sorted, disjoint, not touching: start, end, start, end, … */
type Ranges = number[];

export interface Occupied {
  /** The lowest address, a whole interval of `size` long, that is free from `first` to `last` and crosses no multiple of `limit`. */
  lowest(size: number, first: number, last: number, limit: number): number;
  add(offset: number, size: number, first: number, last: number): void;
}

/** Memory that is free at all times from 0 to `end`, exclusive. */
export function occupied(end: number): Occupied {
  let leaves = 1;
  while (leaves < end) leaves *= 2;
  const through: Ranges[] = Array.from({ length: 2 * leaves }, () => []);
  const within: Ranges[] = Array.from({ length: 2 * leaves }, () => []);

  /** Visits the nodes that make up the interval, and their ancestors. */
  const visit = (
    first: number,
    last: number,
    exact: (node: number) => void,
    above: (node: number) => void,
  ): void => {
    const highest: number[] = [];
    for (let low = first + leaves, high = last + leaves + 1; low < high; low >>= 1, high >>= 1) {
      if (low % 2 === 1) highest.push(low++);
      if (high % 2 === 1) highest.push(--high);
    }
    for (const node of highest) exact(node);
    const seen = new Set<number>();
    for (const node of highest) {
      for (let up = node >> 1; up >= 1 && !seen.has(up); up >>= 1) {
        seen.add(up);
        above(up);
      }
    }
  };

  return {
    lowest(size, first, last, limit) {
      const lists: Ranges[] = [];
      const take = (ranges: Ranges): void => {
        if (ranges.length > 0) lists.push(ranges);
      };
      visit(
        first,
        last,
        (node) => {
          take(within[node] ?? []);
        },
        (node) => {
          take(through[node] ?? []);
        },
      );
      return lowestGap(lists, size, limit);
    },
    add(offset, size, first, last) {
      visit(
        first,
        last,
        (node) => {
          join(through[node] ?? [], offset, offset + size);
          join(within[node] ?? [], offset, offset + size);
        },
        (node) => {
          join(within[node] ?? [], offset, offset + size);
        },
      );
    },
  };
}

/** Moves an address up to the next multiple of `limit` where the interval would lie across it. */
function clear(offset: number, size: number, limit: number): number {
  const next = (Math.floor(offset / limit) + 1) * limit;
  return offset + size > next ? next : offset;
}

function lowestGap(lists: readonly Ranges[], size: number, limit: number): number {
  // Every list is sorted; `cursors` walk them together. The address only moves up, past whatever range stands in its way.
  const cursors = lists.map(() => 0);
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
