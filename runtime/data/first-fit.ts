// Goes in: sizes in order, and what a bin holds. Comes out: the bin of each, from 0.
// Always: each goes into the first bin that still has room for it, in the order given, else into a new one; so the bins hang on the
// sizes alone, no bin holds more than its capacity, and at most one is less than half full (first-fit: Johnson, 1974).

/** Sizes are from 1 to `capacity`. Takes n log n steps: a tree knows the most room in any run of bins. */
export function firstFit(sizes: Int32Array, capacity: number): Int32Array {
  const leaves = 2 ** Math.ceil(Math.log2(Math.max(1, sizes.length)));
  // Node 1 is the root, 2n and 2n + 1 are below n; bins that nobody has opened have all their room.
  const room = new Int32Array(2 * leaves).fill(capacity);
  return sizes.map((size) => {
    if (!(size >= 1 && size <= capacity))
      throw new RangeError(`${size} does not fit a bin that holds ${capacity}`);
    let node = 1;
    while (node < leaves) node = (room[2 * node] ?? 0) >= size ? 2 * node : 2 * node + 1;
    const bin = node - leaves;
    room[node] = (room[node] ?? 0) - size;
    for (node >>= 1; node >= 1; node >>= 1)
      room[node] = Math.max(room[2 * node] ?? 0, room[2 * node + 1] ?? 0);
    return bin;
  });
}
