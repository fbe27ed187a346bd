// What the recipe's optimizer does to one parameter, a tensor as the checkpoint names it: its definition is run with the parameter,
// its gradient and the number of the update. The states it declares become variables of their own; a state that stands
// for a part of a stack is a stack too.
import type { Method } from "../../grammar/syntax.ts";
import type { Value } from "../ir/graph.ts";
import { inner } from "./environment.ts";
import { evaluate, evaluateStatements } from "./expressions.ts";
import { bindParameters, callBody } from "./functions.ts";
import { withoutMethod, type Job } from "./job.ts";
import { number, type Declared, type Meaning, type Passed } from "./meaning.ts";
import { declaredShape } from "./parts.ts";
import type { Write } from "./programs.ts";
import { anonymous, asTensor, elementwise, tensor } from "./tensors.ts";
import type { Workspace } from "./workspace.ts";

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

/** What an update is told beside the parameter. */
export interface Step {
  readonly gradient: Value;
  /** What the gradient is multiplied by: 1, or less where the norm of all gradients is clipped. */
  readonly factor: Meaning;
  /** The schedule's share of the rate. */
  readonly rate: Meaning;
  /** The optimizer's options for this parameter. */
  readonly options: readonly Passed[];
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
      const state: Declared = {
        ...kept,
        name,
        shown: name,
        initial,
        shape: own.map(({ size }) => size),
        span: declaration.span,
      };
      states.set(declaration.name.text, state);
      declared(state);
      scope.bindings.set(declaration.name.text, { kind: "variable", variable: state, dimensions: own });
    },
    assign: (name, meaning) => void assigned.set(name, meaning),
    method: (method) => void methods.push(method),
  });
  const w: Meaning = { kind: "variable", variable: parameter, dimensions };
  env.bindings.set("w", w);
  const rate = elementwise(ws, "multiply", [step.rate, number(parameter.rate ?? 1)], span);
  const scaled = step.options.map((option): Passed =>
    option.name === "rate"
      ? { ...option, meaning: elementwise(ws, "multiply", [option.meaning, rate], span) }
      : option,
  );
  bindParameters(ws, env, optimizer.name.text, optimizer.parameters, scaled, span);
  evaluateStatements(ws, env, optimizer.body.statements);
  const update = methods.find(({ name }) => name.text === "update");
  if (update === undefined) return withoutMethod(optimizer, "update");
  const g = elementwise(ws, "multiply", [tensor(step.gradient, dimensions), step.factor], span);
  const passed = [w, g, { kind: "scalar", expression: { name: "update" } } as const];
  callBody(
    ws,
    env,
    update,
    passed.map((meaning) => ({ name: undefined, meaning, span })),
    span,
  );
  const written = (variable: Declared, meaning: Meaning | undefined): Write[] =>
    meaning === undefined ? [] : [{ declared: variable, value: asTensor(ws, meaning, span).value }];
  return [
    ...written(parameter, assigned.get("w") ?? w),
    ...[...states].flatMap(([name, state]) => written(state, assigned.get(name))),
  ];
}
