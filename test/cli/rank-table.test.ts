// Evaluations at several ranks as a table, and the rank that it marks.
import { expect, test } from "vitest";
import { bestRank, rankTable } from "../../runtime/cli/rank-table.ts";

const line = (rank: number, eval_loss: number) => ({
  rank,
  eval_loss,
  perplexity: Math.exp(eval_loss),
  eval_tokens: 100,
});

test("the smallest rank within 1 % of the lowest loss is marked", () => {
  const lines = [line(8, 2), line(1, 3), line(2, 2.021), line(4, 2.019)];
  expect(bestRank(lines)).toBe(4);
  expect(rankTable(lines)).toEqual([
    "rank    loss  perplexity  from 2.0000 to 3.0000",
    "   1  3.0000       20.09  ################################",
    "   2  2.0210       7.546  ##",
    "   4  2.0190       7.531  ##  <- best",
    "   8  2.0000       7.389  #",
    "best: 4, the smallest rank whose loss is within 1 % of the lowest",
  ]);
});

test("one rank, equal losses and a perplexity beyond numbers", () => {
  expect(rankTable([{ ...line(16, 900), perplexity: null }, line(1, 900)]).slice(1, 3)).toEqual([
    "   1  900.0000    Infinity  #  <- best",
    "  16  900.0000           –  #",
  ]);
});
