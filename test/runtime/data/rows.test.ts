// However documents become rows, nothing of them is lost that fits, and each stands in its row as it would alone.
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { notLearned, type Documents } from "../../../runtime/data/documents.ts";
import { firstFit } from "../../../runtime/data/first-fit.ts";
import { layOut, type Layout, type Rows } from "../../../runtime/data/rows.ts";
import { document, documentsOf, numbered } from "./files.ts";

/** The documents, or parts of documents, of all rows. */
function parts(rows: Rows): { row: number; ids: number[]; labels: number[] }[] {
  return Array.from({ length: rows.count }, (_, row) => {
    const [ids, labels, starts] = [rows.tokens(row), rows.labels(row), [...rows.starts(row)]];
    return starts.map((start, at) => ({
      row,
      ids: [...ids.subarray(start, starts[at + 1])],
      labels: [...labels.subarray(start, starts[at + 1])],
    }));
  }).flat();
}

describe("first-fit", () => {
  const given = fc.integer({ min: 1, max: 30 }).chain((capacity) =>
    fc.record({
      capacity: fc.constant(capacity),
      sizes: fc.array(fc.integer({ min: 1, max: capacity }), { maxLength: 60 }),
    }),
  );

  test("is what looking through all bins in order finds", () => {
    fc.assert(
      fc.property(given, ({ capacity, sizes }) => {
        const room: number[] = [];
        const expected = sizes.map((size) => {
          const found = room.findIndex((left) => left >= size);
          const bin = found < 0 ? room.push(capacity) - 1 : found;
          room[bin] = (room[bin] ?? 0) - size;
          return bin;
        });
        expect([...firstFit(Int32Array.from(sizes), capacity)]).toEqual(expected);
        expect(room.filter((left) => left > capacity / 2).length).toBeLessThanOrEqual(1);
      }),
    );
  });

  test("refuses what fits nowhere", () => {
    expect(() => firstFit(Int32Array.of(4), 3)).toThrow("4 does not fit a bin that holds 3");
    expect(() => firstFit(Int32Array.of(0), 3)).toThrow(RangeError);
  });
});

describe("whatever the documents", () => {
  const options = fc.record({
    sizes: fc.array(fc.nat(9), { maxLength: 30 }),
    length: fc.integer({ min: 1, max: 12 }),
    room: fc.nat(3),
    layout: fc.constantFrom<Layout[]>("one", "pack", "stream"),
  });

  test("rows hold them whole or cut at the length, counted", () => {
    fc.assert(
      fc.property(options, ({ sizes, length, room, layout }) => {
        const rows = layOut(numbered(sizes), { length, layout, room });
        const found = parts(rows);
        for (const { ids, labels } of found) expect(labels).toEqual([notLearned, ...ids.slice(1)]);
        const all = sizes.map((size, row) => Array.from({ length: size }, (_, t) => row * 1000 + t));
        if (layout === "stream") expect(found.flatMap(({ ids }) => ids)).toEqual(all.flat());
        else {
          const cut = all.map((ids) => ids.slice(0, length)).filter((ids) => ids.length > 0);
          const sorted = found.map(({ ids }) => ids).toSorted((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
          expect(sorted).toEqual(cut);
          expect(rows.cutCount).toBe(sizes.filter((size) => size > length).length);
        }
        const used = Array.from({ length: rows.count }, (_, row) => {
          const own = found.filter((each) => each.row === row);
          return own.reduce((sum, { ids }) => sum + room + ids.length, 0);
        });
        expect(rows.longest).toBe(Math.max(0, ...used));
        expect(rows.longest).toBeLessThanOrEqual(length + room);
        expect(rows.tokenCount).toBe(found.reduce((sum, { ids }) => sum + ids.length, 0));
        expect(rows.learnedCount).toBe(found.reduce((sum, { ids }) => sum + ids.length - 1, 0));
        // A stream leaves no position free that a token could take, but in its last row.
        if (layout === "stream")
          for (const each of used.slice(0, -1)) expect(length + room - each).toBeLessThanOrEqual(room);
      }),
    );
  });

  test("a choice of them is the rows of those alone", () => {
    fc.assert(
      fc.property(options, fc.infiniteStream(fc.boolean()), ({ sizes, length, layout }, picks) => {
        const taken = sizes.map(() => picks.next().value === true);
        const only = Uint32Array.from(sizes.flatMap((_, at) => (taken[at] === true ? [at] : [])));
        const some = layOut(numbered(sizes), { length, layout, only });
        const alone = layOut(numbered(sizes.map((size, at) => (taken[at] === true ? size : 0))), {
          length,
          layout,
        });
        expect(parts(some)).toEqual(parts(alone));
      }),
    );
  });
});

test("documents that say what is learned share no row with those that do not, where words are hidden", () => {
  const [given, plain] = [{ ...document([1, 2]), given: true }, document([3, 4])];
  const mixed: Documents = documentsOf(given, plain, given, plain);
  const rows = layOut(mixed, { length: 9, layout: "pack", learns: "labels" });
  expect([0, 1].map((row) => [rows.isGiven(row), [...rows.tokens(row)]])).toEqual([
    [true, [1, 2, 1, 2]],
    [false, [3, 4, 3, 4]],
  ]);
  expect(layOut(mixed, { length: 9, layout: "pack" }).count).toBe(1);
});

test("rows with a class are not packed", () => {
  expect(() => layOut(numbered([1]), { length: 2, layout: "pack", learns: "classes" })).toThrow(RangeError);
});
