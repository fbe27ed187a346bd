// Calls of the library's functions and of the methods of definitions: arguments bound to parameters, shapes checked against the
// declared ones and their names bound, the result checked likewise. A function with a kernel becomes a `call` node whose region
// is its body; its numbers, true and false become attributes, which the kernel reads.
import type { Span } from "../../grammar/source.ts";
import type {
  Block,
  Definition,
  Dimension as DimensionSyntax,
  Parameter,
  Type,
} from "../../grammar/syntax.ts";
import { closest } from "../../grammar/suggest.ts";
import { applyAll, parameter } from "../ir/build.ts";
import type { Attribute, Value } from "../ir/graph.ts";
import { find, inner, type Environment } from "./environment.ts";
import { evaluate, evaluateBlock } from "./expressions.ts";
import {
  constantMeaning,
  describe,
  number,
  poison,
  shapeText,
  type Dimension,
  type Meaning,
  type Passed,
  type TensorMeaning,
  type VariableMeaning,
} from "./meaning.ts";
import { ranksMeaning } from "./ranks.ts";
import { whole } from "./sizes.ts";
import { asTensor, origins, tensor } from "./tensors.ts";
import { fail, traced, type Workspace } from "./workspace.ts";

export function callDefinition(
  ws: Workspace,
  definition: Definition,
  passed: readonly Passed[],
  at: Span,
): Meaning {
  const env = inner(undefined);
  bindParameters(ws, env, definition.name.text, definition.parameters, passed, at);
  return definition.kernel === undefined
    ? resultOf(ws, env, definition.result, evaluateBlock(ws, env, definition.body), definition.body)
    : kernelCall(ws, env, definition, definition.kernel.text, at);
}

/** Runs a method body in the scope of its owner. */
export function callBody(
  ws: Workspace,
  owner: Environment,
  method: {
    readonly name: { readonly text: string };
    readonly parameters: readonly Parameter[];
    readonly result: Type | undefined;
    readonly body: Block;
  },
  passed: readonly Passed[],
  at: Span,
): Meaning {
  const env = inner(owner);
  bindParameters(ws, env, method.name.text, method.parameters, passed, at);
  return resultOf(ws, env, method.result, evaluateBlock(ws, env, method.body), method.body);
}

/** Binds arguments by place, then by name, then defaults; then checks each against its declared type. */
export function bindParameters(
  ws: Workspace,
  env: Environment,
  callee: string,
  parameters: readonly Parameter[],
  passed: readonly Passed[],
  at: Span,
): void {
  const positional = passed.filter(({ name }) => name === undefined);
  const named = new Map(
    passed.flatMap((argument) => (argument.name === undefined ? [] : [[argument.name, argument] as const])),
  );
  const names = parameters.map(({ name }) => name.text);
  if (positional.length > parameters.length) {
    fail(
      "FTL0711",
      at,
      `'${callee}' takes ${parameters.length} arguments, not ${positional.length}`,
      "too many arguments",
    );
  }
  for (const [name, { span }] of named) {
    if (names.includes(name)) continue;
    const near = closest(name, names);
    fail(
      "FTL0711",
      span,
      `'${callee}' has no parameter '${name}'`,
      near === undefined ? "unknown" : `did you mean '${near}'?`,
    );
  }
  parameters.forEach((declared, index) => {
    const argument = positional[index] ?? named.get(declared.name.text);
    if (argument === undefined && declared.default === undefined) {
      fail("FTL0711", at, `'${callee}' needs '${declared.name.text}'`, "missing here", {
        related: [{ span: declared.span, label: "declared here" }],
      });
    }
    const meaning = argument?.meaning ?? defaultOf(ws, env, declared);
    const checked =
      declared.type === undefined
        ? meaning
        : conform(ws, env, declared.type, meaning, argument?.span ?? declared.span);
    env.bindings.set(declared.name.text, checked);
  });
}

/** The value of a parameter that is not given. A share as steps is one of the run's, as in a recipe. */
function defaultOf(ws: Workspace, env: Environment, { type, default: initial }: Parameter): Meaning {
  if (initial === undefined) return poison;
  const inSteps = type?.kind === "named" && type.name.text === "steps";
  if (inSteps && initial.kind === "number" && initial.unit === "%")
    return constantMeaning({ kind: "share", of: initial.value / 100 });
  return evaluate(ws, env, initial);
}

function resultOf(
  ws: Workspace,
  env: Environment,
  type: Type | undefined,
  meaning: Meaning,
  body: Block,
): Meaning {
  const last = body.statements.at(-1)?.span ?? body.span;
  return type === undefined ? meaning : conform(ws, env, type, meaning, last);
}

/** Checks a meaning against a type, binds the names the type introduces, and gives the meaning with those dimensions. */
function conform(ws: Workspace, env: Environment, type: Type, meaning: Meaning, span: Span): Meaning {
  if (meaning.kind === "poison") return poison;
  switch (type.kind) {
    case "named":
      return conformNamed(type.name.text, meaning, span, type.span);
    case "tupleType": {
      if (meaning.kind !== "tuple" || meaning.elements.length !== type.elements.length) {
        return fail(
          "FTL0706",
          span,
          `expected ${type.elements.length} values, found ${describe(meaning)}`,
          "does not fit",
        );
      }
      return {
        kind: "tuple",
        elements: meaning.elements.map((element, index) =>
          conformAt(ws, env, type.elements[index], element, span),
        ),
      };
    }
    case "shape": {
      if (meaning.kind === "list") return meaning;
      const given = meaning.kind === "variable" ? meaning : asTensor(ws, meaning, span);
      return { ...given, dimensions: matchShape(ws, env, type.dimensions, given, span, type.span) };
    }
    default:
      return type satisfies never;
  }
}

function conformAt(
  ws: Workspace,
  env: Environment,
  type: Type | undefined,
  meaning: Meaning,
  span: Span,
): Meaning {
  return type === undefined ? meaning : conform(ws, env, type, meaning, span);
}

function conformNamed(name: string, meaning: Meaning, span: Span, declared: Span): Meaning {
  if (name === "ranks") return ranksMeaning(meaning, span);
  const kinds: Readonly<Record<string, readonly Meaning["kind"][]>> = {
    number: ["number", "scalar", "none"],
    boolean: ["boolean", "none"],
    string: ["string", "none"],
    steps: ["number", "scalar", "none"],
  };
  const wanted = kinds[name];
  if (wanted === undefined || wanted.includes(meaning.kind)) return meaning;
  return fail("FTL0703", span, `expected a ${name}, found ${describe(meaning)}`, "does not fit", {
    related: [{ span: declared, label: "declared here" }],
  });
}

/** Compares a tensor's axes with a declared shape. A bare name that is not in scope is bound to the size it meets. */
function matchShape(
  ws: Workspace,
  env: Environment,
  declared: readonly DimensionSyntax[],
  given: TensorMeaning | VariableMeaning,
  span: Span,
  typeSpan: Span,
): readonly Dimension[] {
  const { dimensions } = given;
  const spread = declared.findIndex(({ kind }) => kind === "any");
  const fixed = declared.length - (spread === -1 ? 0 : 1);
  const misfit = (label: string, related: readonly Dimension[] = []): never =>
    fail("FTL0715", span, `the shape ${shapeText(dimensions)} does not fit the declared one`, label, {
      related: [{ span: typeSpan, label: "declared here" }, ...origins(related)],
    });
  if (spread === -1 ? dimensions.length !== fixed : dimensions.length < fixed)
    misfit(`${dimensions.length} axes`);
  const extra = dimensions.length - fixed;
  return dimensions.map((dimension, axis) => {
    if (spread !== -1 && axis >= spread && axis < spread + extra) return dimension;
    const size = declared[spread !== -1 && axis >= spread + extra ? axis - extra + 1 : axis];
    if (size?.kind !== "size") return dimension;
    const { value } = size;
    if (value.kind === "reference" && find(env, value.name.text) === undefined) {
      const named = { ...dimension, label: value.name.text };
      env.bindings.set(value.name.text, number(dimension.size, named));
      return named;
    }
    const meaning = evaluate(ws, env, value);
    const wanted = whole(meaning, value.span);
    if (wanted !== dimension.size) {
      misfit(`${dimension.size} where ${wanted} is declared`, [
        dimension,
        ...(meaning.kind === "number" && meaning.dimension ? [meaning.dimension] : []),
      ]);
    }
    return meaning.kind === "number" && meaning.dimension !== undefined ? meaning.dimension : dimension;
  });
}

function kernelCall(
  ws: Workspace,
  env: Environment,
  definition: Definition,
  kernel: string,
  at: Span,
): Meaning {
  const attributes: Record<string, Attribute> = { function: definition.name.text, kernel };
  const inputs: Value[] = [];
  const parameters: Value[] = [];
  for (const { name } of definition.parameters) {
    const meaning = find(env, name.text);
    if (meaning?.kind === "number" || meaning?.kind === "boolean") attributes[name.text] = meaning.value;
    if (meaning?.kind !== "tensor" && meaning?.kind !== "variable") continue;
    const { value, dimensions } = asTensor(ws, meaning, at);
    const stand = parameter(value, name.text, { ...ws.origin, source: definition.span });
    inputs.push(value);
    parameters.push(stand);
    env.bindings.set(name.text, tensor(stand, dimensions));
  }
  const { result } = traced(ws, () =>
    resultOf(ws, env, definition.result, evaluateBlock(ws, env, definition.body), definition.body),
  );
  if (result.kind === "poison") return poison;
  const elements = result.kind === "tuple" ? result.elements : [result];
  const results = elements.map((element) => asTensor(ws, element, at));
  const region = { parameters, results: results.map(({ value }) => value) };
  const outputs = applyAll("call", inputs, attributes, [region], { ...ws.origin, source: at });
  const meanings = outputs.map((value, index) => tensor(value, results[index]?.dimensions ?? []));
  const [only] = meanings;
  return result.kind === "tuple" || only === undefined ? { kind: "tuple", elements: meanings } : only;
}
