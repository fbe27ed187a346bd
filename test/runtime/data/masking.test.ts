// Words are hidden by seed, epoch, row and position alone, in the shares asked for, and special tokens never.
import { expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import { hide, type Hiding } from "../../../runtime/data/masking.ts";
import { notLearned } from "../../../runtime/data/documents.ts";
import { layOut } from "../../../runtime/data/rows.ts";
import { document, documentsOf } from "./files.ts";

const hiding: Hiding = {
  share: 0.15,
  hidden: 0.8,
  exchanged: 0.1,
  mask: 4,
  vocabulary: 1000,
  isSpecial: (id) => id < 5,
};
const words = Int32Array.from({ length: 20_000 }, (_, at) => (at % 50 === 0 ? 2 : 5 + (at % 995)));
const place = { seed: 7, epoch: 0, row: 3 };

test("15 % of the words are learned; of these 80 % are hidden, 10 % exchanged, 10 % kept", () => {
  const { ids, labels } = hide(words, hiding, place);
  const chosen = [...labels.keys()].filter((at) => labels[at] !== notLearned);
  const share = (of: (at: number) => boolean): number => chosen.filter(of).length / chosen.length;
  expect(chosen.length / (words.length * 0.98)).toBeCloseTo(0.15, 2);
  expect(share((at) => ids[at] === hiding.mask)).toBeCloseTo(0.8, 1);
  expect(share((at) => ids[at] === words[at])).toBeCloseTo(0.1, 1);
  expect(chosen.every((at) => labels[at] === words[at] && (words[at] ?? 0) >= 5)).toBe(true);
  const others = [...labels.keys()].filter((at) => labels[at] === notLearned);
  expect(others.every((at) => ids[at] === words[at])).toBe(true);
});

test("another epoch, row or seed chooses others; a position's fate hangs on no other word", () => {
  const first = hide(words, hiding, place);
  expect(hide(words, hiding, place)).toEqual(first);
  for (const other of [
    { ...place, epoch: 1 },
    { ...place, row: 4 },
    { ...place, seed: 8 },
  ])
    expect(hide(words, hiding, other).labels).not.toEqual(first.labels);
  const begun = hide(words.slice(0, 100), hiding, place);
  expect([...begun.ids]).toEqual([...first.ids.subarray(0, 100)]);
});

test("rows are hidden alike in any batch; rows that say what is learned are taken as they are", () => {
  const plain = [0, 1, 2, 3].map((row) => document(Array.from({ length: 40 }, (_, at) => 10 + row + at)));
  const all = documentsOf(...plain, { ...document([9, 8, 7], [9, notLearned, 7]), given: true });
  const rows = layOut(all, { length: 40, layout: "one", learns: "labels" });
  const options = { length: 40, seed: 1, learns: "labels", hiding, shuffle: true } as const;
  const found = (size: number): Map<number, string> => {
    const source = batches(rows, { ...options, rows: size });
    return new Map(
      Array.from({ length: source.stepsPerEpoch }, (_, at) => source.at(at + 1)).flatMap((batch) =>
        [...batch.rows].flatMap((row, at): [number, string][] => {
          const part = (all: Int32Array | Uint32Array) => [...all.subarray(at * 40, (at + 1) * 40)].join();
          return row < 0 ? [] : [[row, `${part(batch.ids)} ${part(batch.targets)}`]];
        }),
      ),
    );
  };
  expect(found(1)).toEqual(found(3));
  const given = batches(rows, { ...options, shuffle: false, rows: 5 }).at(1);
  expect([...given.ids.subarray(160, 164)]).toEqual([9, 8, 7, 0]);
  expect([...given.targets.subarray(160, 164)]).toEqual([9, notLearned, 7, notLearned]);
});
