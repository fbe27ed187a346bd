// Goes in: how many rows there are, a seed and an epoch. Comes out: the order of the rows in that epoch.
// Always: a permutation, and a pure function of the three, so a run resumed at any step sees what it would have seen.
// Fisher and Yates's shuffle, driven by numbers that are the seed's and the epoch's own.

import { below, generator } from "./random.ts";

export function permutation(count: number, seed: number, epoch: number): Uint32Array {
  const next = generator([seed, epoch]);
  const order = Uint32Array.from({ length: count }, (_, i) => i);
  for (let i = count - 1; i > 0; i -= 1) {
    const j = below(i + 1, next);
    const other = order[j] ?? 0;
    order[j] = order[i] ?? 0;
    order[i] = other;
  }
  return order;
}
