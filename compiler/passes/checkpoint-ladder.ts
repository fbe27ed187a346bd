// Between "nothing is computed again" and "everything is": the policies worth having, by their price. Comes in: a region that is
// differentiated and joined, not checkpointed, and not cut. Goes out: rungs, each saving fewer bytes for more work than the one before.
//
// The rungs are the corners of the convex hull of what any choice of saved values can reach in bytes and work (Lagrange's
// multiplier is the price; Eisner and Severance, 1976, find all corners by asking at the price at which two known ones tie).
// What lies between two rungs is had by giving some layers the one and some the other.
import type { Region } from "../ir/graph.ts";
import { choosePairs } from "./checkpoint-save.ts";
import { policyOf, type Checkpointing } from "./checkpoint.ts";
import { readRepeat } from "./rebuild-repeat.ts";
import { workOf } from "./work.ts";

export interface Rung {
  readonly price: number;
  /** Bytes of all stacks that are saved for backward repeats. */
  readonly bytes: number;
  /** What is computed again, as `workOf` counts. */
  readonly work: number;
}

/** More corners than this are not looked for: between near ones, layers are split in any case. */
const MOST_RUNGS = 16;

/** At least one rung; the first computes nothing again, the last everything. */
export function ladderOf(
  region: Region,
  { keeps, flopBytes = 1 }: Omit<Checkpointing, "shares">,
): readonly Rung[] {
  const ask = (price: number): Rung => {
    const shares = [{ layers: Infinity, every: 1, price }];
    const policy = policyOf({ shares, ...(keeps === undefined ? {} : { keeps }), flopBytes });
    let [bytes, work] = [0, 0];
    for (const pair of choosePairs(region, policy, 0)) {
      const { count } = readRepeat(pair.forward);
      bytes += count * pair.bytes;
      work += count * pair.again.reduce((sum, node) => sum + workOf(node, flopBytes), 0);
    }
    return { price, bytes, work };
  };
  const [most, least] = [ask(Infinity), ask(0)];
  const rungs = [most, least];
  const between = (a: Rung, b: Rung): void => {
    if (rungs.length >= MOST_RUNGS || a.bytes <= b.bytes || a.work >= b.work) return;
    const price = (a.bytes - b.bytes) / (b.work - a.work);
    const found = ask(price);
    const gain = a.bytes + price * a.work - (found.bytes + price * found.work);
    if (gain <= 1e-6 * a.bytes || found.bytes >= a.bytes || found.bytes <= b.bytes) return;
    rungs.push(found);
    between(a, found);
    between(found, b);
  };
  between(most, least);
  return rungs.toSorted((a, b) => b.bytes - a.bytes || a.work - b.work);
}
