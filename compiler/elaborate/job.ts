// What a training job is made of beside the model and its task, and how the definitions that a recipe chose for it (optimizer, schedule)
// are run: bodies of methods become functions in a scope of their own.
import type { Span } from "../../grammar/source.ts";
import type { Definition, Method } from "../../grammar/syntax.ts";
import { inner, type Environment, type Owner } from "./environment.ts";
import type { ElementType } from "../ir/graph.ts";
import { evaluateStatements } from "./expressions.ts";
import { bindParameters } from "./functions.ts";
import type { FormatUse } from "./formats.ts";
import type { LossScale } from "./loss-scale.ts";
import type { Group } from "./groups.ts";
import type { FunctionMeaning, Passed } from "./meaning.ts";
import { methodMeaning } from "./parts.ts";
import { fail, type Workspace } from "./workspace.ts";

/** What the recipe chose beside the model. */
export interface Job {
  readonly rows: number;
  readonly tokens: number;
  /** Where the recipe says how many rows and positions there are. */
  readonly rowsSpan: Span;
  readonly tokensSpan: Span;
  /** Positions of every row that adapters put in front of it, so that its own count from there. */
  readonly front: number;
  /** Positions that every document leaves free for adapters to fill, which `tokens` includes once. */
  readonly room: number;
  readonly optimizer: Definition;
  readonly optimizerOptions: readonly Passed[];
  /** What the optimizer's states that are one number a weight are held in. */
  readonly state: { readonly type: ElementType } | { readonly format: FormatUse };
  /** Where the recipe chooses the optimizer. */
  readonly optimizerSpan: Span;
  readonly groups: readonly Group[];
  /** How gradients are had: by backpropagation if undefined. */
  readonly method:
    { readonly definition: Definition; readonly options: readonly Passed[]; readonly span: Span } | undefined;
  readonly schedule: Definition;
  readonly scheduleOptions: readonly Passed[];
  readonly clip: number | undefined;
  /** What the loss is multiplied by while its gradients are made; undefined: nothing, and no step is skipped. */
  readonly lossScale: LossScale | undefined;
  readonly span: Span;
}

/** A definition with its parameters bound, and the function of that name in it. */
export function functionOf(
  ws: Workspace,
  definition: Definition,
  options: readonly Passed[],
  name: string,
  span: Span,
): FunctionMeaning {
  const env = inner(undefined, ownerOfMethods(ws));
  bindParameters(ws, env, definition.name.text, definition.parameters, options, span);
  evaluateStatements(ws, env, definition.body.statements);
  const found = env.bindings.get(name);
  if (found?.kind === "function") return found;
  return withoutMethod(definition, name);
}

/** Reports that a definition lacks a method that its kind must have. */
export function withoutMethod(definition: Definition, name: string): never {
  return fail(
    "FTL0719",
    definition.name.span,
    `${definition.what} '${definition.name.text}' has no ${name}(…)`,
    "missing here",
  );
}

function ownerOfMethods(ws: Workspace): Owner {
  return {
    method: (method: Method, env: Environment) =>
      env.bindings.set(method.name.text, methodMeaning(ws, env, method)),
  };
}
