// Goes in: rows, and the shape and seed of the batches. Comes out: the batch of any step, without the ones before it.
// Always: a step's batch is a pure function of (rows, options, step), so the position in the data is the step and no more; an
// epoch uses every row exactly once; a short last batch is filled with rows that learn nothing.

import type { Learning } from "../../compiler/plan/plan.ts";
import { notLearned } from "./documents.ts";
import { hide, type Hiding } from "./masking.ts";
import type { Rows } from "./rows.ts";
import { permutation } from "./shuffle.ts";

export interface BatchOptions {
  /** B and T. */
  readonly rows: number;
  readonly length: number;
  readonly seed: number;
  /** Default true: each epoch in an order of its own. */
  readonly shuffle?: boolean;
  /** What stands where no token is: the config's pad_token_id, or 0. */
  readonly padding?: number;
  /** Default: the word after each position. */
  readonly learns?: Learning["kind"];
  /** Hides words of the rows whose data does not say what is learned, anew in each epoch, and learns those. */
  readonly hiding?: Hiding | undefined;
}

/** Arrays are row-major [B, T]; classes are [B]. */
export interface Batch {
  /** From 0. */
  readonly epoch: number;
  /** Which rows of the data these are, in order; -1 for a filling row. */
  readonly rows: Int32Array;
  readonly ids: Uint32Array<ArrayBuffer>;
  readonly learns: Learning["kind"];
  /**
   * What is learned, or -100: of each position the label of the next position of its document (targets) or its own (labels); of each
   * row its class (classes).
   */
  readonly targets: Int32Array<ArrayBuffer>;
  /** From 0 in each document, the room in front of it included; padding counts on, so every position is below T. */
  readonly positions: Uint32Array<ArrayBuffer>;
  /** Which document of its row a position belongs to, from 1; 0 is padding. */
  readonly segments: Uint32Array<ArrayBuffer>;
  /** Those that are not -100: the N that the step's loss is divided by. */
  readonly learned: number;
  /** Positions that are neither padding nor room in front of a document. */
  readonly tokens: number;
}

export interface Batches {
  readonly stepsPerEpoch: number;
  /** Steps count from 1 over the whole run, epoch after epoch. */
  readonly at: (step: number) => Batch;
}

export function batches(data: Rows, options: BatchOptions): Batches {
  const { rows: size, length, seed, shuffle = true, padding = 0, learns = "targets", hiding } = options;
  if (!(size >= 1) || !(length >= 1))
    throw new RangeError(`a batch of ${size} rows of ${length} positions is empty`);
  if (data.longest > length)
    throw new RangeError(`a row has ${data.longest} positions, the batch has ${length}`);
  const stepsPerEpoch = Math.ceil(data.count / size);
  let held: { readonly epoch: number; readonly order: Uint32Array } | undefined;

  /** The order is kept while the epoch lasts, only to save time. */
  function rowAt(epoch: number, index: number): number {
    if (index >= data.count) return -1;
    if (!shuffle) return index;
    if (held?.epoch !== epoch) held = { epoch, order: permutation(data.count, seed, epoch) };
    return held.order[index] ?? -1;
  }

  return {
    stepsPerEpoch,
    at: (step) => {
      if (!Number.isSafeInteger(step) || step < 1)
        throw new RangeError(`steps count from 1, ${step} is none`);
      const epoch = Math.floor((step - 1) / stepsPerEpoch);
      const first = ((step - 1) % stepsPerEpoch) * size;
      const rows = Int32Array.from({ length: size }, (_, i) => rowAt(epoch, first + i));
      const rowOf: RowOf = (row) => {
        const own = { ids: data.tokens(row), labels: data.labels(row) };
        return hiding === undefined || data.isGiven(row) ? own : hide(own.ids, hiding, { seed, epoch, row });
      };
      return { epoch, rows, learns, ...fill(data, rows, { length, padding, learns, rowOf }) };
    },
  };
}

type RowOf = (row: number) => { readonly ids: Int32Array; readonly labels: Int32Array };

interface Filling {
  readonly length: number;
  readonly padding: number;
  readonly learns: Learning["kind"];
  readonly rowOf: RowOf;
}

function fill(
  data: Rows,
  rows: Int32Array,
  { length, padding, learns, rowOf }: Filling,
): Omit<Batch, "epoch" | "rows" | "learns"> {
  const ids = new Uint32Array(rows.length * length).fill(padding);
  const targets = new Int32Array(rows.length * (learns === "classes" ? 1 : length)).fill(notLearned);
  const positions = new Uint32Array(rows.length * length);
  const segments = new Uint32Array(rows.length * length);
  let learned = 0;
  let tokens = 0;
  for (const [i, row] of rows.entries()) {
    const base = i * length;
    const filled = row < 0 ? { tokens: 0, used: 0 } : putRow(row, base);
    tokens += filled.tokens;
    if (learns === "classes" && row >= 0) targets[i] = data.class(row);
    for (let t = filled.used; t < length; t += 1)
      positions[base + t] = t === 0 ? 0 : (positions[base + t - 1] ?? 0) + 1;
  }
  for (const target of targets) if (target !== notLearned) learned += 1;
  return { ids, targets, positions, segments, learned, tokens };

  function putRow(row: number, base: number): Filled {
    const { ids: own, labels } = rowOf(row);
    const starts = data.starts(row);
    // The first label of a document is never a target, so no position predicts into the next document.
    const next = learns === "targets" ? 1 : 0;
    let at = base;
    for (const [index, start] of starts.entries()) {
      const end = starts[index + 1] ?? own.length;
      const whole = data.room + end - start;
      for (let t = 0; t < whole; t += 1) {
        segments[at + t] = index + 1;
        positions[at + t] = t;
      }
      at += data.room;
      ids.set(own.subarray(start, end), at);
      if (learns !== "classes")
        for (let t = start; t < end; t += 1) targets[at + t - start] = labels[t + next] ?? notLearned;
      at += end - start;
    }
    return { tokens: own.length, used: at - base };
  }
}

interface Filled {
  readonly tokens: number;
  /** Positions that are not padding. */
  readonly used: number;
}
