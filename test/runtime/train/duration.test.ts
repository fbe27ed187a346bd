// How many steps a duration is, and how rows are split.
import { expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import { totalSteps } from "../../../runtime/train/duration.ts";
import { splitRows } from "../../../runtime/train/split.ts";
import { none, rowsOf } from "./rows.ts";

const rows = rowsOf([[1, 2, 3]], [[4]], [[5, 6]], [[7, 8]], [[9, 10]]);
const data = batches(rows, { rows: 2, length: 3, seed: 1, shuffle: false });

test.each([
  ["steps", 7, 7],
  ["epochs", 2, 6],
  ["epochs", 0.5, 2],
  // An epoch is 4 + 4 + 2 tokens.
  ["tokens", 1, 1],
  ["tokens", 4, 1],
  ["tokens", 5, 2],
  ["tokens", 10, 3],
  ["tokens", 25, 8],
] as const)("%s: %d is %d steps", (kind, count, steps) => {
  expect(totalSteps({ kind, count }, data, rows.tokenCount)).toBe(steps);
});

test("a split puts every row on one side, the same way each time", () => {
  const all = rowsOf(...Array.from({ length: 10 }, (_, row) => [[row, row]] as const), [
    [10, 10, 10],
    [none, none, none],
  ]);
  const { train, held } = splitRows(all, 0.3, 5);
  expect([train.count, held.count]).toEqual([8, 3]);
  const firsts = [train, held].flatMap((side) =>
    Array.from({ length: side.count }, (_, row) => side.tokens(row)[0] ?? -1),
  );
  expect(firsts.toSorted((a, b) => a - b)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  expect(train.tokenCount + held.tokenCount).toBe(all.tokenCount);
  expect(train.learnedCount + held.learnedCount).toBe(all.learnedCount);
  expect([...splitRows(all, 0.3, 5).held.tokens(0)]).toEqual([...held.tokens(0)]);
  expect(splitRows(all, 0.001, 5).held.count).toBe(1);
  expect(splitRows(all, 0.999, 5).train.count).toBe(1);
  expect(() => held.tokens(3)).toThrow(RangeError);
});
