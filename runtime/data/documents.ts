// Goes in: documents as token ids and labels, one for each entry of a data file. Comes out: all of them, held compactly.
// Always: a label is -100 (nothing is learned there) or the token that stands there; documents keep the numbers of their entries, empty
// ones too, so that a choice of documents means the same however the file is read.

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

export interface Documents {
  readonly count: number;
  readonly size: (document: number) => number;
  /** Views of the positions `from` up to `to`, not to be written to. */
  readonly ids: (document: number, from: number, to: number) => Int32Array;
  readonly labels: (document: number, from: number, to: number) => Int32Array;
  /** -100 without one. */
  readonly class: (document: number) => number;
  readonly isGiven: (document: number) => boolean;
}

export interface DocumentsBuilder {
  readonly add: (document: Document) => void;
  readonly finish: () => Documents;
}

export function collectDocuments(): DocumentsBuilder {
  const ids = growing();
  const labels = growing();
  const starts = growing();
  const classes = growing();
  const given = growing();
  return {
    add: (document) => {
      starts.push(ids.size());
      classes.push(document.class ?? notLearned);
      given.push(document.given === true ? 1 : 0);
      ids.append(document.ids);
      labels.append(document.labels);
    },
    finish: () => {
      const count = starts.size();
      // One entry more than there are, so that the end of the last is found like the others.
      starts.push(ids.size());
      const [allIds, allLabels, start] = [ids.finish(), labels.finish(), starts.finish()];
      const [classOf, givenOf] = [classes.finish(), given.finish()];
      function begin(document: number): number {
        if (!(document >= 0 && document < count))
          throw new RangeError(`there is no document ${document} of ${count}`);
        return start[document] ?? 0;
      }
      return {
        count,
        size: (document) => (start[document + 1] ?? 0) - begin(document),
        ids: (document, from, to) => allIds.subarray(begin(document) + from, begin(document) + to),
        labels: (document, from, to) => allLabels.subarray(begin(document) + from, begin(document) + to),
        class: (document) => classOf[document] ?? notLearned,
        isGiven: (document) => givenOf[document] === 1,
      };
    },
  };
}

export interface Growing {
  readonly size: () => number;
  readonly push: (value: number) => void;
  readonly append: (values: Int32Array) => void;
  readonly finish: () => Int32Array;
}

/** A typed array that doubles: 4 bytes a number, where a plain array may take 8 or more. */
export function growing(): Growing {
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
