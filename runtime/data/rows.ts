// Goes in: documents, and how they become rows. Comes out: rows of at most `length` positions.
// Always: where targets are learned the first position of a document is not, since nothing comes before it; a document in a packed row
// is computed as if it were alone (its positions start at 0 and it sees only itself), so packing changes the time and the memory, not
// what a document means. Rows are made once: what is shuffled from epoch to epoch is their order.

import type { Learning } from "../../compiler/plan/plan.ts";
import { growing, notLearned, type Documents } from "./documents.ts";
import { firstFit } from "./first-fit.ts";

export interface Rows {
  readonly count: number;
  /** Positions of the longest row, room included. */
  readonly longest: number;
  /** Over all rows: positions, and labels that are learned, or classes. */
  readonly tokenCount: number;
  readonly learnedCount: number;
  /** Documents that lost their end because they were longer than a row. */
  readonly cutCount: number;
  /** Free positions in front of every document, which an adapter fills. */
  readonly room: number;
  /** Not to be written to. */
  readonly tokens: (row: number) => Int32Array;
  readonly labels: (row: number) => Int32Array;
  /** Whether the data itself says what is learned of the row, position by position. */
  readonly isGiven: (row: number) => boolean;
  /** The class of the row, -100 without one. */
  readonly class: (row: number) => number;
  /** Where the documents of the row begin in its tokens; [0] for a row that is one document. */
  readonly starts: (row: number) => Int32Array;
}

/**
 * How documents become rows. `one`: each is a row, cut at `length`. `pack`: whole ones share rows, each cut at `length` and put into the
 * first row that has room for it, in the order of the file. `stream`: rows are filled to the last position, a document runs on in the
 * next row, none loses its end.
 */
export type Layout = "one" | "pack" | "stream";

export interface LayoutOptions {
  /** Positions of a row, at most, beside the room for its first document. */
  readonly length: number;
  readonly layout: Layout;
  /** Default: the word after each position. */
  readonly learns?: Learning["kind"] | undefined;
  /** Default 0. */
  readonly room?: number;
  /** Numbers of the documents to take, rising; all of them if unsaid. */
  readonly only?: Uint32Array | undefined;
}

export function layOut(documents: Documents, options: LayoutOptions): Rows {
  const { length, layout, learns = "targets", room = 0 } = options;
  if (!Number.isSafeInteger(length) || length < 1)
    throw new RangeError(`a row has a length from 1, not ${length}`);
  if (learns === "classes" && layout !== "one") throw new RangeError("rows with a class are not packed");
  const all = options.only ?? Uint32Array.from({ length: documents.count }, (_, document) => document);
  const chosen = all.filter((document) => documents.size(document) > 0);
  const pieces = slicing();
  if (layout === "stream") stream(documents, chosen, { length, room }, pieces);
  else {
    const kept = (document: number): number => Math.min(length, documents.size(document));
    // Of a row the data says everywhere what is learned, or nowhere.
    const kinds =
      learns === "labels" && layout === "pack"
        ? [true, false].map((given) => chosen.filter((each) => documents.isGiven(each) === given))
        : [chosen];
    for (const kind of kinds) {
      if (layout === "one") for (const each of kind) pieces.put(true, each, 0, kept(each));
      else packed(kind, kept, { length, room }, pieces);
    }
  }
  const cutCount = layout === "stream" ? 0 : chosen.filter((each) => documents.size(each) > length).length;
  return rowsOf(documents, pieces.finish(), { learns, room, cutCount });
}

interface Slices {
  /** Each slice: a document, and from where to where of it. */
  readonly document: Int32Array;
  readonly from: Int32Array;
  readonly to: Int32Array;
  /** The first slice of each row, and how many slices there are in all. */
  readonly first: Int32Array;
}

interface Slicing {
  readonly put: (opensRow: boolean, document: number, from: number, to: number) => void;
  readonly finish: () => Slices;
}

function slicing(): Slicing {
  const [document, from, to, first] = [growing(), growing(), growing(), growing()];
  return {
    put: (opensRow, ...slice) => {
      if (opensRow) first.push(document.size());
      [document, from, to].forEach((list, at) => list.push(slice[at] ?? 0));
    },
    finish: () => {
      first.push(document.size());
      return {
        document: document.finish(),
        from: from.finish(),
        to: to.finish(),
        first: first.finish(),
      };
    },
  };
}

interface Capacity {
  readonly length: number;
  readonly room: number;
}

function stream(
  documents: Documents,
  chosen: Uint32Array,
  { length, room }: Capacity,
  { put }: Slicing,
): void {
  let left = 0;
  for (const each of chosen) {
    const size = documents.size(each);
    for (let from = 0; from < size;) {
      const opens = left <= room;
      if (opens) left = length + room;
      const to = Math.min(size, from + left - room);
      put(opens, each, from, to);
      left -= room + to - from;
      from = to;
    }
  }
}

function packed(
  chosen: Uint32Array,
  kept: (document: number) => number,
  { length, room }: Capacity,
  { put }: Slicing,
): void {
  const bins = firstFit(
    Int32Array.from(chosen, (each) => room + kept(each)),
    length + room,
  );
  // Sorting keeps the order of what is equal: a row's documents stand in the order of the file.
  const order = Uint32Array.from(chosen.keys()).toSorted((a, b) => (bins[a] ?? 0) - (bins[b] ?? 0) || a - b);
  let before = -1;
  for (const at of order) {
    const [each, bin] = [chosen[at] ?? 0, bins[at] ?? 0];
    put(bin !== before, each, 0, kept(each));
    before = bin;
  }
}

function rowsOf(
  documents: Documents,
  slices: Slices,
  { learns, room, cutCount }: { learns: Learning["kind"]; room: number; cutCount: number },
): Rows {
  const count = slices.first.length - 1;
  /** The slices of a row. */
  function range(row: number): readonly [number, number] {
    if (!(row >= 0 && row < count)) throw new RangeError(`there is no row ${row} of ${count}`);
    return [slices.first[row] ?? 0, slices.first[row + 1] ?? 0];
  }
  function each<T>(row: number, take: (document: number, from: number, to: number) => T): T[] {
    const [first, next] = range(row);
    return Array.from({ length: next - first }, (_, at) => {
      const slice = first + at;
      return take(slices.document[slice] ?? 0, slices.from[slice] ?? 0, slices.to[slice] ?? 0);
    });
  }
  function labels(row: number): Int32Array {
    const parts = each(row, documents.labels);
    const out = joined(parts);
    let start = 0;
    for (const part of parts) {
      if (learns === "targets") out[start] = notLearned;
      start += part.length;
    }
    return out;
  }
  const firstDocument = (row: number): number => slices.document[range(row)[0]] ?? 0;

  let [longest, tokenCount, learnedCount] = [0, 0, 0];
  for (let row = 0; row < count; row += 1) {
    const sizes = each(row, (_, from, to) => to - from);
    const size = sizes.reduce((sum, one) => sum + one, 0);
    longest = Math.max(longest, size + room * sizes.length);
    tokenCount += size;
    for (const label of labels(row)) if (label !== notLearned) learnedCount += 1;
    if (documents.class(firstDocument(row)) !== notLearned) learnedCount += 1;
  }
  return {
    count,
    longest,
    tokenCount,
    learnedCount,
    cutCount,
    room,
    tokens: (row) => joined(each(row, documents.ids)),
    labels,
    isGiven: (row) => documents.isGiven(firstDocument(row)),
    class: (row) => documents.class(firstDocument(row)),
    starts: (row) => {
      let start = 0;
      return Int32Array.from(
        each(row, (_, from, to) => {
          start += to - from;
          return start - (to - from);
        }),
      );
    },
  };
}

/** A new array, the parts one after the other. */
function joined(parts: readonly Int32Array[]): Int32Array {
  const out = new Int32Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    out.set(part, at);
    at += part.length;
  }
  return out;
}
