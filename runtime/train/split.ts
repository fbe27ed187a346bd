// A data set in two. Comes in: documents and a share of them for evaluation. Goes out: the numbers of those to learn from and of those
// held out. Holds: every document with a token is in one of the two, before any are cut or packed, so no text is on both sides; the
// choice depends on the seed and on which documents there are, and nothing else.
import type { Documents } from "../data/documents.ts";
import { permutation } from "../data/shuffle.ts";

/** No epoch has this number, so that the split is no epoch's order. */
const splitting = 2 ** 40;

export interface Split {
  /** Rising. */
  readonly train: Uint32Array;
  readonly held: Uint32Array;
}

/** `share` is above 0 and below 1; each side has at least one document, where there are two. */
export function splitDocuments(documents: Documents, share: number, seed: number): Split {
  const all = Uint32Array.from({ length: documents.count }, (_, document) => document);
  const filled = all.filter((document) => documents.size(document) > 0);
  const count = Math.min(filled.length - 1, Math.max(1, Math.round(filled.length * share)));
  const order = permutation(filled.length, seed, splitting);
  const side = (from: number, to: number): Uint32Array =>
    order
      .slice(from, to)
      .toSorted()
      .map((at) => filled[at] ?? 0);
  return { held: side(0, count), train: side(count, filled.length) };
}
