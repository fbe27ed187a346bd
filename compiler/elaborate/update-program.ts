// The program "update": clips the gradients by their common norm, lets the optimizer change every trained tensor, clears the
// gradients. `report` tells the host of a step: [loss, gradient norm, updates so far].
import { clipFactor, gradientNorm } from "./clipping.ts";
import { stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import { number, type Declared } from "./meaning.ts";
import { gradientOf, updateOne } from "./optimizer.ts";
import { traceProgram, type Traced } from "./programs.ts";
import { scheduleFactor } from "./schedule.ts";
import { asTensor } from "./tensors.ts";
import { emit, read, type Workspace } from "./workspace.ts";

/** One optimizer step over all trained tensors. */
export function updateProgram(ws: Workspace, weights: readonly Declared[], job: Job): Traced {
  return traceProgram(ws, "update", () => {
    const { span } = job;
    const gradients = weights.map((weight) => read(ws, gradientOf(weight)));
    const norm = gradientNorm(ws, gradients, span);
    const factor = job.clip === undefined ? number(1) : clipFactor(ws, norm, job.clip, span);
    const rate = scheduleFactor(ws, job);
    const updates = weights.flatMap((weight, index) => {
      const gradient = gradients[index];
      return gradient === undefined ? [] : updateOne(ws, weight, gradient, factor, rate, job);
    });
    const loss = stateVariable("loss", "io", span);
    const count = stateVariable("updates", "optimizer", span);
    const one = emit(ws, span, "constant", [], { value: 1, type: "f32", shape: [] });
    const more = emit(ws, span, "add", [read(ws, count), one]);
    const entries = [read(ws, loss), asTensor(ws, norm, span).value, more];
    const report = emit(
      ws,
      span,
      "concat",
      entries.map((entry) => emit(ws, span, "reshape", [entry], { shape: [1] })),
      { axis: 0 },
    );
    const cleared = emit(ws, span, "constant", [], { value: 0, type: "f32", shape: [] });
    return [
      ...updates,
      { declared: { ...stateVariable("report", "io", span), shape: [3] }, value: report },
      { declared: count, value: more },
      { declared: loss, value: cleared },
    ];
  });
}
