// Some rows of a data set as a data set of their own. Comes in: rows and a share of them for evaluation. Goes out: the rows to
// learn from and the rows held out. Holds: every row is in one of the two; the choice depends on the seed and nothing else.
import { notLearned, type Rows } from "../data/rows.ts";
import { permutation } from "../data/shuffle.ts";

/** No epoch has this number, so that the split is no epoch's order. */
const splitting = 2 ** 40;

/** `share` is above 0 and below 1; each side has at least one row, where there are two. */
export function splitRows(
  rows: Rows,
  share: number,
  seed: number,
): { readonly train: Rows; readonly held: Rows } {
  const count = Math.min(rows.count - 1, Math.max(1, Math.round(rows.count * share)));
  const order = permutation(rows.count, seed, splitting);
  const side = (from: number, to: number): Rows => subset(rows, order.slice(from, to).toSorted());
  return { held: side(0, count), train: side(count, rows.count) };
}

function subset(rows: Rows, chosen: Uint32Array): Rows {
  const row = (index: number): number => {
    const found = chosen[index];
    if (found === undefined) throw new RangeError(`there is no row ${index} of ${chosen.length}`);
    return found;
  };
  let [longest, tokenCount, learnedCount] = [0, 0, 0];
  for (const each of chosen) {
    const labels = rows.labels(each);
    longest = Math.max(longest, labels.length);
    tokenCount += labels.length;
    for (const label of labels) if (label !== notLearned) learnedCount += 1;
    if (rows.class(each) !== notLearned) learnedCount += 1;
  }
  return {
    count: chosen.length,
    longest,
    tokenCount,
    learnedCount,
    cutCount: rows.cutCount,
    tokens: (index) => rows.tokens(row(index)),
    labels: (index) => rows.labels(row(index)),
    class: (index) => rows.class(row(index)),
    isGiven: (index) => rows.isGiven(row(index)),
    starts: (index) => rows.starts(row(index)),
  };
}
