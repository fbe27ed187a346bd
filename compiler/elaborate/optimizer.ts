// What the recipe's optimizer does to one parameter, a tensor as the checkpoint names it: its definition is run with the parameter,
// its gradient and the number of the update. The states it declares become variables of their own; a state that stands
// for a part of a stack is a stack too.
import type { Span } from "../../grammar/source.ts";
import type { Declaration, Method } from "../../grammar/syntax.ts";
import { sizeOf } from "../ir/graph.ts";
import { inner, type Environment } from "./environment.ts";
import { evaluate, evaluateStatements } from "./expressions.ts";
import { heldIn } from "./formats.ts";
import { bindParameters, callBody } from "./functions.ts";
import { parameterMeaning, type Estimate } from "./gradient-source.ts";
import { withoutMethod, type Job } from "./job.ts";
import { number, type Declared, type Holding, type Meaning, type Passed } from "./meaning.ts";
import { truth } from "./operators.ts";
import { declaredShape } from "./parts.ts";
import type { Write } from "./programs.ts";
import { anonymous, asTensor, casted, elementwise } from "./tensors.ts";
import { emit, fail, read, type Workspace } from "./workspace.ts";

/** What an update is told beside the parameter. */
export interface Step extends Estimate {
  /** What the gradient is multiplied by: 1, or less where the norm of all gradients is clipped. */
  readonly factor: Meaning;
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
  const written = (variable: Declared, before: Meaning, meaning: Meaning | undefined): readonly Write[] => {
    if (meaning === undefined) return [];
    if (variable.held !== undefined) return heldWrites(ws, variable.held, step.moves, before, meaning, span);
    const after = step.moves === undefined ? meaning : kept(ws, step.moves, meaning, before, span);
    const { value } = asTensor(ws, after, span);
    return [{ declared: variable, value: casted(ws, value, variable.type, span) }];
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
  moves: Meaning | undefined,
  before: Meaning,
  after: Meaning,
  span: Span,
): readonly Write[] {
  const where = moves === undefined ? undefined : asTensor(ws, moves, span);
  const asWhole = where !== undefined && where.dimensions.length === 0;
  const value = where === undefined || asWhole ? after : kept(ws, where, after, before, span);
  const written = held.encode(asTensor(ws, value, span).value);
  const moved = where === undefined || asWhole ? undefined : held.touched?.(where.value);
  return held.tensors.flatMap((declared, index): readonly Write[] => {
    const made = written[index];
    if (made === undefined) return [];
    const condition = asWhole
      ? emit(ws, span, "broadcast", [where.value], { shape: made.shape })
      : moved?.[index];
    if (condition === undefined) return [{ declared, value: made }];
    return [{ declared, value: emit(ws, span, "select", [condition, made, read(ws, declared)]) }];
  });
}

/** The new value where the parameter moves, the old one elsewhere; a state of another shape moves only as a whole. */
function kept(ws: Workspace, moves: Meaning, after: Meaning, before: Meaning, span: Span): Meaning {
  const where = asTensor(ws, moves, span);
  const { dimensions } = asTensor(ws, before, span);
  const sizes = [where.dimensions, dimensions].map((list) => list.map(({ size }) => size).join(" "));
  if (where.dimensions.length > 0 && sizes[0] !== sizes[1])
    return fail(
      "FTL0740",
      span,
      "this method moves single weights, and the optimizer keeps a state that is not one number a weight",
      "choose an elementwise optimizer",
    );
  return elementwise(ws, "select", [where, after, before], span);
}
