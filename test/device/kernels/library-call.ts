// Calls of library functions, as elaboration makes them of a definition and its arguments: what kernels that stand in for them are given.
import { callDefinition } from "../../../compiler/elaborate/functions.ts";
import type { Passed } from "../../../compiler/elaborate/meaning.ts";
import { anonymous, asTensor, tensor } from "../../../compiler/elaborate/tensors.ts";
import type { Workspace } from "../../../compiler/elaborate/workspace.ts";
import { parameter } from "../../../compiler/ir/build.ts";
import type { ElementType, Node } from "../../../compiler/ir/graph.ts";
import { resolve } from "../../../compiler/language/resolve.ts";
import type { Span } from "../../../grammar/source.ts";

const { scope } = resolve({ path: "test.ftl", text: "" }, () => undefined);
const span: Span = { source: { path: "test.ftl", text: "" }, start: 0, end: 0 };

/** A tensor among the arguments. */
export function given(name: string, shape: readonly number[], type: ElementType = "f32"): Passed {
  const axes = shape.map((size) => anonymous(size, span));
  return { name: undefined, meaning: tensor(parameter({ shape, type }, name), axes), span };
}

export function constant(value: number | boolean): Passed {
  const meaning =
    typeof value === "number" ? ({ kind: "number", value } as const) : ({ kind: "boolean", value } as const);
  return { name: undefined, meaning, span };
}

/** The call of a function with a kernel and several results. */
export function libraryCall(name: string, passed: readonly Passed[]): Node {
  const library: Workspace["library"] = {
    lookup: (what, called, from) =>
      scope.lookup(what, called, from.source.path) ?? scope.inLibrary(what, called),
  };
  const ws: Workspace = {
    diagnostics: [],
    library,
    callDefinition,
    length: { value: 1, span },
    scalars: [],
    frame: { reads: new Map() },
    origin: { source: span, recipe: undefined, path: "" },
  };
  const definition = scope.inLibrary("function", name);
  if (definition === undefined) throw new Error(`the library has no function ${name}`);
  const result = callDefinition(ws, definition, passed, span);
  const [first] = result.kind === "tuple" ? result.elements : [];
  if (first === undefined) throw new Error(`${name} has no results`);
  return asTensor(ws, first, span).value.node;
}
