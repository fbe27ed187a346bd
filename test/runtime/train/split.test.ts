// A split puts every document with a token on one side, the same way each time, and nothing of the one side reaches the other.
import fc from "fast-check";
import { expect, test } from "vitest";
import { splitDocuments } from "../../../runtime/train/split.ts";
import { numbered } from "../data/files.ts";

test("a split hangs on the seed and the documents, and leaves neither side empty", () => {
  const lengths = fc.array(fc.nat(4), { minLength: 2, maxLength: 40 });
  const share = fc.double({ min: 1e-6, max: 1, maxExcluded: true, noNaN: true });
  fc.assert(
    fc.property(lengths, share, fc.nat({ max: Number.MAX_SAFE_INTEGER }), (sizes, part, seed) => {
      const filled = sizes.flatMap((size, document) => (size > 0 ? [document] : []));
      fc.pre(filled.length >= 2);
      const { train, held } = splitDocuments(numbered(sizes), part, seed);
      expect([...train, ...held].toSorted((a, b) => a - b)).toEqual(filled);
      expect([...train]).toEqual([...train].toSorted((a, b) => a - b));
      expect([...held]).toEqual([...held].toSorted((a, b) => a - b));
      const wanted = Math.round(filled.length * part);
      expect(held.length).toBe(Math.min(filled.length - 1, Math.max(1, wanted)));
      expect(splitDocuments(numbered(sizes), part, seed)).toEqual({ train, held });
    }),
  );
});

test("another seed splits otherwise, and none as it orders an epoch", () => {
  const documents = numbered(Array.from({ length: 100 }, () => 1));
  const held = [0, 1, 2 ** 40].map((seed) => splitDocuments(documents, 0.1, seed).held.join());
  expect(new Set(held).size).toBe(3);
});

test("what was held out when runs were saved is held out still", () => {
  const documents = numbered(Array.from({ length: 20 }, () => 1));
  expect([...splitDocuments(documents, 0.2, 7).held]).toMatchInlineSnapshot(`
    [
      9,
      13,
      15,
      19,
    ]
  `);
});
