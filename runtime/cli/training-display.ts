// How a run looks while it goes: loading, compiling shaders, steps, evaluations. Comes in: the run's events. Goes out: lines.
// Holds: what a reader wants afterwards stays (evaluations, warnings, the first and last step); the rest is drawn over where it can be.
import type { MemoryFound } from "../device/real-memory.ts";
import type { JobEvent, JobResult } from "../train/job.ts";
import type { EvaluationLine, StepLine } from "../train/lines.ts";
import { shortPaths } from "./files.ts";
import { progress } from "./progress.ts";
import { sizeText, timeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export interface TrainingDisplay {
  readonly event: (event: JobEvent) => void;
  readonly note: (text: string) => void;
  /** The state of the work now. */
  readonly show: (text: string) => void;
  /** Clears what is drawn; further lines may follow. */
  readonly end: () => void;
}

export function trainingDisplay(terminal: Terminal, plannedBytes: number): TrainingDisplay {
  const drawn = progress(terminal);
  const warned = new Set<string>();
  let perStep = Number.NaN;

  const step = (line: StepLine, steps: number): void => {
    // The first step pays for what the others find ready.
    if (line.step === 2 || Number.isNaN(perStep)) perStep = line.seconds;
    else perStep += 0.2 * (line.seconds - perStep);
    const left = (steps - line.step) * perStep;
    drawn.show(stepText(line, steps, left, plannedBytes), line.step === 1 || line.step === steps);
  };
  const warning = (message: string): void => {
    if (!warned.has(message)) drawn.note(`warning: ${shortPaths(message)}`);
    warned.add(message);
  };

  const event = (event: JobEvent): void => {
    switch (event.kind) {
      case "rows":
        return drawn.note(rowsText(event));
      case "compiling":
        return drawn.show(`compiling shaders  ${event.done} of ${event.total}`, event.done === event.total);
      case "loading":
        return drawn.show(
          `loading weights  ${sizeText(event.done)} of ${sizeText(event.total)}`,
          event.done === event.total,
        );
      case "ready":
        return drawn.note(readyText(event, plannedBytes));
      case "step":
        return step(event.line, event.steps);
      case "evaluating":
        return drawn.show(`evaluating  batch ${event.done} of ${event.total}`);
      case "evaluation":
        return drawn.note(evaluationText(event.line));
      case "saved":
        return drawn.note(`saved ${shortPaths(event.folder)}`);
      case "warning":
        return warning(event.message);
      default:
        return event satisfies never;
    }
  };
  return { event, note: drawn.note, show: drawn.show, end: drawn.end };
}

function rowsText({ train, tokens, held }: Extract<JobEvent, { kind: "rows" }>): string {
  return `data: ${train} rows with ${tokens} tokens${held === 0 ? "" : `, ${held} rows held out`}`;
}

type Ready = Extract<JobEvent, { kind: "ready" }>;

function readyText({ allocated, held, steps }: Ready, planned: number): string {
  const parts = [
    `${sizeText(planned)} planned`,
    `${sizeText(allocated.bytes)} allocated`,
    `${sizeText(allocated.stagingBytes)} for transfers`,
    ...(held === undefined ? [] : [heldText(held)]),
  ];
  return `memory: ${parts.join(", ")}; ${steps} steps`;
}

/** How the promise was kept: what came after the first step, and what the device held beside the plan, where the system tells. */
export function memoryText(
  planned: number,
  { allocated: before }: Pick<Ready, "allocated">,
  { allocated: after, held }: Pick<JobResult, "allocated" | "held">,
  isSoftware: boolean,
): string {
  const same = JSON.stringify(after) === JSON.stringify(before);
  const later = after.bytes + after.stagingBytes - before.bytes - before.stagingBytes;
  const kept = same
    ? "nothing was allocated after the start"
    : `${sizeText(later)} were allocated after the start`;
  if (held !== undefined) {
    const sign = held.bytes < planned ? "−" : "+";
    const beside = sizeText(Math.abs(held.bytes - planned));
    return `memory: ${kept}; ${heldText(held)}, the plan ${sign} ${beside} of driver, context and transfers`;
  }
  const untold = isSoftware
    ? "a software device's memory is the process's own"
    : "this system does not tell what a device holds";
  return `memory: ${kept}; ${untold}`;
}

function heldText({ bytes, by }: MemoryFound): string {
  if (by === "card") return `${sizeText(bytes)} more in use on the card than before`;
  return `${sizeText(bytes)} held on the device by ${by === "fdinfo" ? "its driver's count" : "nvidia-smi's count"}`;
}

export function stepText(line: StepLine, steps: number, left: number, plannedBytes: number): string {
  const width = String(steps).length;
  const parts = [
    `step ${String(line.step).padStart(width)}/${steps}`,
    line.skipped || line.loss === null ? "skipped" : `loss ${line.loss.toFixed(4)}`,
    `${line.tokens_per_second < 100 ? line.tokens_per_second.toFixed(1) : Math.round(line.tokens_per_second)} tokens/s`,
    `${timeText(left)} left`,
    `${sizeText(plannedBytes)} planned${line.device_bytes === undefined ? "" : `, ${sizeText(line.device_bytes)} held`}`,
  ];
  return parts.join("  ");
}

export function evaluationText(line: EvaluationLine): string {
  const at = line.rank === undefined ? "" : `, rank ${line.rank}`;
  const when = `${line.step === 0 ? "before training" : `after step ${line.step}`}${at}`;
  return `${when}: ${foundText(line)}`;
}

/** What an evaluation found. */
export function foundText(line: Omit<EvaluationLine, "step">): string {
  const { eval_loss, perplexity, eval_tokens, accuracy, macro_f1 } = line;
  const shown = perplexity === null ? "" : `, perplexity ${perplexity.toPrecision(4)}`;
  if (accuracy !== undefined && macro_f1 !== undefined) {
    const found = `accuracy ${(100 * accuracy).toFixed(1)} %, macro F1 ${macro_f1.toFixed(4)}`;
    return `held-out loss ${eval_loss.toFixed(4)}, ${found} over ${eval_tokens} rows`;
  }
  return `held-out loss ${eval_loss.toFixed(4)}${shown} over ${eval_tokens} tokens`;
}
