// The program "initialize": the first values that are drawn from the seed or computed from other variables, such as the norms of
// the weights that an adapter stands on. The model's own weights come first: what is computed from them sees them.
// A stack is made part by part, so that no kernel binds all of it.
import type { Value } from "../ir/graph.ts";
import type { Span } from "../../grammar/source.ts";
import { describe, number, type Declared, type Purpose } from "./meaning.ts";
import { traceProgram, type Traced } from "./programs.ts";
import { layerNumber, layerNumbers, overParts, type Stacked } from "./stacks.ts";
import { casted } from "./tensors.ts";
import { emit, fail, type Workspace } from "./workspace.ts";

/** `known` are the variables of the other programs, among them the stacks that layers' variables lie in. */
export function initializeProgram(
  ws: Workspace,
  drawn: readonly Declared[],
  known: readonly Declared[],
  span: Span,
): Traced {
  const weights = drawn.filter(({ kind }) => kind === "weights");
  const others = drawn.filter(({ kind }) => kind !== "weights");
  return traceProgram(ws, "initialize", () => {
    const made = new Map<string, Value>();
    ws.frame = { ...ws.frame, made };
    return [...weights, ...others].map((declared) => {
      const value = firstValue(ws, declared, known, span);
      made.set(declared.name, value);
      return { declared, value };
    });
  });
}

function firstValue(ws: Workspace, declared: Declared, known: readonly Declared[], span: Span): Value {
  const { parts, shape, shown } = declared;
  if (parts === undefined)
    return fill(ws, declared, shape, { name: shown, part: layerNumber(ws, declared, span) }, span);
  const numbers = layerNumbers(ws, parts, span);
  const stackOf = (part: Declared): Stacked | undefined =>
    part.layer === undefined ? undefined : { stack: stackBeside(parts, part, known), whole: true };
  const work = { run: { first: 0, count: parts.length }, constants: [], stacks: [numbers], stackOf };
  const [stack] = overParts(ws, work, span, (_, slices) =>
    slices.map((part) => fill(ws, declared, shape.slice(1), { name: shown, part }, span)),
  );
  return stack ?? numbers;
}

/** The stack that a variable of the first of some layers lies in; it is gathered from the same layers. */
function stackBeside(parts: readonly Declared[], first: Declared, known: readonly Declared[]): Declared {
  const stack = known.find(
    (each) =>
      each.parts?.length === parts.length &&
      each.parts[0]?.name === first.name &&
      each.parts.every(({ layer }, at) => layer?.index === parts[at]?.layer?.index),
  );
  if (stack === undefined) throw new Error(`no stack holds '${first.shown}' of these layers`);
  return stack;
}

function fill(
  ws: Workspace,
  declared: Declared,
  shape: readonly number[],
  purpose: Purpose,
  span: Span,
): Value {
  const initial = declared.initial ?? number(0);
  if (initial.kind === "initial")
    return casted(ws, initial.draw({ shape, type: "f32" }, purpose), declared.type, span);
  if (initial.kind === "number")
    return emit(ws, span, "constant", [], { value: initial.value, type: declared.type, shape });
  return fail(
    "FTL0703",
    span,
    `expected an initial value, found ${describe(initial)}`,
    "not an initial value",
  );
}
