// Goes in: documents as token ids and labels. Comes out: rows of at most `length` positions, held compactly.
// Always: a label is -100 (nothing is learned there) or the token that stands there; where targets are learned the first position of
// a document is not, since nothing comes before it; a document in a packed row is computed as if it were alone (its positions start at 0
// and it sees only itself), so packing changes the time and the memory, not what a document means.

import type { Learning } from "../../compiler/plan/plan.ts";

export const notLearned = -100;

export interface Document {
  readonly ids: Int32Array;
  /** Aligned with the ids; for a document with a class all -100. */
  readonly labels: Int32Array;
  /** From 0. */
  readonly class?: number;
  /** True where the data says what is learned, position by position. */
  readonly given?: boolean;
}

export interface Rows {
  readonly count: number;
  /** Positions of the longest row. */
  readonly longest: number;
  /** Over all rows: positions, and labels that are learned, or classes. */
  readonly tokenCount: number;
  readonly learnedCount: number;
  /** Documents that lost their end because they were longer than a row. */
  readonly cutCount: number;
  /** Views, not to be written to. */
  readonly tokens: (row: number) => Int32Array;
  readonly labels: (row: number) => Int32Array;
  /** Whether the data itself says what is learned of the row, position by position. */
  readonly isGiven: (row: number) => boolean;
  /** The class of the row, -100 without one. */
  readonly class: (row: number) => number;
  /** Where the documents of the row begin; [0] for a row that is one document. */
  readonly starts: (row: number) => Int32Array;
}

/**
 * How documents become rows. `one`: each is a row, cut at `length`. `pack`: as many whole ones as fit, in the order of the file,
 * each cut at `length`. `stream`: rows are filled to the last position, a document runs on in the next row, none loses its end.
 */
export type Layout = "one" | "pack" | "stream";

export interface RowsBuilder {
  readonly add: (document: Document) => void;
  readonly finish: () => Rows;
}

export function buildRows(length: number, layout: Layout, learns: Learning["kind"] = "targets"): RowsBuilder {
  if (learns === "classes" && layout !== "one") throw new RangeError("rows with a class are not packed");
  const ids = growing();
  const labels = growing();
  const classes = growing();
  const given = growing();
  /** Where each document begins in `ids`, and which document is the first of each row. */
  const documents = growing();
  const rows = growing();
  let used = 0;
  let longest = 0;
  let learnedCount = 0;
  let cutCount = 0;

  function put(document: Document, from: number, to: number): void {
    if (used === 0) {
      rows.push(documents.size());
      classes.push(document.class ?? notLearned);
      given.push(document.given === true ? 1 : 0);
      if (document.class !== undefined) learnedCount += 1;
    }
    documents.push(ids.size());
    ids.append(document.ids.subarray(from, to));
    const first = learns === "targets" ? 1 : 0;
    if (first === 1) labels.push(notLearned);
    const rest = document.labels.subarray(from + first, to);
    labels.append(rest);
    for (const label of rest) if (label !== notLearned) learnedCount += 1;
    used += to - from;
    longest = Math.max(longest, used);
  }

  return {
    add: (document) => {
      const size = document.ids.length;
      if (size === 0) return;
      if (layout === "stream") {
        for (let from = 0; from < size;) {
          if (used === length) used = 0;
          const to = Math.min(size, from + length - used);
          put(document, from, to);
          from = to;
        }
        return;
      }
      const kept = Math.min(size, length);
      if (kept < size) cutCount += 1;
      if (layout === "one" || used + kept > length) used = 0;
      put(document, 0, kept);
    },
    finish: () => {
      const allIds = ids.finish();
      const allLabels = labels.finish();
      const count = rows.size();
      // One entry more than there are, so that the end of the last is found like the others.
      rows.push(documents.size());
      documents.push(allIds.length);
      const documentStart = documents.finish();
      const rowFirst = rows.finish();
      const rowClass = classes.finish();
      const rowGiven = given.finish();

      function document(index: number): number {
        return documentStart[index] ?? 0;
      }
      function range(row: number): readonly [number, number] {
        if (!(row >= 0 && row < count)) throw new RangeError(`there is no row ${row} of ${count}`);
        return [rowFirst[row] ?? 0, rowFirst[row + 1] ?? 0];
      }
      function view(all: Int32Array, row: number): Int32Array {
        const [first, next] = range(row);
        return all.subarray(document(first), document(next));
      }
      return {
        count,
        longest,
        tokenCount: allIds.length,
        learnedCount,
        cutCount,
        tokens: (row) => view(allIds, row),
        labels: (row) => view(allLabels, row),
        isGiven: (row) => rowGiven[row] === 1,
        class: (row) => rowClass[row] ?? notLearned,
        starts: (row) => {
          const [first, next] = range(row);
          return documentStart.slice(first, next).map((start) => start - document(first));
        },
      };
    },
  };
}

interface Growing {
  readonly size: () => number;
  readonly push: (value: number) => void;
  readonly append: (values: Int32Array) => void;
  readonly finish: () => Int32Array;
}

/** A typed array that doubles: 4 bytes a number, where a plain array may take 8 or more. */
function growing(): Growing {
  let values = new Int32Array(1024);
  let size = 0;
  function reserve(more: number): void {
    if (size + more <= values.length) return;
    const larger = new Int32Array(Math.max(size + more, values.length * 2));
    larger.set(values);
    values = larger;
  }
  return {
    size: () => size,
    push: (value) => {
      reserve(1);
      values[size++] = value;
    },
    append: (more) => {
      reserve(more.length);
      values.set(more, size);
      size += more.length;
    },
    finish: () => values.slice(0, size),
  };
}
