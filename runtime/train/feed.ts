// What the host gives a plan each step: a batch in micro-batches, and the scalars that depend on the step.
// Comes in: a batch and the step's numbers. Goes out: variables written, in the order in which programs will read them.
// Holds: a variable that no program of the plan uses is not there, and not written.
import { evaluateScalar } from "../../compiler/plan/scalars.ts";
import type { Batch } from "../data/batches.ts";
import type { Session } from "../launch/session.ts";
import { ranksAt, type Ranks } from "./ranks.ts";

/** What scalar expressions are made of. A type, not an interface: expressions look numbers up by name. */
export type StepNumbers = {
  /** From 1. */
  readonly step: number;
  /** The number of the update that this step makes, if it is not skipped; from 1. */
  readonly update: number;
  /** In all. */
  readonly steps: number;
  /** Learned targets of the whole batch. */
  readonly targets: number;
  readonly seed: number;
};

/** The part of a session that training uses. */
export type Feeding = Pick<Session, "plan" | "find" | "write" | "run" | "read">;

/** `ranks`: those that the step has drawn. */
export async function writeScalars(session: Feeding, step: StepNumbers, ranks: Ranks): Promise<void> {
  const slots = session.find("scalars")?.shape[0];
  if (slots === undefined) return;
  const numbers = { ...step, ...ranks };
  const values = new Float32Array(slots);
  session.plan.scalars.forEach(({ expression }, slot) => {
    values[slot] = evaluateScalar(expression, numbers);
  });
  await session.write("scalars", values);
}

/**
 * Puts a session outside of steps at a rank (at its largest where none is wanted): for evaluation, decoding and whatever else runs the model
 * as it is. The next step writes its own.
 */
export async function writeRank(session: Feeding, rank?: number): Promise<void> {
  const { job } = session.plan;
  // Nothing else that these programs read hangs on the step.
  const none = { step: 1, update: 1, steps: 1, targets: 1, seed: 0 };
  if (job.ranks.length > 0) await writeScalars(session, none, ranksAt(job, rank));
}

/** Runs the programs of one step on a batch, in the plan's order. */
export async function runStep(session: Feeding, batch: Batch, step: number): Promise<void> {
  const { rows, batch: perStep } = session.plan.job;
  const learned = learnedTargets(batch, rows);
  // What learns nothing adds nothing: the filling rows of a short last batch are not computed.
  const micros = [...learned.keys()].filter((micro) => learned[micro] !== 0);
  for (const { program, each } of session.plan.step) {
    if (each === "step") {
      await session.run(program);
      continue;
    }
    for (const micro of micros) {
      await writeMicro(session, batch, micro, rows);
      if (session.find("samples") !== undefined)
        await session.write("samples", Uint32Array.of((step - 1) * perStep + micro * rows));
      await session.run(program);
    }
  }
}

/** The learned targets of each micro-batch of `rows` rows. */
function learnedTargets({ targets, rows: all }: Batch, rows: number): number[] {
  const perMicro = (targets.length / all.length) * rows;
  const counts: number[] = [];
  for (let begin = 0; begin < targets.length; begin += perMicro) {
    let learned = 0;
    for (let at = begin; at < begin + perMicro; at += 1) if ((targets[at] ?? -1) >= 0) learned += 1;
    counts.push(learned);
  }
  return counts;
}

/** Micro-batch `micro` of a batch, `rows` rows: what the plan's programs read of it. */
export async function writeMicro(session: Feeding, batch: Batch, micro: number, rows: number): Promise<void> {
  const { ids, positions, segments, targets } = batch;
  for (const [name, values] of Object.entries({ ids, positions, segments, [batch.learns]: targets })) {
    const perMicro = (values.length / batch.rows.length) * rows;
    const part = values.subarray(micro * perMicro, (micro + 1) * perMicro);
    if (session.find(name) !== undefined) await session.write(name, part);
  }
}
