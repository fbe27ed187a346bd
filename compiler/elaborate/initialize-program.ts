// The program "initialize": the first values that are drawn from the seed or computed from other variables, such as the norms of
// the weights that an adapter stands on. The model's own weights come first: what is computed from them sees them.
// A stack is made part by part, so that no kernel binds all of it.
import type { Value } from "../ir/graph.ts";
import type { Span } from "../../grammar/source.ts";
import { describe, number, type Declared, type Purpose } from "./meaning.ts";
import { holderOf, traceProgram, type Traced, type Write } from "./programs.ts";
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
    return together([...weights, ...others]).flatMap((declared) => {
      const values = firstValues(ws, declared, known, span);
      return declared.flatMap((each, index): readonly Write[] => {
        const value = values[index];
        if (value === undefined) return [];
        made.set(each.name, value);
        return [{ declared: each, value }];
      });
    });
  });
}

/** Tensors that hold one tensor in a format come about together, in the format's order; all others alone. */
function together(drawn: readonly Declared[]): readonly (readonly Declared[])[] {
  const seen = new Set<Declared>();
  return drawn.flatMap((declared): readonly (readonly Declared[])[] => {
    if (seen.has(declared)) return [];
    const beside = besideIn(drawn, declared);
    for (const each of beside) seen.add(each);
    return [beside];
  });
}

/** The tensors, or stacks of them, that hold the same tensor in a format as this one; itself alone where it holds none. */
export function besideIn(all: readonly Declared[], declared: Declared): readonly Declared[] {
  const held = holderOf(declared)?.held;
  if (held === undefined) return [declared];
  const count = declared.parts?.length;
  return held.tensors.flatMap(
    ({ name }) =>
      all.find((each) => (each.parts?.[0] ?? each).name === name && each.parts?.length === count) ?? [],
  );
}

/** The first values of a variable, or of those that hold one tensor in a format. */
function firstValues(
  ws: Workspace,
  declared: readonly Declared[],
  known: readonly Declared[],
  span: Span,
): readonly Value[] {
  const [first] = declared;
  if (first === undefined) return [];
  const { parts } = first;
  const whole = holderOf(first);
  // A stack's name has {i} where the layer's number stands, and so has that of what its parts hold.
  const { shown } = whole ?? first;
  const one = (part: Value | undefined): readonly Value[] => {
    const purpose = { name: shown, part };
    if (whole?.held === undefined)
      return [fill(ws, first, parts === undefined ? first.shape : first.shape.slice(1), purpose, span)];
    return whole.held.encode(casted(ws, fill(ws, whole, whole.shape, purpose, span), "f32", span));
  };
  if (parts === undefined) return one(layerNumber(ws, first, span));
  const numbers = layerNumbers(ws, parts, span);
  const stackOf = (part: Declared): Stacked | undefined =>
    part.layer === undefined ? undefined : { stack: stackBeside(parts, part, known), whole: true };
  const work = { run: { first: 0, count: parts.length }, constants: [], stacks: [numbers], stackOf };
  return overParts(ws, work, span, (_, slices) => slices.flatMap(one));
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
