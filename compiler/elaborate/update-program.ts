// The program "update": clips the gradients by their common norm, lets the optimizer change every trained tensor, clears what the
// step added up. `report` tells the host of a step: [loss, gradient norm, updates so far]. A stack of layers is changed layer by layer:
// an optimizer sees parameters as the checkpoint has them, whatever the compiler gathered.
import { clipFactor } from "./clipping.ts";
import type { GradientSource } from "./gradient-source.ts";
import { stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import { number, type Declared } from "./meaning.ts";
import { grouped, type Grouped } from "./groups.ts";
import { updateParameter, type Step } from "./optimizer.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { scheduleFactor } from "./schedule.ts";
import { blocksOf, layerNumber, layerNumbers, overParts, type Stacked } from "./stacks.ts";
import { asTensor, tensor } from "./tensors.ts";
import { emit, read, type Workspace } from "./workspace.ts";

/** One optimizer step over all trained tensors, by the gradients that the source has for them. */
export function updateProgram(
  ws: Workspace,
  weights: readonly Declared[],
  source: GradientSource,
  job: Job,
): Traced {
  const write = (): readonly Write[] => {
    const { span } = job;
    const norm = source.norm();
    const factor = job.clip === undefined ? number(1) : clipFactor(ws, norm, job.clip, span);
    const rate = scheduleFactor(ws, job);
    const updates = weights.flatMap((weight) => updateTensor(ws, weight, source, { factor, rate }, job));
    const count = stateVariable("updates", "optimizer", span);
    const one = emit(ws, span, "constant", [], { value: 1, type: "f32", shape: [] });
    const more = emit(ws, span, "add", [read(ws, count), one]);
    const entries = [asTensor(ws, source.loss(), span).value, asTensor(ws, norm, span).value, more];
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
      ...source.cleared(),
    ];
  };
  return traceProgram(ws, "update", write, source.frame);
}

/** New values of a tensor and of its states. A stack is updated in runs of parts that have the same options. */
function updateTensor(
  ws: Workspace,
  weight: Declared,
  source: GradientSource,
  { factor, rate }: Pick<Step, "factor" | "rate">,
  job: Job,
): readonly Write[] {
  const { span } = job;
  const runs = grouped(weight, job.groups, job.optimizerOptions);
  const { parts } = weight;
  if (parts === undefined) {
    const estimate = source.estimate(weight, layerNumber(ws, weight, span));
    return runs.flatMap(({ options }) =>
      updateParameter(ws, weight, { ...estimate, factor, rate, options }, job),
    );
  }
  const updates = runs.map((run) =>
    updateRun(ws, weight, parts, run, runs.length === 1, source, { factor, rate }, job),
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
  { factor, rate }: Pick<Step, "factor" | "rate">,
  job: Job,
): readonly Write[] {
  const { span } = job;
  const { first, count } = run;
  const constants = factor.kind === "tensor" ? [factor.value] : [];
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
    ([given], [part]) => {
      const own = given === undefined ? factor : tensor(given, []);
      writes = updateParameter(
        ws,
        parameter,
        { ...source.estimate(parameter, part), factor: own, rate, options },
        job,
        ({ name }) => void states.add(name),
      );
      return writes.map(({ value }) => value);
    },
  );
  return writes.flatMap(({ declared }, index): Write[] => {
    const value = values[index];
    if (value === undefined) return [];
    return [{ declared: declared === parameter ? weight : stateStack(declared), value }];
  });
}
