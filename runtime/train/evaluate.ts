// The loss on held-out rows. Comes in: a session and the rows in batches of one micro-batch. Goes out: the summed loss and the
// number of targets, for one division at the end, so that neither batch size nor padding enters the result; and how well classes are
// predicted, where the plan predicts them.
// Holds: rows come in the order of the file; sums are in float64; a batch that learns nothing costs nothing; aborted, there is no result.
import type { Batches } from "../data/batches.ts";
import { notLearned } from "../data/documents.ts";
import { writeMicro, writeRank, type Feeding } from "./feed.ts";
import { countClasses, type ClassMetrics } from "./metrics.ts";

export interface Evaluated {
  readonly total: number;
  readonly targets: number;
  readonly metrics: ClassMetrics | undefined;
  /** The rank that was asked for. */
  readonly rank?: number;
}

/** At each of several ranks, one after the other; without any, at the largest. Progress counts the batches of all of them. */
export async function evaluateRanks(
  session: Feeding,
  held: Batches,
  ranks: readonly number[],
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<readonly Evaluated[] | undefined> {
  const wanted = ranks.length === 0 ? [undefined] : ranks;
  const found: Evaluated[] = [];
  for (const [index, rank] of wanted.entries()) {
    const progress = (done: number, total: number): void =>
      onProgress(index * total + done, wanted.length * total);
    const evaluated = await evaluateRows(session, held, progress, signal, rank);
    if (evaluated === undefined) return undefined;
    found.push(evaluated);
  }
  return found;
}

/** At a rank; at the largest if none is said, where the plan has a range of them. */
export async function evaluateRows(
  session: Feeding,
  held: Batches,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
  rank?: number,
): Promise<Evaluated | undefined> {
  await writeRank(session, rank);
  const { rows } = session.plan.job;
  const predicts = session.find("predictions") !== undefined;
  const classes = countClasses();
  let total = 0;
  let targets = 0;
  let pending: Promise<readonly Float32Array[]> | undefined;
  let evaluated: Int32Array = new Int32Array();
  const settle = async (): Promise<void> => {
    if (pending === undefined) return;
    const [loss, predictions] = await pending;
    total += loss?.[0] ?? Number.NaN;
    predictions?.forEach((predicted, row) => {
      const actual = evaluated[row] ?? notLearned;
      if (actual >= 0) classes.add(actual, predicted);
    });
    pending = undefined;
  };
  for (let step = 1; step <= held.stepsPerEpoch; step += 1) {
    if (signal?.aborted === true) return undefined;
    const batch = held.at(step);
    if (batch.learned > 0) {
      await writeMicro(session, batch, 0, rows);
      await session.run("evaluate");
      // The device works on this batch while the one before it is read.
      const reading = Promise.all(
        ["evaluation", ...(predicts ? ["predictions"] : [])].map((name) => session.read(name)),
      );
      reading.catch(() => undefined);
      await settle();
      pending = reading;
      evaluated = batch.targets;
      targets += batch.learned;
    }
    onProgress(step, held.stepsPerEpoch);
  }
  await settle();
  return { total, targets, metrics: classes.metrics(), ...(rank !== undefined && { rank }) };
}
