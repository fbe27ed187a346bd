// The exact search against all placements of small problems, and on instances of google/minimalloc (Apache-2.0) within counted work.
import { readFileSync } from "node:fs";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { placeExactly } from "../../../compiler/plan/memory/exact-planner.ts";
import { exactSearch, type Attempt, type Rule } from "../../../compiler/plan/memory/exact.ts";
import { choosePlacement, placeInOrder } from "../../../compiler/plan/memory/planners.ts";
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
  const rules: readonly (readonly [string, Rule])[] = [
    ["the lowest first", "lowest"],
    ["tight moments first", { base: 1, ease: 1 / 32, low: 0, spread: 1 / 2 }],
    ["moments of failures first", { base: 0, ease: 0, low: 0, spread: 0 }],
    ["low and tight first", { base: 1, ease: 1 / 64, low: 1 / 16, spread: 0 }],
  ];
  test.each(rules)("%s: fits at the optimum and proves that nothing smaller fits", (_name, rule) => {
    fc.assert(
      fc.property(small, (given) => {
        const { intervals } = compressTimes({ intervals: given, limit });
        const search = exactSearch(intervals);
        const attempt = (capacity: number): Attempt => ({
          capacity,
          budget: 1e6,
          rule,
          ranks: intervals.map((_, index) => index),
          failures: new Float64Array(intervals.length),
        });
        const least = optimum(intervals);
        const found = search(attempt(least));
        expect(found.result).toBe("found");
        if (found.result === "found") {
          expect(clashes(intervals, found.offsets)).toBe(0);
          expect(search(attempt(least))).toEqual(found);
          expect(Math.max(...intervals.map(({ size }, index) => size + (found.offsets[index] ?? NaN)))).toBe(
            least,
          );
        }
        expect(search(attempt(least - 1)).result).toBe("none");
        // What earlier runs learnt moves the way to the answer, never the answer.
        const failures = Float64Array.from(intervals, (_, index) => (index * 7) % 5);
        expect(search({ ...attempt(least), failures }).result).toBe("found");
        expect(search({ ...attempt(least - 1), failures }).result).toBe("none");
      }),
      { numRuns: 60 },
    );
  });

  test("proves that no placement reaches a lower bound", () => {
    const intervals = [
      [2, 0, 0],
      [3, 0, 1],
      [1, 1, 2],
      [2, 2, 2],
      [1, 1, 3],
      [1, 2, 3],
      [3, 3, 4],
      [2, 4, 4],
    ].map(([size = 0, first = 0, last = 0]): Interval => ({ size, first, last }));
    expect(fullest(intervals).bytes).toBe(5);
    expect(optimum(intervals)).toBe(6);
    const search = exactSearch(intervals);
    for (const [, rule] of rules) {
      const ranks = intervals.map((_, index) => index);
      const attempt = { budget: 1e6, rule, ranks, failures: new Float64Array(5) };
      expect(search({ ...attempt, capacity: 5 }).result).toBe("none");
      expect(search({ ...attempt, capacity: 6 }).result).toBe("found");
    }
  });

  test("ends when its budget of nodes does", () => {
    const intervals = Array.from({ length: 12 }, (_, index): Interval => ({
      size: 3 + (index % 5),
      first: 0,
      last: 0,
    }));
    const search = exactSearch(intervals);
    const attempt = {
      rule: "lowest",
      ranks: intervals.map((_, index) => index),
      failures: new Float64Array(1),
    } as const;
    const { bytes } = fullest(intervals);
    expect(search({ ...attempt, capacity: bytes, budget: 5 }).result).toBe("exhausted");
    expect(search({ ...attempt, capacity: bytes, budget: 12 }).result).toBe("found");
    expect(search({ ...attempt, capacity: bytes - 1, budget: 1 }).result).toBe("none");
  });

  test("as a planner reaches the optimum of times that nothing joins, each for itself", () => {
    const twice = fc
      .tuple(small, small)
      .map(([early, late]): Interval[] => [
        ...early,
        ...late.map(({ size, first, last }) => ({ size, first: first + 20, last: last + 20 })),
      ]);
    fc.assert(
      fc.property(twice, (given) => {
        const problem = compressTimes({ intervals: given, limit });
        const order = given.map((_, index) => index);
        const placement = placeExactly(problem, placeInOrder(problem, order), 1e6);
        expect(clashes(given, placement.offsets)).toBe(0);
        const isEarly = ({ first }: Interval): boolean => first < 20;
        const best = [given.filter(isEarly), given.filter((interval) => !isEarly(interval))].map(optimum);
        expect(placement.bytes).toBe(Math.max(...best));
      }),
      { numRuns: 30 },
    );
  });

  test("leaves memory in several buffers to the others", () => {
    const intervals = [0, 1, 2].map((): Interval => ({ size: 6, first: 0, last: 0 }));
    const known = placeInOrder({ intervals, limit: 8 }, [0, 1, 2]);
    expect(placeExactly({ intervals, limit: 8 }, known, 1e4)).toBe(known);
  });

  // A, D and G take longer; `npm run bench:planner` measures all.
  test.each(["B", "C", "E", "F", "H"])("places minimalloc's %s within its capacity", (name) => {
    const file = new URL(`../../fixtures/minimalloc/${name}.1048576.csv`, import.meta.url);
    const given = readFileSync(file, "utf8")
      .trim()
      .split("\n")
      .slice(1)
      .map((row): Interval => {
        const [, first = 0, upper = 0, size = 0] = row.split(",").map(Number);
        return { size, first, last: upper - 1 };
      });
    const { placement } = choosePlacement({ intervals: given, limit }, undefined, 1e7);
    expect(clashes(given, placement.offsets)).toBe(0);
    expect(placement.bytes).toBeLessThanOrEqual(1_048_576);
  });
});
