// Every step's batch follows from the rows, the options and the step; every epoch uses every row once.
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { batches, type Batch } from "../../../runtime/data/batches.ts";
import { layOut } from "../../../runtime/data/rows.ts";
import { permutation } from "../../../runtime/data/shuffle.ts";
import { document, documentsOf, rowsOf } from "./files.ts";

const plain = { rows: 2, length: 6, seed: 0, shuffle: false, padding: 9 };

function rowOf(batch: Batch, row: number): Record<"ids" | "targets" | "positions" | "segments", number[]> {
  const length = batch.ids.length / batch.rows.length;
  const cut = (all: Uint32Array | Int32Array) => Array.from(all.subarray(row * length, (row + 1) * length));
  return {
    ids: cut(batch.ids),
    targets: cut(batch.targets),
    positions: cut(batch.positions),
    segments: cut(batch.segments),
  };
}

describe("a batch", () => {
  test("shifts the labels by one and pads", () => {
    const documents = documentsOf(document([1, 2, 3, 4], [-100, -100, 3, 4]), document([5, 6, 7, 8, 1, 2]));
    const batch = batches(layOut(documents, { length: 6, layout: "one" }), plain).at(1);
    expect(rowOf(batch, 0)).toEqual({
      ids: [1, 2, 3, 4, 9, 9],
      targets: [-100, 3, 4, -100, -100, -100],
      positions: [0, 1, 2, 3, 4, 5],
      segments: [1, 1, 1, 1, 0, 0],
    });
    expect(rowOf(batch, 1)).toEqual({
      ids: [5, 6, 7, 8, 1, 2],
      targets: [6, 7, 8, 1, 2, -100],
      positions: [0, 1, 2, 3, 4, 5],
      segments: [1, 1, 1, 1, 1, 1],
    });
    expect([batch.epoch, batch.learned, batch.tokens, ...batch.rows]).toEqual([0, 7, 10, 0, 1]);
  });

  test("keeps the documents of a packed row apart", () => {
    const documents = documentsOf(document([1, 2, 3]), document([4, 5]));
    const rows = layOut(documents, { length: 6, layout: "pack" });
    const batch = batches(rows, { ...plain, rows: 1 }).at(1);
    expect(rowOf(batch, 0)).toEqual({
      ids: [1, 2, 3, 4, 5, 9],
      targets: [2, 3, -100, 5, -100, -100],
      positions: [0, 1, 2, 0, 1, 2],
      segments: [1, 1, 1, 2, 2, 0],
    });
    expect([batch.learned, batch.tokens]).toEqual([3, 5]);
  });

  test("leaves room in front of every document, which counts as no token and learns nothing", () => {
    const documents = documentsOf(document([1, 2, 3]), document([4, 5]), document([6]));
    const rows = layOut(documents, { length: 6, layout: "pack", room: 2 });
    expect([rows.count, rows.longest, rows.tokenCount, rows.learnedCount]).toEqual([2, 8, 6, 3]);
    const batch = batches(rows, { ...plain, length: 8 }).at(1);
    expect(rowOf(batch, 0)).toEqual({
      ids: [9, 9, 1, 2, 3, 9, 9, 6],
      targets: [-100, -100, 2, 3, -100, -100, -100, -100],
      positions: [0, 1, 2, 3, 4, 0, 1, 2],
      segments: [1, 1, 1, 1, 1, 2, 2, 2],
    });
    expect(rowOf(batch, 1)).toEqual({
      ids: [9, 9, 4, 5, 9, 9, 9, 9],
      targets: [-100, -100, 5, -100, -100, -100, -100, -100],
      positions: [0, 1, 2, 3, 4, 5, 6, 7],
      segments: [1, 1, 1, 1, 0, 0, 0, 0],
    });
    expect([batch.learned, batch.tokens]).toEqual([3, 6]);
  });

  test("that is the last of its epoch is filled with rows that learn nothing", () => {
    const all = batches(rowsOf([2, 3, 2], 6), plain);
    expect(all.stepsPerEpoch).toBe(2);
    const last = all.at(2);
    expect([...last.rows]).toEqual([2, -1]);
    expect(rowOf(last, 1)).toEqual({
      ids: [9, 9, 9, 9, 9, 9],
      targets: [-100, -100, -100, -100, -100, -100],
      positions: [0, 1, 2, 3, 4, 5],
      segments: [0, 0, 0, 0, 0, 0],
    });
    expect([last.learned, last.tokens]).toEqual([1, 2]);
    expect([...all.at(3).rows, all.at(3).epoch]).toEqual([0, 1, 1]);
  });

  test("of a step that is none, or too short for its rows, is refused", () => {
    const all = batches(rowsOf([2], 6), plain);
    for (const step of [0, -1, 1.5, NaN]) expect(() => all.at(step)).toThrow(RangeError);
    expect(() => batches(rowsOf([4], 6), { ...plain, length: 3 })).toThrow(
      /a row has 4 positions, the batch has 3/,
    );
    expect(() => batches(rowsOf([4], 6), { ...plain, rows: 0 })).toThrow(RangeError);
  });
});

describe("whatever the rows, the batch size and the seed", () => {
  const options = fc.record({
    lengths: fc.array(fc.integer({ min: 1, max: 7 }), { minLength: 1, maxLength: 23 }),
    size: fc.integer({ min: 1, max: 9 }),
    seed: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    shuffle: fc.boolean(),
    epoch: fc.nat(3),
  });

  test("an epoch holds each row once, whole, and counts what it holds", () => {
    fc.assert(
      fc.property(options, ({ lengths, size, seed, shuffle, epoch }) => {
        const data = rowsOf(lengths, 7);
        const all = batches(data, { rows: size, length: 7, seed, shuffle });
        expect(all.stepsPerEpoch).toBe(Math.ceil(lengths.length / size));
        const seen: number[] = [];
        let learned = 0;
        let tokens = 0;
        for (let i = 1; i <= all.stepsPerEpoch; i += 1) {
          const batch = all.at(epoch * all.stepsPerEpoch + i);
          expect(batch.epoch).toBe(epoch);
          learned += batch.learned;
          tokens += batch.tokens;
          expect(batch.learned).toBe(batch.targets.filter((t) => t !== -100).length);
          expect(batch.tokens).toBe(batch.segments.filter((s) => s > 0).length);
          for (const [slot, row] of batch.rows.entries()) {
            const { ids, targets, positions, segments } = rowOf(batch, slot);
            const count = row < 0 ? 0 : (lengths[row] ?? 0);
            if (row >= 0) seen.push(row);
            expect(positions).toEqual([0, 1, 2, 3, 4, 5, 6]);
            expect(segments).toEqual(positions.map((t) => (t < count ? 1 : 0)));
            expect(ids).toEqual(positions.map((t) => (t < count ? row * 1000 + t : 0)));
            expect(targets).toEqual(positions.map((t) => (t + 1 < count ? row * 1000 + t + 1 : -100)));
          }
        }
        const sorted = shuffle ? seen.toSorted((a, b) => a - b) : seen;
        expect(sorted).toEqual(lengths.map((_, i) => i));
        expect([tokens, learned]).toEqual([data.tokenCount, data.learnedCount]);
      }),
    );
  });

  test("a step's batch is the same after a restart, in any order of asking", () => {
    fc.assert(
      fc.property(
        options,
        fc.array(fc.integer({ min: 1, max: 40 })),
        ({ lengths, size, seed, shuffle }, steps) => {
          const make = () => batches(rowsOf(lengths, 7), { rows: size, length: 7, seed, shuffle });
          const running = make();
          for (const step of steps) expect(running.at(step)).toEqual(make().at(step));
        },
      ),
    );
  });
});

describe("the order of an epoch", () => {
  test("is a permutation", () => {
    fc.assert(
      fc.property(
        fc.nat(300),
        fc.nat({ max: Number.MAX_SAFE_INTEGER }),
        fc.nat(1000),
        (count, seed, epoch) => {
          const order = permutation(count, seed, epoch);
          expect(Array.from(order).toSorted((a, b) => a - b)).toEqual(
            Array.from({ length: count }, (_, i) => i),
          );
          expect(permutation(count, seed, epoch)).toEqual(order);
        },
      ),
    );
  });

  test("changes with the seed, with its upper half too, and with the epoch", () => {
    const orders = [
      [0, 0],
      [1, 0],
      [0, 1],
      [1, 1],
      [2 ** 32, 0],
      [2 ** 32 + 1, 0],
    ].map(([seed = 0, epoch = 0]) => permutation(50, seed, epoch).join());
    expect(new Set(orders).size).toBe(orders.length);
  });

  test("is what it was when runs were saved", () => {
    expect([...permutation(10, 7, 0)]).toEqual([2, 6, 9, 0, 1, 7, 5, 4, 3, 8]);
    expect([...permutation(10, 7, 1)]).toEqual([4, 9, 8, 1, 0, 7, 2, 5, 3, 6]);
  });

  test("puts every row everywhere about equally often", () => {
    const count = 6;
    const epochs = 6000;
    const at = Array.from({ length: count }, () => Array.from({ length: count }, () => 0));
    for (let epoch = 0; epoch < epochs; epoch += 1) {
      for (const [place, row] of permutation(count, 42, epoch).entries()) {
        const counts = at[row];
        if (counts !== undefined) counts[place] = (counts[place] ?? 0) + 1;
      }
    }
    // The expectation is 1000 with a standard deviation of 29; the draws are fixed, so this never flickers.
    for (const counts of at) for (const n of counts) expect(Math.abs(n - 1000)).toBeLessThan(130);
  });
});
