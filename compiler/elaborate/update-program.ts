// The program "update": clips the gradients by their common norm, lets the optimizer change every trained tensor, clears the
// gradients. `report` tells the host of a step: [loss, gradient norm, updates so far]. A stack of layers is changed layer by layer:
// an optimizer sees parameters as the checkpoint has them, whatever the compiler gathered.
import type { Span } from "../../grammar/source.ts";
import type { Value } from "../ir/graph.ts";
import { clipFactor, gradientNorm } from "./clipping.ts";
import { stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import { number, type Declared, type Meaning } from "./meaning.ts";
import { gradientOf, updateParameter } from "./optimizer.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { scheduleFactor } from "./schedule.ts";
import { overParts, type Stacked } from "./stacks.ts";
import { asTensor, tensor } from "./tensors.ts";
import { emit, read, type Workspace } from "./workspace.ts";

/** One optimizer step over all trained tensors. */
export function updateProgram(ws: Workspace, weights: readonly Declared[], job: Job): Traced {
  return traceProgram(ws, "update", () => {
    const { span } = job;
    const norm = gradientNorm(ws, weights.map(gradientOf), span);
    const factor = job.clip === undefined ? number(1) : clipFactor(ws, norm, job.clip, span);
    const rate = scheduleFactor(ws, job);
    const updates = weights.flatMap((weight) => [
      ...updateTensor(ws, weight, factor, rate, job),
      { declared: gradientOf(weight), value: zeros(ws, weight.shape, span) },
    ]);
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
    return [
      ...updates,
      { declared: { ...stateVariable("report", "io", span), shape: [3] }, value: report },
      { declared: count, value: more },
      { declared: loss, value: zeros(ws, [], span) },
    ];
  });
}

function zeros(ws: Workspace, shape: readonly number[], span: Span): Value {
  return emit(ws, span, "constant", [], { value: 0, type: "f32", shape });
}

function updateTensor(
  ws: Workspace,
  weight: Declared,
  factor: Meaning,
  rate: Meaning,
  job: Job,
): readonly Write[] {
  const { span, optimizerOptions: options } = job;
  if (weight.parts === undefined)
    return updateParameter(
      ws,
      weight,
      { gradient: read(ws, gradientOf(weight)), factor, rate, options },
      job,
    );

  const count = weight.parts.length;
  const constants = factor.kind === "tensor" ? [factor.value] : [];
  let writes: readonly Write[] = [];
  const whole = (part: Declared): Declared => ({
    ...part,
    shape: [count, ...part.shape],
    parts: weight.parts ?? [],
  });
  const parameter: Declared = { ...weight, shape: weight.shape.slice(1), parts: undefined };
  const ofParameter = (name: string): boolean => name === weight.name || name.endsWith(` of ${weight.name}`);
  const stackOf = (part: Declared): Stacked | undefined =>
    ofParameter(part.name) ? { stack: whole(part), whole: true } : undefined;
  const values = overParts(
    ws,
    { run: { first: 0, count }, constants, stacks: [read(ws, gradientOf(weight))], stackOf },
    span,
    ([given], [gradient]) => {
      if (gradient === undefined) return [];
      const own = given === undefined ? factor : tensor(given, []);
      writes = updateParameter(ws, parameter, { gradient, factor: own, rate, options }, job);
      return writes.map(({ value }) => value);
    },
  );
  return values.flatMap((value, index) => {
    const write = writes[index];
    return write === undefined ? [] : [{ declared: whole(write.declared), value }];
  });
}
