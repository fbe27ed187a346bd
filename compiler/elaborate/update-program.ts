// The program "update": clips the gradients by their common norm, lets the optimizer change every trained tensor, clears what the
// step added up. `report` tells the host of a step: [loss, gradient norm, updates so far], and where the loss is scaled, so that a step
// may be skipped, the scale and the step's number too: then no update tells that the step was made. A stack of layers is changed layer by layer:
// an optimizer sees parameters as the checkpoint has them, whatever the compiler gathered.
import type { Span } from "../../grammar/source.ts";
import { clipFactor } from "./clipping.ts";
import type { GradientSource } from "./gradient-source.ts";
import { stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import { appliesBy, factorOrSkip, nextScale, scalarsNow, scaleOf } from "./loss-scale.ts";
import { number, type Declared, type Meaning } from "./meaning.ts";
import { grouped, type Grouped } from "./groups.ts";
import { updateParameter, type Step } from "./optimizer.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { scheduleFactor } from "./schedule.ts";
import { blocksOf, layerNumber, layerNumbers, overParts, type Stacked } from "./stacks.ts";
import { asTensor, elementwise, tensor } from "./tensors.ts";
import { emit, read, taking, type Workspace } from "./workspace.ts";

/** One optimizer step over all trained tensors, by the gradients that the source has for them. */
export function updateProgram(
  ws: Workspace,
  weights: readonly Declared[],
  source: GradientSource,
  job: Job,
): Traced {
  const write = (): readonly Write[] => {
    const { span, lossScale } = job;
    const count = stateVariable("updates", "optimizer", span);
    const now = lossScale === undefined ? undefined : scalarsNow(ws, count, span);
    return taking(ws, now, () => {
      const norm = source.norm();
      const clipped = job.clip === undefined ? number(1) : clipFactor(ws, norm, job.clip, span);
      const unit = source.unit?.();
      const whole = unit === undefined ? clipped : elementwise(ws, "multiply", [clipped, unit], span);
      const factor = lossScale === undefined ? whole : factorOrSkip(ws, whole, norm, span);
      const rate = scheduleFactor(ws, job);
      const updates = weights.flatMap((weight) => updateTensor(ws, weight, source, { factor, rate }, job));
      const done = tensor(read(ws, count), []);
      const next = elementwise(ws, "add", [done, number(1)], span);
      if (lossScale === undefined)
        return [
          ...updates,
          reported(ws, [source.loss(), norm, next], span),
          { declared: count, value: asTensor(ws, next, span).value },
          ...source.cleared(),
        ];
      const applies = appliesBy(ws, factor, span);
      const counted = elementwise(ws, "select", [applies, next, done], span);
      const step: Meaning = { kind: "scalar", expression: { name: "step" } };
      return [
        ...updates,
        reported(ws, [source.loss(), norm, counted, scaleOf(lossScale, span), step], span),
        { declared: count, value: asTensor(ws, counted, span).value },
        ...nextScale(ws, lossScale, applies, span),
        ...source.cleared(),
      ];
    });
  };
  return traceProgram(ws, "update", write, source.frame);
}

function reported(ws: Workspace, entries: readonly Meaning[], span: Span): Write {
  const parts = entries.map((entry) =>
    emit(ws, span, "reshape", [asTensor(ws, entry, span).value], { shape: [1] }),
  );
  const declared = { ...stateVariable("report", "io", span), shape: [entries.length] };
  return { declared, value: emit(ws, span, "concat", parts, { axis: 0 }) };
}

/** What all updates of a step have in common. */
type Shared = Pick<Step, "factor" | "rate">;

/** New values of a tensor and of its states. A stack is updated in runs of parts that have the same options. */
function updateTensor(
  ws: Workspace,
  weight: Declared,
  source: GradientSource,
  shared: Shared,
  job: Job,
): readonly Write[] {
  const { span } = job;
  const runs = grouped(weight, job.groups, job.optimizerOptions);
  const { parts } = weight;
  if (parts === undefined) {
    const estimate = source.estimate(weight, layerNumber(ws, weight, span));
    const applies = job.lossScale === undefined ? undefined : appliesBy(ws, shared.factor, span);
    return runs.flatMap(({ options }) =>
      updateParameter(ws, weight, { ...estimate, applies, ...shared, options }, job),
    );
  }
  const updates = runs.map((run) =>
    updateRun(ws, weight, parts, run, runs.length === 1, source, shared, job),
  );
  const own = updates.flatMap((writes) => writes.filter(({ declared }) => declared === weight));
  const states = updates.flatMap((writes) => writes.filter(({ declared }) => declared !== weight));
  const values = own.map(({ value }) => value);
  const [only] = values;
  const value =
    values.length === 1 && only !== undefined ? only : emit(ws, span, "concat", values, { axis: 0 });
  return [{ declared: weight, value }, ...states];
}

/** New values of a run of a stack's parts, and of their states, which are stacks of the run's length. */
function updateRun(
  ws: Workspace,
  weight: Declared,
  parts: readonly Declared[],
  { run, options }: Grouped,
  isWhole: boolean,
  source: GradientSource,
  { factor, rate }: Shared,
  job: Job,
): readonly Write[] {
  const { span } = job;
  const { first, count } = run;
  const constants = [
    ...(factor.kind === "tensor" ? [factor.value] : []),
    ...(ws.now === undefined ? [] : [ws.now]),
  ];
  const parameter: Declared = { ...weight, shape: weight.shape.slice(1), parts: undefined };
  /** The stack that a state is a part of. */
  const stateStack = (part: Declared): Declared => {
    const name = isWhole ? part.name : `${part.name}[${first}..${first + count - 1}]`;
    const shape = [count, ...part.shape];
    return { ...part, name, shown: name, shape, parts: parts.slice(first, first + count) };
  };
  const states = new Set<string>();
  const stackOf = (part: Declared): Stacked | undefined => {
    const stack = [weight, ...source.beside(weight)].find(({ name }) => name === part.name);
    if (stack !== undefined) return { stack, whole: isWhole };
    return states.has(part.name) ? { stack: stateStack(part), whole: true } : undefined;
  };
  let writes: readonly Write[] = [];
  const stacks = [layerNumbers(ws, parts.slice(first, first + count), span)];
  const values = overParts(
    ws,
    { run, blocks: blocksOf(parts), constants, stacks, stackOf },
    span,
    ([given, now], [part]) => {
      const own = given === undefined ? factor : tensor(given, []);
      const applies = job.lossScale === undefined ? undefined : appliesBy(ws, own, span);
      const step = { ...source.estimate(parameter, part), applies, factor: own, rate, options };
      const told = ({ name }: Declared): void => void states.add(name);
      writes = taking(ws, now, () => updateParameter(ws, parameter, step, job, told));
      return writes.map(({ value }) => value);
    },
  );
  return writes.flatMap(({ declared }, index): Write[] => {
    const value = values[index];
    if (value === undefined) return [];
    return [{ declared: declared === parameter ? weight : stateStack(declared), value }];
  });
}
