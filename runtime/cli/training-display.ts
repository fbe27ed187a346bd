// How a run looks while it goes: loading, compiling shaders, steps, evaluations. Comes in: the run's events. Goes out: lines.
// Holds: what a reader wants afterwards stays (evaluations, warnings, the first and last step); the rest is drawn over where it can be.
import type { EvaluationLine, StepLine, TrainEvent } from "../train/lines.ts";
import { progress } from "./progress.ts";
import { sizeText, timeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export interface TrainingDisplay {
  readonly loading: (doneBytes: number, totalBytes: number) => void;
  readonly compiling: (done: number, total: number) => void;
  readonly event: (event: TrainEvent) => void;
  readonly note: (text: string) => void;
  /** Clears what is drawn; further lines may follow. */
  readonly end: () => void;
}

export function trainingDisplay(terminal: Terminal, plannedBytes: () => number): TrainingDisplay {
  const drawn = progress(terminal);
  const warned = new Set<string>();
  let perStep = Number.NaN;
  return {
    loading: (done, total) => drawn.show(`loading  ${sizeText(done)} of ${sizeText(total)}`),
    compiling: (done, total) => drawn.show(`compiling shaders  ${done} of ${total}`),
    note: drawn.note,
    end: drawn.end,
    event: (event) => {
      switch (event.kind) {
        case "step": {
          const { line, steps } = event;
          // The first step pays for what the others find ready.
          if (line.step === 2 || Number.isNaN(perStep)) perStep = line.seconds;
          else perStep += 0.2 * (line.seconds - perStep);
          const left = (steps - line.step) * perStep;
          drawn.show(stepText(line, steps, left, plannedBytes()), line.step === 1 || line.step === steps);
          return;
        }
        case "evaluating":
          drawn.show(`evaluating  batch ${event.done} of ${event.total}`);
          return;
        case "evaluation":
          drawn.note(evaluationText(event.line));
          return;
        case "warning":
          if (!warned.has(event.message)) drawn.note(`warning: ${event.message}`);
          warned.add(event.message);
          return;
        default:
          event satisfies never;
      }
    },
  };
}

export function stepText(line: StepLine, steps: number, left: number, plannedBytes: number): string {
  const width = String(steps).length;
  const parts = [
    `step ${String(line.step).padStart(width)}/${steps}`,
    line.loss === null ? "skipped" : `loss ${line.loss.toFixed(4)}`,
    `${line.tokens_per_second < 100 ? line.tokens_per_second.toFixed(1) : Math.round(line.tokens_per_second)} tokens/s`,
    `${timeText(left)} left`,
    `${sizeText(plannedBytes)} planned`,
  ];
  return parts.join("  ");
}

export function evaluationText({ step, eval_loss, perplexity, eval_tokens }: EvaluationLine): string {
  const when = step === 0 ? "before training" : `after step ${step}`;
  const shown = perplexity === null ? "" : `, perplexity ${perplexity.toPrecision(4)}`;
  return `${when}: held-out loss ${eval_loss.toFixed(4)}${shown} over ${eval_tokens} tokens`;
}
