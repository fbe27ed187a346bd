// The exact search against all placements of small problems, and on an instance of google/minimalloc within counted work.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placeExactly } from "../../../compiler/plan/memory/exact-planner.ts";
import { searchExactly } from "../../../compiler/plan/memory/exact.ts";
import { placeInOrder } from "../../../compiler/plan/memory/planners.ts";
import { compressTimes, fullest, type Interval } from "../../../compiler/plan/memory/problem.ts";

const limit = Number.MAX_SAFE_INTEGER;

function clashes(intervals: readonly Interval[], offsets: readonly number[]): number {
  let found = 0;
  intervals.forEach((a, i) => {
    intervals.slice(0, i).forEach((b, j) => {
      const [low, high] = [offsets[i] ?? NaN, offsets[j] ?? NaN];
      const apart = a.last < b.first || b.last < a.first || low + a.size <= high || high + b.size <= low;
      if (!apart) found += 1;
    });
  });
  return found;
}

/** The least height over first fit in every order: the best placement pushed down is one of them. */
function optimum(intervals: readonly Interval[]): number {
  let best = Infinity;
  const visit = (order: readonly number[]): void => {
    if (order.length === intervals.length)
      best = Math.min(best, placeInOrder({ intervals, limit }, order).bytes);
    intervals.forEach((_, index) => {
      if (!order.includes(index)) visit([...order, index]);
    });
  };
  visit([]);
  return best;
}

const small = fc.array(
  fc
    .record({ size: fc.integer({ min: 1, max: 7 }), first: fc.nat(7), more: fc.nat(4) })
    .map(({ size, first, more }): Interval => ({ size, first, last: first + more })),
  { minLength: 1, maxLength: 6 },
);

describe("exact search", () => {
  test("fits at the optimum and proves that nothing smaller fits", () => {
    fc.assert(
      fc.property(small, (given) => {
        const { intervals } = compressTimes({ intervals: given, limit });
        const order = intervals.map((_, index) => index);
        const least = optimum(intervals);
        const search = searchExactly(intervals, order, least, 1e6);
        expect(search.result).toBe("found");
        if (search.result === "found") {
          expect(clashes(intervals, search.offsets)).toBe(0);
          expect(searchExactly(intervals, order, least, 1e6)).toEqual(search);
        }
        expect(searchExactly(intervals, order, least - 1, 1e6).result).toBe("none");
      }),
      { numRuns: 60 },
    );
  });

  test("places minimalloc's C at its lower bound", () => {
    const file = new URL("../../fixtures/minimalloc/C.1048576.csv", import.meta.url);
    const given = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((row): Interval => {
        const [, first = 0, upper = 0, size = 0] = row.split(",").map(Number);
        return { size, first, last: upper - 1 };
      });
    const problem = compressTimes({ intervals: given, limit });
    const known = placeInOrder(
      problem,
      given.map((_, index) => index),
    );
    const placement = placeExactly(problem, known, 3e7);
    expect(clashes(given, placement.offsets)).toBe(0);
    expect(placement.bytes).toBe(fullest(given).bytes);
  });
});
