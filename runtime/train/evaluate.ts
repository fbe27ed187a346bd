// The loss on held-out rows. Comes in: a session and the rows in batches of one micro-batch. Goes out: the summed loss and the
// number of targets, for one division at the end, so that neither batch size nor padding enters the result.
// Holds: rows come in the order of the file; sums are in float64; a batch that learns nothing costs nothing; aborted, there is no result.
import type { Batches } from "../data/batches.ts";
import { writeMicro, type Feeding } from "./feed.ts";

export interface Evaluated {
  readonly total: number;
  readonly targets: number;
}

export async function evaluateRows(
  session: Feeding,
  held: Batches,
  onProgress: (done: number, total: number) => void,
  signal: AbortSignal | undefined,
): Promise<Evaluated | undefined> {
  const { rows, tokens } = session.plan.job;
  let total = 0;
  let targets = 0;
  let pending: Promise<Float32Array> | undefined;
  const settle = async (): Promise<void> => {
    if (pending !== undefined) total += (await pending)[0] ?? Number.NaN;
    pending = undefined;
  };
  for (let step = 1; step <= held.stepsPerEpoch; step += 1) {
    if (signal?.aborted === true) return undefined;
    const batch = held.at(step);
    if (batch.learned > 0) {
      await writeMicro(session, batch, 0, rows * tokens);
      session.run("evaluate");
      // The device works on this batch while the one before it is read.
      const reading = session.read("evaluation");
      reading.catch(() => undefined);
      await settle();
      pending = reading;
      targets += batch.learned;
    }
    onProgress(step, held.stepsPerEpoch);
  }
  await settle();
  return { total, targets };
}
