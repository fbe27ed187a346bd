// The training loop: batches in, log lines out. Comes in: a loaded session, the batches of every step, and how long to go on.
// Goes out: events, lines of the log, and how it ended.
// Holds: a step is either whole or not begun; the device counts updates itself, and a step that left no trace in its report stops the
// run, because a dropped submission leaves no other; while the device works on a step, the report of the one before is read. Where the
// loss is scaled the device may skip a step, and says so in the report; until that is read, two numbers of the next update are possible.
import type { ScalarExpression } from "../../compiler/ir/graph.ts";
import { evaluateScalar } from "../../compiler/plan/scalars.ts";
import type { Batch, Batches } from "../data/batches.ts";
import { evaluateRanks } from "./evaluate.ts";
import { runStep, writeScalars, type Feeding } from "./feed.ts";
import {
  evaluationLine,
  type EvaluationLine,
  type LogLine,
  type StepLine,
  type TrainEvent,
} from "./lines.ts";
import { drawnRanks, loggedRanks } from "./ranks.ts";

export interface TrainOptions {
  /** Batches of `plan.job.batch` rows of `plan.job.tokens` positions. */
  readonly batches: Batches;
  /** Steps in all. */
  readonly steps: number;
  readonly seed: number;
  /** The learning rate, for the log. */
  readonly rate: ScalarExpression | undefined;
  readonly evaluation?: Evaluation | undefined;
  readonly save?: Saving | undefined;
  readonly onEvent?: ((event: TrainEvent) => void) | undefined;
  readonly onLine?: ((line: LogLine) => Promise<void>) | undefined;
  /** Seconds from some moment on. */
  readonly clock: () => number;
  /** What the device really holds, as far as is known by now, for the log. */
  readonly deviceBytes?: (() => number | undefined) | undefined;
  /** Aborted: the step under way is finished, then saved; an evaluation is given up; before the first step this rejects. */
  readonly signal?: AbortSignal | undefined;
}

export interface Evaluation {
  /** Batches of `plan.job.rows` rows, not shuffled. */
  readonly batches: Batches;
  /** Steps between evaluations; undefined: only at the end. */
  readonly every: number | undefined;
  /** Also before the first step. */
  readonly first: boolean;
  /** Ranks to evaluate at, each on its own; the largest if there are none. */
  readonly ranks?: readonly number[];
}

export interface Saving {
  /** Steps between checkpoints; undefined: only when interrupted. */
  readonly every: number | undefined;
  /** Called between steps, when everything is on the device and nothing is under way. */
  readonly write: (position: Position) => Promise<void>;
}

/** Where a run stands: all that the host must know to go on. */
export interface Position {
  /** Steps done. */
  readonly step: number;
  /** Steps that were not skipped. */
  readonly updates: number;
}

export interface Trained extends Position {
  readonly ended: "done" | "interrupted";
  readonly steps: number;
  readonly last: StepLine | undefined;
  /** In order; the last is that of the trained model, if the run was not interrupted. */
  readonly evaluations: readonly EvaluationLine[];
}

/** The run cannot go on: the device did not do a step, or the numbers are no numbers any more. */
export class TrainingError extends Error {
  override readonly name = "TrainingError";
  readonly step: number;

  constructor(step: number, message: string) {
    super(`step ${step}: ${message}`);
    this.step = step;
  }
}

/** Steps in a row that are skipped with one loss scale, before the run is given up: the scale falls no further, or is fixed. */
const mostSkipped = 10;

interface Pending {
  readonly step: number;
  readonly batch: Batch;
  readonly rate: number | null;
  readonly rank: StepLine["rank"] | undefined;
  /** What the device says of the step, and when it was heard. */
  readonly report: Promise<{ readonly values: Float32Array; readonly at: number }>;
}

export async function train(session: Feeding, options: TrainOptions): Promise<Trained> {
  const { batches, steps, seed, clock, signal } = options;
  const emit = options.onEvent ?? (() => undefined);
  const write = options.onLine ?? (async () => undefined);
  const evaluations: EvaluationLine[] = [];
  /** Steps that the device is known to have counted. */
  let updates = 0;
  const scaled = isScaled(session);
  let skipped: { readonly scale: number; readonly times: number } | undefined;
  let last: StepLine | undefined;
  let pending: Pending | undefined;
  let before = clock();

  const tell = async (step: number, batch: Batch, now: number, values: StepValues) => {
    const bytes = options.deviceBytes?.();
    const held = bytes === undefined ? {} : { device_bytes: bytes };
    last = lineOf(step, step / batches.stepsPerEpoch, batch, { ...values, ...held }, now - before);
    before = now;
    await write(last);
    emit({ kind: "step", line: last, steps });
  };
  const settle = async (): Promise<void> => {
    const done = pending;
    pending = undefined;
    if (done === undefined) return;
    const { values, at } = await done.report;
    const [loss = Number.NaN, norm = Number.NaN, counted = Number.NaN, scale = 1, step = done.step] = values;
    const isSkipped = scaled && counted === updates;
    if (step !== done.step || (counted !== updates + 1 && !isSkipped))
      throw new TrainingError(
        done.step,
        `the device counts ${counted} updates where ${updates + 1} were given to it`,
      );
    if (!isSkipped && !(Number.isFinite(loss) && Number.isFinite(norm)))
      throw new TrainingError(
        done.step,
        `the loss is ${loss}, the gradient's norm ${norm}: training has diverged`,
      );
    updates = counted;
    skipped = isSkipped ? { scale, times: skipped?.scale === scale ? skipped.times + 1 : 1 } : undefined;
    if (skipped?.times === mostSkipped)
      throw new TrainingError(
        done.step,
        `${mostSkipped} steps in a row overflowed with a loss scale of ${scale}, which falls no further: the model's numbers are beyond the precision's range`,
      );
    const { rank } = done;
    await tell(done.step, done.batch, at, {
      loss: Number.isFinite(loss) ? loss : null,
      lr: done.rate,
      grad_norm: Number.isFinite(norm) ? norm : null,
      skipped: isSkipped,
      ...(rank !== undefined && { rank }),
      ...(scaled ? { loss_scale: scale } : {}),
    });
  };
  const evaluate = async (step: number): Promise<void> => {
    if (options.evaluation === undefined) return;
    await settle();
    const onProgress = (done: number, total: number): void => emit({ kind: "evaluating", done, total });
    const { batches: held, ranks = [] } = options.evaluation;
    const evaluated = await evaluateRanks(session, held, ranks, onProgress, signal);
    before = clock();
    if (evaluated === undefined) return;
    if (evaluated.some(({ targets }) => targets === 0)) {
      emit({ kind: "warning", message: "no position of the evaluation rows is learned: there is no loss" });
      return;
    }
    for (const each of evaluated) {
      const line = evaluationLine(step, each);
      evaluations.push(line);
      await write(line);
      emit({ kind: "evaluation", line });
    }
  };
  const doStep = async (step: number): Promise<void> => {
    const batch = batches.at(step);
    if (batch.learned === 0) {
      await settle();
      emit({ kind: "warning", message: `step ${step} is skipped: no position of its rows is learned` });
      await tell(step, batch, clock(), { loss: null, lr: null, grad_norm: null, skipped: true });
      return;
    }
    // With skipped steps the least that it can be: what depends on it is a table of the numbers from there.
    const update = updates + 1 + (scaled || pending === undefined ? 0 : 1);
    const numbers = { step, update, steps, targets: batch.learned, seed };
    const ranks = drawnRanks(session.plan.job, seed, step);
    await writeScalars(session, numbers, ranks);
    await runStep(session, batch, step);
    const report = session.read("report").then((values) => ({ values, at: clock() }));
    report.catch(() => undefined);
    const rate = options.rate === undefined ? null : evaluateScalar(options.rate, numbers);
    await settle();
    pending = { step, batch, rate, rank: loggedRanks(session.plan.job, ranks), report };
  };

  if (options.evaluation?.first === true) await evaluate(0);
  signal?.throwIfAborted();
  before = clock();
  for (let step = 1; step <= steps; step += 1) {
    await doStep(step);
    const isLast = step === steps;
    const isDue = isLast || step % (options.evaluation?.every ?? steps) === 0;
    if (isDue && (isLast || signal?.aborted !== true)) await evaluate(step);
    const stops = signal?.aborted === true && !isLast;
    if (stops || (options.save?.every !== undefined && step % options.save.every === 0)) {
      await settle();
      await options.save?.write({ step, updates });
      before = clock();
    }
    if (stops) return { ended: "interrupted", step, updates, steps, last, evaluations };
  }
  await settle();
  return { ended: "done", step: steps, updates, steps, last, evaluations };
}

/** Whether the plan multiplies the loss by a scale: then its reports of steps say so. */
function isScaled({ find }: Feeding): boolean {
  return (find("report")?.shape[0] ?? 0) > 3;
}

type StepValues = Pick<
  StepLine,
  "loss" | "lr" | "grad_norm" | "skipped" | "loss_scale" | "rank" | "device_bytes"
>;

function lineOf(
  step: number,
  epoch: number,
  { tokens, learned }: Batch,
  { loss, lr, grad_norm, ...rest }: StepValues,
  seconds: number,
): StepLine {
  return {
    step,
    epoch: rounded(epoch, 4),
    loss,
    lr,
    grad_norm,
    tokens,
    trained_tokens: learned,
    tokens_per_second: seconds > 0 ? rounded(tokens / seconds, 1) : 0,
    seconds: rounded(seconds, 6),
    ...rest,
  };
}

function rounded(value: number, digits: number): number {
  return Number(value.toFixed(digits));
}
