// Parts of a model and where they stand: what the model, its layers and its adapters share.
import { textOf } from "../../grammar/source.ts";
import type { Declaration, Method } from "../../grammar/syntax.ts";
import type { Environment } from "./environment.ts";
import { evaluate } from "./expressions.ts";
import { callBody } from "./functions.ts";
import type {
  Declared,
  Dimension,
  FunctionMeaning,
  Meaning,
  NumberMeaning,
  RecordMeaning,
} from "./meaning.ts";
import { dimensionFrom } from "./sizes.ts";
import { within, type Workspace } from "./workspace.ts";

/** Where a part stands: its name in the checkpoint, its name within its layer, and the name shown with `{i}` for the layer's number. */
export interface Place {
  readonly path: string;
  readonly local: string;
  readonly shown: string;
  readonly layer: Declared["layer"];
  /** The module that stands there, and the role it was given with `as`. */
  readonly module?: Declared["module"];
  /** In a layer: everything declared there so far, by local name. */
  readonly declared?: Map<string, Declared>;
  /** In a layer: its number, how many layers there are, and what to do when a body looks at the number. */
  readonly numbered?: {
    readonly number: NumberMeaning;
    readonly count: number;
    readonly onUse: () => void;
  };
}

/** What an adapter can be on: a module of the model, a layer of it ("block"), or the model itself. */
export interface Part {
  /** The module's name, "block" or "model". */
  readonly what: string;
  readonly place: Place;
  readonly role: string | undefined;
  /** The module's dimensions by name. */
  readonly dimensions: ReadonlyMap<string, Meaning>;
}

export function join(...names: readonly string[]): string {
  return names.filter((name) => name !== "").join(".");
}

/** The place of what is called `name` inside a place. */
export function inside(place: Place, name: string): Place {
  return {
    ...place,
    path: join(place.path, name),
    local: join(place.local, name),
    shown: join(place.shown, name),
  };
}

/** What a body has declared, as a record; `forward` is what calling it does. */
export function record(label: string, env: Environment): RecordMeaning {
  const forward = env.bindings.get("forward");
  const call = forward?.kind === "function" ? forward : undefined;
  return { kind: "record", label, fields: env.bindings, open: false, call };
}

/** A named body of a definition as a function. */
export function methodMeaning(ws: Workspace, env: Environment, method: Method): FunctionMeaning {
  return {
    kind: "function",
    label: method.name.text,
    parameters: method.parameters.length,
    names: method.parameters.map(({ name }) => name.text),
    call: (passed, at) => callBody(ws, env, method, passed, at.span),
  };
}

/** The sizes a declaration gives in brackets; a list of sizes, such as a part of another tensor's shape, counts as its elements. */
export function declaredShape(
  ws: Workspace,
  env: Environment,
  declaration: Declaration,
): readonly Dimension[] {
  return (declaration.shape ?? []).flatMap((size) => {
    const meaning = evaluate(ws, env, size);
    const label = meaning.kind === "list" ? "" : textOf(size.span);
    const sizes = meaning.kind === "list" ? meaning.elements : [meaning];
    return sizes.map((each) => dimensionFrom(each, label, size.span));
  });
}

/** The function with the part's path as the origin of what it traces. */
export function located(
  ws: Workspace,
  place: Place,
  call: FunctionMeaning | undefined,
): FunctionMeaning | undefined {
  if (call === undefined) return undefined;
  return { ...call, call: (passed, at) => within(ws, place.shown, () => call.call(passed, at)) };
}
