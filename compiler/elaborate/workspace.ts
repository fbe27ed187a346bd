// What elaboration works with while it runs: the mistakes found so far, the region being traced, the scalars the host is to
// compute. A mistake inside an expression is thrown as a `Problem` and caught at the statement, so that the next one is still read.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import { apply, inferTypes, parameter } from "../ir/build.ts";
import type { Attributes, HostScalar, Origin, Region, ScalarExpression, Value } from "../ir/graph.ts";
import type { Said } from "../language/settings.ts";
import type { Declared, Meaning, NumberMeaning, Passed, VariableMeaning } from "./meaning.ts";

/** Carries a diagnostic out of an expression. */
export class Problem extends Error {
  readonly diagnostic: Diagnostic;
  constructor(diagnostic: Diagnostic) {
    super(diagnostic.message);
    this.diagnostic = diagnostic;
  }
}

/** Unwinds from an expression whose mistake has been reported already. */
export class Silenced extends Error {}

/** Finds the library's and the recipe's definitions as seen from a file. */
export interface Library {
  lookup(what: Definition["what"], name: string, from: Span): Definition | undefined;
}

/** A region being traced: the variables it has read so far, by name, in order. */
export interface Frame {
  readonly reads: Map<string, { readonly declared: Declared; readonly value: Value }>;
  /** What states of modules are given, by variable; absent where nothing can be kept: in work on parts of rows. */
  readonly writes?: Map<string, { readonly declared: Declared; readonly value: Value }>;
  /** What variables hold that the program has given a value already, where it is to be read in their place. */
  readonly made?: ReadonlyMap<string, Value>;
}

/** Whom random masks are drawn for in the program at hand: the same mask is never drawn twice, nor for two places. */
export interface Draws {
  /** Rows of a micro-batch. */
  readonly rows: number;
  /** The adapter at work, or "". */
  readonly adapter: string;
  /** The counter of the layer at work. */
  readonly layer: Declared | undefined;
  /** How often each place has drawn. */
  readonly drawn: Map<string, number>;
}

export interface Workspace {
  readonly diagnostics: Diagnostic[];
  readonly library: Library;
  /** Calls a function of the library: the knot of the recursion between expressions and calls, tied in `elaborate.ts`. */
  readonly callDefinition: (
    ws: Workspace,
    definition: Definition,
    passed: readonly Passed[],
    at: Span,
  ) => Meaning;
  /** Positions of a row, with those that adapters put in front, and where the recipe says them: the name `length` in architectures. */
  length: Said<number>;
  readonly scalars: HostScalar[];
  /** The scalars of the step in the region at hand, where the device takes them from a table by its count of updates. */
  now?: Value | undefined;
  frame: Frame;
  origin: Origin;
  /** Absent where nothing is dropped: outside of training. */
  draws?: Draws | undefined;
  /** Where rows come in pieces: how many positions came before, a number or a variable of the host's. */
  past?: NumberMeaning | VariableMeaning | undefined;
}

/** Slots of the variable "scalars"; it fills one unit of the usual alignment, 256 bytes. */
export const scalarSlots = 64;

export function fail(
  code: string,
  span: Span,
  message: string,
  label: string,
  extra?: Parameters<typeof problem>[4],
): never {
  throw new Problem(problem(code, span, message, label, extra));
}

/** Runs `work`; a mistake inside is recorded, once, and `otherwise` returned. */
export function guarded<T>(ws: Workspace, otherwise: T, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (error instanceof Problem) ws.diagnostics.push(error.diagnostic);
    else if (!(error instanceof Silenced)) throw error;
    return otherwise;
  }
}

/** Applies an operation at a place in the source; inputs that do not fit are the reader's mistake. */
export function emit(
  ws: Workspace,
  span: Span,
  operation: string,
  inputs: readonly Value[],
  attributes: Attributes = {},
  regions: readonly Region[] = [],
): Value {
  const types = inferTypes(operation, inputs, attributes, regions);
  if ("misfit" in types)
    fail("FTL0701", span, `'${operation}' does not fit: ${types.misfit}`, "does not fit");
  return apply(operation, inputs, attributes, regions, { ...ws.origin, source: span });
}

/** The value of a variable in the region at hand. */
export function read(ws: Workspace, declared: Declared): Value {
  const known = ws.frame.made?.get(declared.name) ?? ws.frame.reads.get(declared.name)?.value;
  if (known !== undefined) return known;
  const value = parameter({ shape: declared.shape, type: declared.type }, declared.local, {
    ...ws.origin,
    source: declared.span,
  });
  ws.frame.reads.set(declared.name, { declared, value });
  return value;
}

/** Traces `work` into a frame, of its own unless one is given, and gives what it read, in order. */
export function traced<T>(
  ws: Workspace,
  work: () => T,
  frame: Frame = { reads: new Map() },
): { readonly result: T; readonly frame: Frame } {
  const outer = ws.frame;
  ws.frame = frame;
  try {
    return { result: work(), frame };
  } finally {
    ws.frame = outer;
  }
}

/** Runs `work` on pieces of rows that `past` positions came before. */
export function after<T>(ws: Workspace, past: NonNullable<Workspace["past"]>, work: () => T): T {
  const outer = ws.past;
  ws.past = past;
  try {
    return work();
  } finally {
    ws.past = outer;
  }
}

/** Runs `work` with other draws. */
export function drawing<T>(ws: Workspace, draws: Draws | undefined, work: () => T): T {
  const outer = ws.draws;
  ws.draws = draws;
  try {
    return work();
  } finally {
    ws.draws = outer;
  }
}

/** Runs `work` with the step's scalars taken from a table. */
export function taking<T>(ws: Workspace, now: Value | undefined, work: () => T): T {
  const outer = ws.now;
  ws.now = now;
  try {
    return work();
  } finally {
    ws.now = outer;
  }
}

/** Runs `work` with the part of the model at `path` as the origin of what it builds. */
export function within<T>(ws: Workspace, path: string, work: () => T): T {
  const outer = ws.origin;
  ws.origin = { ...outer, path };
  try {
    return work();
  } finally {
    ws.origin = outer;
  }
}

/** The slot of a host scalar in the variable "scalars"; equal expressions share one. */
export function scalarSlot(ws: Workspace, expression: ScalarExpression, span: Span): number {
  return slotsFor(ws, scalarText(expression), [expression], span);
}

/** Numbers that an update can have while the host does not know which it is: reports of steps are read one or two later. */
export const updateRows = 4;

/** The place of a host scalar in a table: what it is for the update that the host names, and for those after it. */
export function tablePlace(ws: Workspace, expression: ScalarExpression, span: Span): number {
  const rows = Array.from({ length: updateRows }, (_, row) => later(expression, row));
  return slotsFor(ws, `table of ${scalarText(expression)}`, rows, span) / updateRows;
}

/** Slots side by side, from a multiple of their number on. */
function slotsFor(ws: Workspace, name: string, expressions: readonly ScalarExpression[], span: Span): number {
  const known = ws.scalars.findIndex((scalar) => scalar.name === name);
  if (known !== -1) return known;
  const first = Math.ceil(ws.scalars.length / expressions.length) * expressions.length;
  if (first + expressions.length > scalarSlots) {
    fail("FTL0702", span, `more than ${scalarSlots} different scalars of the step are used`, "one too many");
  }
  while (ws.scalars.length < first) ws.scalars.push({ name: `unused ${ws.scalars.length}`, expression: 0 });
  expressions.forEach((expression, row) =>
    ws.scalars.push({ name: row === 0 ? name : `${name} (${row} later)`, expression }),
  );
  return first;
}

/** The expression for an update so many later. */
function later(expression: ScalarExpression, row: number): ScalarExpression {
  if (row === 0 || typeof expression === "number") return expression;
  if ("name" in expression)
    return expression.name === "update" ? { apply: "add", to: [expression, row] } : expression;
  return { apply: expression.apply, to: expression.to.map((operand) => later(operand, row)) };
}

/** A host scalar as text: "power(0.9, update)". */
function scalarText(expression: ScalarExpression): string {
  if (typeof expression === "number") return String(expression);
  if ("name" in expression) return expression.name;
  return `${expression.apply}(${expression.to.map(scalarText).join(", ")})`;
}
