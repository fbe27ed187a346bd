// How many steps a duration is, and how rows are split.
import { expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import { totalSteps } from "../../../runtime/train/duration.ts";
import { rowsOf } from "./rows.ts";

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
