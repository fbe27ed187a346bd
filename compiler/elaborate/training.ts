// The programs of a training job, written once for all models and optimizers:
//   micro       the loss of one micro-batch, divided by the batch's learned targets; its gradient is added by later passes
//   update      clips the gradients by their common norm, lets the optimizer change every trained tensor, clears the gradients
//   evaluate    the summed loss of one micro-batch, not divided
//   initialize  first values drawn from the seed
//   logits      on request: the score of every word at every position of one micro-batch
// `report` tells the host of a step: [loss, gradient norm, updates so far].
import type { Span } from "../../grammar/source.ts";
import type { Definition, Expression, Method } from "../../grammar/syntax.ts";
import type { ScalarExpression, Value } from "../ir/graph.ts";
import { inner, type Environment, type Owner } from "./environment.ts";
import { evaluate, evaluateStatements } from "./expressions.ts";
import { bindParameters, callBody } from "./functions.ts";
import { batchVariables, stateVariable, type BatchVariable } from "./io.ts";
import {
  number,
  type Declared,
  type FunctionMeaning,
  type Meaning,
  type Passed,
  type RecordMeaning,
  type TensorMeaning,
} from "./meaning.ts";
import { declaredShape, methodMeaning } from "./parts.ts";
import { firstValue, traceProgram, type Traced, type Write } from "./programs.ts";
import { anonymous, asTensor, elementwise, tensor } from "./tensors.ts";
import { reshape } from "./views.ts";
import { emit, fail, read, type Workspace } from "./workspace.ts";

/** What the recipe chose beside the model. */
export interface Job {
  readonly rows: number;
  readonly tokens: number;
  /** Where the recipe says how many rows and positions there are. */
  readonly rowsSpan: Span;
  readonly tokensSpan: Span;
  readonly task: Definition;
  readonly optimizer: Definition;
  readonly optimizerOptions: readonly Passed[];
  readonly schedule: Definition;
  readonly scheduleOptions: readonly Passed[];
  readonly clip: number | undefined;
  readonly span: Span;
}

/** The forward part of the step: leaves the micro-batch's share of the loss in "loss". */
export function microProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "micro", () => {
    const total = taskLoss(ws, model, job);
    const share: Meaning = { kind: "scalar", expression: { apply: "divide", to: [1, { name: "targets" }] } };
    const loss = asTensor(ws, elementwise(ws, "multiply", [total, share], job.span), job.span);
    return [{ declared: stateVariable("loss", "io", job.span), value: loss.value }];
  });
}

/** Leaves the sum over the micro-batch's learned targets in "evaluation". */
export function evaluateProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "evaluate", () => {
    const total = asTensor(ws, taskLoss(ws, model, job), job.span);
    return [{ declared: stateVariable("evaluation", "io", job.span), value: total.value }];
  });
}

/** Leaves the scores of a micro-batch in "logits": [rows × tokens, vocabulary]. */
export function logitsProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "logits", () => {
    const { span } = job;
    const batch = batchTensors(ws, job);
    const at: Expression = { kind: "missing", span };
    const pass = (meaning: Meaning): Passed => ({ name: undefined, meaning, span });
    const logits = model.fields.get("logits");
    if (logits?.kind !== "function" || model.call === undefined) {
      return fail("FTL0719", span, `${model.label} has no logits(…)`, "this model scores no words");
    }
    const states = asTensor(
      ws,
      model.call.call([batch.ids, batch.positions, batch.segments].map(pass), at),
      span,
    );
    const width = states.dimensions.at(-1) ?? anonymous(1, span);
    const flat = reshape(ws, states, [anonymous(job.rows * job.tokens, span), width], span);
    const scores = asTensor(ws, logits.call([pass(flat)], at), span);
    const declared = { ...stateVariable("logits", "io", span), shape: scores.value.shape };
    return [{ declared, value: scores.value }];
  });
}

function taskLoss(ws: Workspace, model: RecordMeaning, job: Job): Meaning {
  const env = inner(undefined, ownerOfMethods(ws));
  bindParameters(
    ws,
    env,
    job.task.name.text,
    job.task.parameters,
    [{ name: undefined, meaning: model, span: job.span }],
    job.span,
  );
  evaluateStatements(ws, env, job.task.body.statements);
  const loss = functionNamed(env, "loss", job.task);
  const batch = batchTensors(ws, job);
  const passed = [batch.ids, batch.targets, batch.positions, batch.segments].map((meaning): Passed => ({
    name: undefined,
    meaning,
    span: job.span,
  }));
  return loss.call(passed, { kind: "missing", span: job.span });
}

/** What a micro-batch brings, each [rows, tokens]. */
function batchTensors(ws: Workspace, job: Job): Readonly<Record<BatchVariable, TensorMeaning>> {
  const { rows, tokens, span } = job;
  const batch = batchVariables(rows, tokens, span);
  const dimensions = [anonymous(rows, job.rowsSpan), anonymous(tokens, job.tokensSpan)];
  const make = (name: BatchVariable): TensorMeaning => tensor(read(ws, batch[name]), dimensions);
  return {
    ids: make("ids"),
    targets: make("targets"),
    positions: make("positions"),
    segments: make("segments"),
  };
}

function ownerOfMethods(ws: Workspace): Owner {
  return {
    method: (method: Method, env: Environment) =>
      env.bindings.set(method.name.text, methodMeaning(ws, env, method)),
  };
}

function functionNamed(env: Environment, name: string, definition: Definition): FunctionMeaning {
  const found = env.bindings.get(name);
  if (found?.kind === "function") return found;
  return fail(
    "FTL0719",
    definition.name.span,
    `${definition.what} '${definition.name.text}' has no ${name}(…)`,
    "missing here",
  );
}

/** The gradient that belongs to a trained tensor. */
export function gradientOf(weight: Declared): Declared {
  const name = `gradient of ${weight.name}`;
  const kept = {
    ...weight,
    trainable: false,
    initial: undefined,
    from: "state",
    kind: "gradients",
    type: "f32",
  } as const;
  return { ...kept, name, shown: name };
}

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

/** √ Σ g² over every element of every gradient. */
function gradientNorm(ws: Workspace, gradients: readonly Value[], span: Span): Meaning {
  const squares = gradients.map((gradient): Meaning => {
    const square = emit(ws, span, "multiply", [gradient, gradient]);
    const axes = gradient.shape.map((_, axis) => axis);
    const sum = emit(ws, span, "sum", [square], { axes });
    return tensor(emit(ws, span, "reshape", [sum], { shape: [] }), []);
  });
  return elementwise(
    ws,
    "sqrt",
    [squares.reduce((a, b) => elementwise(ws, "add", [a, b], span), number(0))],
    span,
  );
}

/** What gradients are multiplied by so that their norm is at most `clip`, as torch.nn.utils.clip_grad_norm_ has it. */
function clipFactor(ws: Workspace, norm: Meaning, clip: number, span: Span): Meaning {
  const above = elementwise(ws, "add", [norm, number(1e-6)], span);
  return elementwise(
    ws,
    "minimum",
    [number(1), elementwise(ws, "divide", [number(clip), above], span)],
    span,
  );
}

/** The rate of a step as the log shows it: the optimizer's option `rate` times the schedule's factor. */
export function rateOf(ws: Workspace, job: Job): ScalarExpression {
  const base = job.optimizerOptions.find(({ name }) => name === "rate")?.meaning ?? number(0);
  const rate = elementwise(ws, "multiply", [base, scheduleFactor(ws, job)], job.span);
  if (rate.kind === "scalar") return rate.expression;
  return rate.kind === "number" ? rate.value : 0;
}

/** The schedule's share of the rate at this step, a host scalar. */
function scheduleFactor(ws: Workspace, job: Job): Meaning {
  const { schedule, span } = job;
  const env = inner(undefined, ownerOfMethods(ws));
  bindParameters(ws, env, schedule.name.text, schedule.parameters, job.scheduleOptions, span);
  evaluateStatements(ws, env, schedule.body.statements);
  const passed = ["step", "steps"].map((name): Passed => ({
    name: undefined,
    meaning: { kind: "scalar", expression: { name } },
    span,
  }));
  return functionNamed(env, "factor", schedule).call(passed, { kind: "missing", span });
}

function updateOne(
  ws: Workspace,
  weight: Declared,
  gradient: Value,
  factor: Meaning,
  rate: Meaning,
  job: Job,
): readonly Write[] {
  const { optimizer, span } = job;
  const dimensions = weight.shape.map((size) => anonymous(size, weight.span));
  const states = new Map<string, Declared>();
  const assigned = new Map<string, Meaning>();
  const methods: Method[] = [];
  const env = inner(undefined, {
    declare: (declaration, scope) => {
      const own = declaration.shape === undefined ? dimensions : declaredShape(ws, scope, declaration);
      const initial =
        declaration.initial === undefined ? number(0) : evaluate(ws, scope, declaration.initial);
      const name = `${declaration.name.text} of ${weight.name}`;
      const kept = { ...weight, trainable: false, from: "state", kind: "optimizer", type: "f32" } as const;
      const state: Declared = {
        ...kept,
        name,
        shown: name,
        initial,
        shape: own.map(({ size }) => size),
        span: declaration.span,
      };
      states.set(declaration.name.text, state);
      scope.bindings.set(declaration.name.text, { kind: "variable", variable: state, dimensions: own });
    },
    assign: (name, meaning) => void assigned.set(name, meaning),
    method: (method) => void methods.push(method),
  });
  const w: Meaning = { kind: "variable", variable: weight, dimensions };
  env.bindings.set("w", w);
  const scaled = job.optimizerOptions.map((option): Passed =>
    option.name === "rate"
      ? { ...option, meaning: elementwise(ws, "multiply", [option.meaning, rate], span) }
      : option,
  );
  bindParameters(ws, env, optimizer.name.text, optimizer.parameters, scaled, span);
  evaluateStatements(ws, env, optimizer.body.statements);
  const update = methods.find(({ name }) => name.text === "update");
  if (update === undefined)
    return fail(
      "FTL0719",
      optimizer.name.span,
      `optimizer '${optimizer.name.text}' has no update(…)`,
      "missing here",
    );
  const g = elementwise(ws, "multiply", [tensor(gradient, dimensions), factor], span);
  const passed = [w, g, { kind: "scalar", expression: { name: "update" } } as const];
  callBody(
    ws,
    env,
    update,
    passed.map((meaning) => ({ name: undefined, meaning, span })),
    span,
  );
  const written = (declared: Declared, meaning: Meaning | undefined): Write[] =>
    meaning === undefined ? [] : [{ declared, value: asTensor(ws, meaning, span).value }];
  const cleared = emit(ws, span, "constant", [], { value: 0, type: "f32", shape: weight.shape });
  return [
    ...written(weight, assigned.get("w")),
    ...[...states].flatMap(([name, state]) => written(state, assigned.get(name))),
    { declared: gradientOf(weight), value: cleared },
  ];
}

/** Fills the variables that are drawn from the seed. */
export function initializeProgram(ws: Workspace, drawn: readonly Declared[], span: Span): Traced {
  return traceProgram(ws, "initialize", () =>
    drawn.map((declared) => ({ declared, value: firstValue(ws, declared, span) })),
  );
}
