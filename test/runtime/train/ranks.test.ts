// Ranks that are drawn: a function of seed, range and step, as often as the draw says.
import { expect, test } from "vitest";
import type { DrawnRank, RankDraw } from "../../../compiler/plan/plan.ts";
import { drawnRanks, isRank, loggedRanks, ranksAt } from "../../../runtime/train/ranks.ts";

const range = (draw: RankDraw, adapter = "a", last = 8): DrawnRank => ({
  name: `rank of ${adapter}`,
  adapter,
  first: 3,
  last,
  draw,
});

/** How often each rank comes up in so many steps. */
function counted(draw: RankDraw, steps: number): number[] {
  const job = { ranks: [range(draw)] };
  const counts = Array.from({ length: 6 }, () => 0);
  for (let step = 1; step <= steps; step += 1) {
    const rank = drawnRanks(job, 7, step)["rank of a"] ?? NaN;
    counts[rank - 3] = (counts[rank - 3] ?? NaN) + 1;
  }
  return counts;
}

test("a uniform draw gives every rank as often", () => {
  for (const count of counted({ kind: "uniform" }, 12_000)) expect(Math.abs(count - 2000)).toBeLessThan(200);
});

test("a geometric draw gives each rank less often than the one before, by its share", () => {
  const weights = Array.from({ length: 6 }, (_, i) => 0.7 ** i);
  const total = weights.reduce((sum, weight) => sum + weight);
  counted({ kind: "geometric", p: 0.3 }, 20_000).forEach((count, i) => {
    const wanted = ((weights[i] ?? NaN) / total) * 20_000;
    expect(Math.abs(count / wanted - 1)).toBeLessThan(0.1);
  });
});

test("a list is taken in turn", () => {
  const job = { ranks: [range({ kind: "listed", ranks: [8, 3, 5] })] };
  const drawn = [1, 2, 3, 4, 5].map((step) => drawnRanks(job, 1, step)["rank of a"]);
  expect(drawn).toEqual([8, 3, 5, 8, 3]);
});

test("a draw hangs on the seed, the range and the step, and on nothing else", () => {
  const job = { ranks: [range({ kind: "uniform" }, "a", 1000), range({ kind: "uniform" }, "b", 1000)] };
  const once = drawnRanks(job, 1, 1);
  expect(drawnRanks(job, 1, 1)).toEqual(once);
  expect(drawnRanks({ ranks: job.ranks.slice(1) }, 1, 1)["rank of b"]).toBe(once["rank of b"]);
  expect(once["rank of a"]).not.toBe(once["rank of b"]);
  expect(drawnRanks(job, 2, 1)).not.toEqual(once);
  expect(drawnRanks(job, 1, 2)).not.toEqual(once);
});

test("ranks that are wanted, and those that the log has", () => {
  const job = { ranks: [range({ kind: "uniform" }), range({ kind: "uniform" }, "b", 4)] };
  expect(ranksAt(job)).toEqual({ "rank of a": 8, "rank of b": 4 });
  expect(ranksAt(job, 6)).toEqual({ "rank of a": 6, "rank of b": 4 });
  expect(ranksAt(job, 1)).toEqual({ "rank of a": 3, "rank of b": 3 });
  expect([2, 3, 8, 9, 3.5].map((rank) => isRank(job, rank))).toEqual([false, true, true, false, false]);
  expect(loggedRanks(job, ranksAt(job))).toEqual({ a: 8, b: 4 });
  expect(loggedRanks({ ranks: job.ranks.slice(0, 1) }, ranksAt(job))).toBe(8);
  expect(loggedRanks({ ranks: [] }, {})).toBeUndefined();
});
