// What the recipe's optimizer does to one parameter, a tensor as the checkpoint names it: its definition is run with the parameter,
// its gradient and the number of the update. The states it declares become variables of their own; a state that stands
// for a part of a stack is a stack too.
import type { Span } from "../../grammar/source.ts";
import type { Declaration, Method } from "../../grammar/syntax.ts";
import { sizeOf, type Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { nodesBetween } from "../passes/rebuild.ts";
import { inner, type Environment } from "./environment.ts";
import { evaluate, evaluateStatements } from "./expressions.ts";
import { heldIn } from "./formats.ts";
import { bindParameters, callBody } from "./functions.ts";
import { parameterMeaning, type Estimate } from "./gradient-source.ts";
import { withoutMethod, type Job } from "./job.ts";
import {
  number,
  type Declared,
  type Holding,
  type Meaning,
  type Passed,
  type TensorMeaning,
} from "./meaning.ts";
import { truth } from "./operators.ts";
import { declaredShape } from "./parts.ts";
import type { Write } from "./programs.ts";
import { anonymous, asTensor, casted, elementwise, tensor } from "./tensors.ts";
import { emit, fail, read, type Workspace } from "./workspace.ts";

/** What an update is told beside the parameter. */
export interface Step extends Estimate {
  /** What the gradient is multiplied by: 1, or less where the norm of all gradients is clipped. */
  readonly factor: Meaning;
  /** Whether the step is made at all; always if undefined. */
  readonly applies: Meaning | undefined;
  /** The schedule's share of the rate. */
  readonly rate: Meaning;
  /** The optimizer's options for this parameter. */
  readonly options: readonly Passed[];
}

/** The schedule's share of the rate times the parameter's own. */
function rateOf(ws: Workspace, { rate = 1, key, span: declared }: Declared, step: Step, span: Span): Meaning {
  if (rate === 1) return step.rate;
  if (!step.options.some(({ name }) => name === "rate")) {
    fail(
      "FTL0736",
      declared,
      `'${key}' has ${rate} times the recipe's rate, but the optimizer is given none`,
      "add rate: to the optimizer",
    );
  }
  return elementwise(ws, "multiply", [step.rate, number(rate)], span);
}

/** New values of the parameter and of its states, each of which `declared` is told of first. */
export function updateParameter(
  ws: Workspace,
  parameter: Declared,
  step: Step,
  job: Job,
  declared: (state: Declared) => void = () => undefined,
): readonly Write[] {
  const { optimizer, span } = job;
  const dimensions = parameter.shape.map((size) => anonymous(size, parameter.span));
  const { w } = step;
  const states = new Map<string, Declared>();
  const assigned = new Map<string, Meaning>();
  const methods: Method[] = [];
  const env = inner(undefined, {
    declare: (declaration, scope) => {
      const own = declaration.shape === undefined ? dimensions : declaredShape(ws, scope, declaration);
      const initial =
        declaration.initial === undefined ? number(0) : evaluate(ws, scope, declaration.initial);
      const name = `${declaration.name.text} of ${parameter.name}`;
      const kept = { ...parameter, trainable: false, from: "state", kind: "optimizer", type: "f32" } as const;
      const plain: Declared = {
        ...kept,
        name,
        local: name,
        shown: name,
        initial,
        shape: own.map(({ size }) => size),
        span: declaration.span,
      };
      const state =
        declaration.shape === undefined
          ? stateIn(ws, job.state, plain, isSigned(ws, scope, declaration))
          : plain;
      states.set(declaration.name.text, state);
      for (const each of state.held?.tensors ?? [state]) declared(each);
      scope.bindings.set(declaration.name.text, { kind: "variable", variable: state, dimensions: own });
    },
    assign: (name, meaning) => void assigned.set(name, meaning),
    method: (method) => void methods.push(method),
  });
  env.bindings.set("w", w);
  const rate = rateOf(ws, parameter, step, span);
  const scaled = step.options.map((option): Passed =>
    option.name === "rate"
      ? { ...option, meaning: elementwise(ws, "multiply", [option.meaning, rate], span) }
      : option,
  );
  bindParameters(ws, env, optimizer.name.text, optimizer.parameters, scaled, span);
  evaluateStatements(ws, env, optimizer.body.statements);
  const update = methods.find(({ name }) => name.text === "update");
  if (update === undefined) return withoutMethod(optimizer, "update");
  const g = elementwise(ws, "multiply", [step.gradient, step.factor], span);
  const passed = [w, g, { kind: "scalar", expression: { name: "update" } } as const];
  callBody(
    ws,
    env,
    update,
    passed.map((meaning) => ({ name: undefined, meaning, span })),
    span,
  );
  const still = { w, g, moves: step.moves, parameter, job };
  const written = (variable: Declared, before: Meaning, meaning: Meaning | undefined): readonly Write[] => {
    if (meaning === undefined) return [];
    const after = asTensor(ws, meaning, span);
    const moved =
      step.moves === undefined ? after.value : kept(ws, after, before, { ...still, moves: step.moves });
    if (variable.held !== undefined) return heldWrites(ws, variable.held, step, moved, span);
    const value = casted(ws, applied(ws, step, moved, before, span), variable.type, span);
    return [{ declared: variable, value }];
  };
  return [
    ...written(parameter, w, assigned.get("w") ?? w),
    ...[...states].flatMap(([name, state]) => written(state, parameterMeaning(state), assigned.get(name))),
  ];
}

/** States of fewer numbers stay f32: they take no room, and blocks of so few are no good sample (Dettmers et al., 2022). */
const fewest = 4096;

/** The state in what the recipe wants states held in. */
function stateIn(ws: Workspace, wanted: Job["state"], state: Declared, signed: boolean): Declared {
  if ("type" in wanted) return { ...state, type: wanted.type };
  return sizeOf(state.shape) < fewest ? state : heldIn(ws, wanted.format, state, { use: "state", signed });
}

/** The option `signed` of a state: whether it may be below zero. */
function isSigned(ws: Workspace, env: Environment, { options }: Declaration): boolean {
  const option = options.find(({ path }) => path[0]?.text === "signed");
  return option === undefined || truth(evaluate(ws, env, option.value), option.value.span);
}

/** What holds a state afterwards. What does not move keeps its very bits, as far as the format tells. */
function heldWrites(
  ws: Workspace,
  held: Holding,
  { moves, applies }: Step,
  after: Value,
  span: Span,
): readonly Write[] {
  const written = held.encode(after);
  const where = moves === undefined ? undefined : asTensor(ws, moves, span);
  const asWhole = where !== undefined && where.dimensions.length === 0;
  const touched = where === undefined || asWhole ? undefined : held.touched?.(where.value);
  const spread = (condition: Value, { shape }: Value): Value =>
    emit(ws, span, "broadcast", [condition], { shape });
  return held.tensors.flatMap((declared, index): readonly Write[] => {
    const made = written[index];
    if (made === undefined) return [];
    const conditions = [
      asWhole ? spread(where.value, made) : touched?.[index],
      applies === undefined ? undefined : spread(asTensor(ws, applies, span).value, made),
    ].filter((each) => each !== undefined);
    const value = conditions.reduce(
      (now, condition) => emit(ws, span, "select", [condition, now, read(ws, declared)]),
      made,
    );
    return [{ declared, value }];
  });
}

/** The new value where the update is made at all, the old one where its step is skipped. */
function applied(ws: Workspace, { applies }: Step, after: Value, before: Meaning, span: Span): Value {
  if (applies === undefined) return after;
  const old = asTensor(ws, before, span);
  return asTensor(ws, elementwise(ws, "select", [applies, tensor(after, old.dimensions), old], span), span)
    .value;
}

/** What decides which elements of a parameter and of its states an update leaves as they are. */
interface Still {
  readonly w: Meaning;
  readonly g: Meaning;
  readonly moves: Meaning;
  readonly parameter: Declared;
  readonly job: Job;
}

/**
 * The new value where the parameter moves, the old one elsewhere; a state of another shape moves only as a whole. Where a definition says
 * that a part moves, no element may hang on another either: what does not move would take part in what does.
 */
function kept(ws: Workspace, after: TensorMeaning, before: Meaning, still: Still): Value {
  const { w, g, moves, parameter, job } = still;
  const { span } = job;
  const where = asTensor(ws, moves, span);
  const sizes = [where, asTensor(ws, before, span)].map(({ value }) => value.shape.join(" "));
  const isSame = where.dimensions.length === 0 || sizes[0] === sizes[1];
  if (parameter.moving !== undefined) {
    const given = [w, g].map((meaning) => asTensor(ws, meaning, span).value);
    if (!isSame || !isElementwise(after.value, new Set(given))) {
      const name = job.optimizer.name.text;
      const message = `'${name}' changes the weights of a tensor together, and only a part of '${parameter.shown}' moves in a step`;
      fail("FTL0745", job.optimizerSpan, message, "choose an elementwise optimizer, such as adamw or sgd", {
        related: [{ span: parameter.span, label: "moves in part" }],
      });
    }
  }
  if (!isSame)
    fail(
      "FTL0740",
      span,
      "this method moves single weights, and the optimizer keeps a state that is not one number a weight",
      "choose an elementwise optimizer",
    );
  return asTensor(ws, elementwise(ws, "select", [where, after, before], span), span).value;
}

/** Whether each element of a value hangs on the same element of its inputs and on scalars alone. */
function isElementwise(value: Value, given: ReadonlySet<Value>): boolean {
  return nodesBetween([value], given).every(({ operation }) => {
    const { kind } = operationOf(operation).lowering;
    return kind !== "reduce" && kind !== "product" && kind !== "region" && kind !== "scatter";
  });
}
