// The programs of one training step and the order in which they run: by backpropagation "micro" for each micro-batch, then "update";
// by a method what the method says (`method.ts`).
import type { StepRun } from "../ir/graph.ts";
import { backpropagated } from "./backpropagation.ts";
import { updatesDuringBackward } from "./during.ts";
import { gradientOf } from "./gradient-source.ts";
import type { Job } from "./job.ts";
import { scaleName } from "./loss-scale.ts";
import { microProgram } from "./loss-programs.ts";
import type { Declared } from "./meaning.ts";
import { methodStep, type Direction } from "./method.ts";
import type { Traced } from "./programs.ts";
import type { Task } from "./task.ts";
import { updateProgram } from "./update-program.ts";
import type { Workspace } from "./workspace.ts";

/** A trained variable and the one its gradient is kept in. */
export interface Trained {
  readonly weight: string;
  readonly gradient: string;
}

export interface TrainingStep {
  /** "micro" first; none where nothing is to train. */
  readonly programs: readonly Traced[];
  readonly step: readonly StepRun[];
  /** Whether gradients are used while they are made: "micro" and "update" are to become one, which then is the whole step. */
  readonly duringBackward: boolean;
  /** What backpropagation is to find gradients of. */
  readonly trained: readonly Trained[];
  /** What forward-mode differentiation is to move along. */
  readonly along: readonly Direction[];
  /** What the loss is multiplied by before backpropagation: a number, or the variable that holds it. */
  readonly lossScale?: number | string;
}

/** Of a plan that is not for training. */
export const withoutStep: TrainingStep = {
  programs: [],
  step: [],
  duringBackward: false,
  trained: [],
  along: [],
};

/** `weights`: everything that trains. */
export function trainingStep(
  ws: Workspace,
  task: Task,
  weights: readonly Declared[],
  job: Job,
): TrainingStep {
  const exact = weights.filter(({ estimated }) => estimated !== true);
  const trained = exact.map((weight) => ({ weight: weight.name, gradient: gradientOf(weight).name }));
  if (job.method === undefined) {
    const micro = microProgram(ws, task, job);
    const { lossScale } = job;
    const source = backpropagated(ws, weights, lossScale, job.span);
    const update = updateProgram(ws, weights, source, job);
    const duringBackward = updatesDuringBackward(job.optimizer);
    const step: readonly StepRun[] = [
      { program: "micro", each: "micro-batch" },
      ...(duringBackward ? [] : [{ program: "update", each: "step" } as const]),
    ];
    const scaled = typeof lossScale === "object" ? scaleName : lossScale;
    return {
      programs: [micro, update],
      step,
      duringBackward,
      trained,
      along: [],
      ...(scaled === undefined ? {} : { lossScale: scaled }),
    };
  }
  const estimated = weights.filter((weight) => weight.estimated === true);
  const method = methodStep(ws, { ...job.method, estimated, exact });
  const micro = microProgram(ws, task, job, method.directions);
  const update = updateProgram(ws, weights, method.source, job);
  const { programs, step, along } = method;
  return { programs: [micro, ...programs, update], step, duringBackward: false, trained, along };
}
