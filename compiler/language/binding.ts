// How names come into scope: parameters, the dimensions that their shapes bind, and declarations, each once.
import { problem } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Name, Parameter, Type } from "../../grammar/syntax.ts";
import { typeNames } from "./builtins.ts";
import type { Binding, Environment } from "./environment.ts";
import { checkExpression, type Checking } from "./expressions.ts";

/** Declares parameters, then the dimensions that their types bind, and checks sizes that are computed. */
export function bindParameters(
  parameters: readonly Parameter[],
  result: Type | undefined,
  env: Environment,
  checking: Checking,
): void {
  for (const parameter of parameters) {
    if (parameter.default !== undefined) checkExpression(parameter.default, env, checking);
    declare(env, { what: "parameter", name: parameter.name.text, span: parameter.name.span }, checking);
  }
  for (const parameter of parameters) if (parameter.type !== undefined) bindDimensions(parameter.type, env);
  for (const parameter of parameters)
    if (parameter.type !== undefined) checkType(parameter.type, env, checking);
  if (result !== undefined) checkType(result, env, checking);
}

function bindDimensions(type: Type, env: Environment): void {
  if (type.kind === "tupleType") for (const element of type.elements) bindDimensions(element, env);
  if (type.kind !== "shape") return;
  for (const dimension of type.dimensions) {
    if (dimension.kind !== "size" || dimension.value.kind !== "reference") continue;
    const { name } = dimension.value;
    if (env.find(name.text) === undefined) env.bind({ what: "dimension", name: name.text, span: name.span });
  }
}

function checkType(type: Type, env: Environment, checking: Checking): void {
  if (type.kind === "named" && !typeNames.has(type.name.text)) {
    const guess = closest(type.name.text, [...typeNames.keys()]);
    const edits =
      guess === undefined ? [] : [{ span: type.name.span, text: guess, label: `write '${guess}'` }];
    const message = `there is no type '${type.name.text}'`;
    checking.report(
      problem("FTL0212", type.name.span, message, `a shape, or ${[...typeNames.keys()].join(", ")}`, {
        edits,
      }),
    );
  }
  if (type.kind === "tupleType") for (const element of type.elements) checkType(element, env, checking);
  if (type.kind !== "shape") return;
  for (const dimension of type.dimensions)
    if (dimension.kind === "size") checkExpression(dimension.value, env, checking);
}

export function declare(
  env: Environment,
  binding: Binding & { readonly span: Binding["span"] },
  checking: Checking,
): void {
  const first = env.here(binding.name);
  if (
    first !== undefined &&
    binding.name !== "" &&
    binding.span !== undefined &&
    checking.redeclared?.has(binding.name) !== true
  ) {
    const related = first.span === undefined ? [] : [{ span: first.span, label: "first here" }];
    checking.report(
      problem("FTL0202", binding.span, `'${binding.name}' is declared twice`, "again here", { related }),
    );
  }
  env.bind(binding);
}

export function unknownName(
  what: string,
  name: Name,
  candidates: readonly string[],
  checking: Checking,
): void {
  if (name.text === "") return;
  const guess = closest(name.text, [...candidates]);
  const edits = guess === undefined ? [] : [{ span: name.span, text: guess, label: `write '${guess}'` }];
  const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
  checking.report(problem("FTL0201", name.span, `there is no ${what} '${name.text}'`, label, { edits }));
}
