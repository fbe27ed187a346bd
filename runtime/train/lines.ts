// The lines of `log.jsonl`. Key names and their order are a contract with the scripts of users.
// Holds: what a line counts (tokens, seconds) it counts for its own step; a skipped step has no loss, unless its gradients alone were too large.
import type { Evaluated } from "./evaluate.ts";

/** One step. */
export interface StepLine {
  /** Of a recipe in stages, the stage; each counts its own steps. */
  readonly stage?: string;
  /** From 1. */
  readonly step: number;
  /** How often the data has been gone through, to four decimals: 1.5 is half-way through the second time. */
  readonly epoch: number;
  /** Mean over the step's learned targets. */
  readonly loss: number | null;
  readonly lr: number | null;
  /** Norm of all gradients together, before clipping. */
  readonly grad_norm: number | null;
  /** Positions that are not padding. */
  readonly tokens: number;
  /** Learned targets. */
  readonly trained_tokens: number;
  readonly tokens_per_second: number;
  readonly seconds: number;
  /** True for a step that changed nothing: none of its targets is learned, or its gradients overflowed. */
  readonly skipped: boolean;
  /** The rank that was drawn, of an adapter with a range of them; of several such adapters, the rank of each by its name. */
  readonly rank?: number | Readonly<Record<string, number>>;
  /** What the loss was multiplied by, where it is scaled. */
  readonly loss_scale?: number;
  /** What the device really holds for the process, driver and context included, where the system tells. */
  readonly device_bytes?: number;
}

/** One evaluation, after a step (0: before the first). */
export interface EvaluationLine {
  readonly stage?: string;
  readonly step: number;
  /** Mean over all learned targets of the held-out rows. */
  readonly eval_loss: number;
  /** e to the power of `eval_loss`; null beyond what a double holds. */
  readonly perplexity: number | null;
  /** Learned targets; rows, where classes are learned. */
  readonly eval_tokens: number;
  /** Where ranks are listed, the one that this was found at; else it was the largest. */
  readonly rank?: number;
  /** Where classes are predicted: the share of rows whose class is the predicted one, and the mean over classes of F1. */
  readonly accuracy?: number;
  readonly macro_f1?: number;
}

export type LogLine = StepLine | EvaluationLine;

/** What happens while a job runs, for whoever draws it. */
export type TrainEvent =
  | { readonly kind: "step"; readonly line: StepLine; readonly steps: number }
  | { readonly kind: "evaluating"; readonly done: number; readonly total: number }
  | { readonly kind: "evaluation"; readonly line: EvaluationLine }
  | { readonly kind: "warning"; readonly message: string };

export function evaluationLine(step: number, { total, targets, metrics, rank }: Evaluated): EvaluationLine {
  const loss = total / targets;
  const perplexity = Math.exp(loss);
  return {
    step,
    eval_loss: loss,
    perplexity: Number.isFinite(perplexity) ? perplexity : null,
    eval_tokens: targets,
    ...(rank === undefined ? {} : { rank }),
    ...(metrics === undefined ? {} : { accuracy: metrics.accuracy, macro_f1: metrics.macroF1 }),
  };
}
