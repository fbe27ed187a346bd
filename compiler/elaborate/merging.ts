// The programs that put adapters into the weights they stand on. An adapter says how in its method `merge`, whose parameters name
// weights of its base (none where the base has no such weight) and which gives their new values in the same order: `merge(W, b)`.
// Of several adapters on one part, each changes what the one before it left.
//
// A program takes one part's tensors in f32 from the host and leaves the merged weights in their place, so that device and host hold
// one part at a time whatever the size of the model. Parts that are merged alike share a program. Where the recipe holds the weights in a
// format, the adapters were trained on what that leaves of them: the program measures how far it lies from the weights themselves.
import { problem } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import type { Expression } from "../../grammar/syntax.ts";
import type { Region, Value } from "../ir/graph.ts";
import { inline, makeParameter } from "../passes/rebuild.ts";
import type { AdapterUse } from "./adapters.ts";
import { heldIn, type FormatUse } from "./formats.ts";
import { stateVariable } from "./io.ts";
import { structure } from "./layers.ts";
import {
  none,
  type Declared,
  type FunctionMeaning,
  type Meaning,
  type RecordMeaning,
  type VariableMeaning,
} from "./meaning.ts";
import { isHeld } from "./model.ts";
import type { Place } from "./parts.ts";
import type { Traced } from "./programs.ts";
import { asTensor, casted } from "./tensors.ts";
import { emit, guarded, read, traced, type Workspace } from "./workspace.ts";

/** A part of the model with the adapters that stand on it, in their order. */
export interface AdaptedPart {
  readonly place: Place;
  /** The part without them. */
  readonly base: RecordMeaning;
  readonly steps: readonly MergeStep[];
}

export interface MergeStep {
  readonly use: AdapterUse;
  /** The adapter's method; undefined where its definition has none. */
  readonly merge: FunctionMeaning | undefined;
}

/** How one part is merged: the program, and what each of its variables is to be given. */
export interface Merge {
  readonly program: string;
  /** The part's path in the model. */
  readonly path: string;
  readonly tensors: readonly MergeTensor[];
  /**
   * The variable in which the program leaves how far the weights lie from what the recipe's format holds of them: the sum of squared
   * differences, the sum of squares, and the largest difference. Undefined where none of them is held in a format.
   */
  readonly difference: string | undefined;
}

export interface MergeTensor {
  readonly variable: string;
  /** The tensor's name in the model's files, or the adapter's. */
  readonly key: string;
  /** Undefined for a weight of the model. */
  readonly adapter: string | undefined;
  /** Whether the program leaves a new value in the variable. */
  readonly changed: boolean;
}

export interface Merging {
  readonly programs: readonly Traced[];
  readonly merges: readonly Merge[];
}

export const noMerging: Merging = { programs: [], merges: [] };

/** What cannot be merged is reported, once for each adapter. */
export function mergePrograms(
  ws: Workspace,
  parts: readonly AdaptedPart[],
  format: FormatUse | undefined,
  span: Span,
): Merging {
  const refused = new Set<AdapterUse>();
  for (const { use, merge } of parts.flatMap(({ steps }) => steps)) {
    if (merge !== undefined || refused.has(use)) continue;
    refused.add(use);
    ws.diagnostics.push(refusal(use));
  }
  if (refused.size > 0) return noMerging;
  const known = new Map<string, Traced>();
  const merges = parts.flatMap((part) => guarded(ws, [], () => [mergeOf(ws, part, format, known, span)]));
  return { programs: [...known.values()], merges };
}

function refusal({ settings, definition }: AdapterUse): ReturnType<typeof problem> {
  const on = definition.on.map(({ text }) => text);
  const why = on.includes("linear")
    ? "its definition has no merge(…)"
    : `it stands on ${on.join(" and ")}, and no weight of the model could do its work`;
  const message = `adapter '${settings.alias}' cannot be put into the weights: ${why}`;
  return problem("FTL0747", settings.name.span, message, "stays an adapter", {
    related: [{ span: definition.name.span, label: "defined here" }],
  });
}

function mergeOf(
  ws: Workspace,
  part: AdaptedPart,
  format: FormatUse | undefined,
  known: Map<string, Traced>,
  span: Span,
): Merge {
  const { place } = part;
  const work = (): Made => {
    const written = merged(ws, part, span);
    const held = written.flatMap(({ weight }) =>
      isHeld(weight.variable, weight.dimensions) ? [weight.variable] : [],
    );
    const difference =
      format === undefined || held.length === 0 ? undefined : differenceOf(ws, format, held, span);
    return { written, difference };
  };
  const { result, frame } = traced(ws, work, { reads: new Map(), made: layerNumbers(ws, place, span) });
  const { written, difference } = result;
  const reads = [...frame.reads.values()];
  const parameters = reads.map(({ value }, index) => makeParameter(`value_${index}`, value));
  const traces = {
    parameters: reads.map(({ value }) => value),
    results: [...written.map(({ value }) => value), ...(difference === undefined ? [] : [difference])],
  };
  const region: Region = { parameters, results: inline(traces, parameters) };
  const places = written.map(({ weight }) =>
    reads.findIndex(({ declared }) => declared.name === weight.variable.name),
  );
  const key = `${structure(region)} ${places.join()}`;
  const program = known.get(key) ?? programOf(`merge_${known.size}`, region, reads, places, span);
  known.set(key, program);
  const tensors = reads.map(({ declared }, index): MergeTensor => ({
    variable: program.program.reads[index] ?? "",
    key: declared.key,
    adapter: declared.adapter,
    changed: places.includes(index),
  }));
  const { name } = program.program;
  const measured = difference === undefined ? undefined : differenceName(name);
  return { program: name, path: place.path, tensors, difference: measured };
}

interface Made {
  readonly written: readonly Written[];
  readonly difference: Value | undefined;
}

interface Written {
  readonly weight: VariableMeaning;
  readonly value: Value;
}

function differenceName(program: string): string {
  return `${program}.difference`;
}

/** [3]: the sum of squared differences of the weights and what a format holds of them, the sum of squares, the largest difference. */
function differenceOf(ws: Workspace, format: FormatUse, weights: readonly Declared[], span: Span): Value {
  const { frame } = ws;
  const whole = (value: Value, operation: "sum" | "max"): Value => {
    const axes = value.shape.map((_, axis) => axis);
    return emit(ws, span, "reshape", [emit(ws, span, operation, [value], { axes })], { shape: [1] });
  };
  const measured = weights.map((variable) => {
    const given = casted(ws, read(ws, variable), "f32", span);
    const own = heldIn(ws, format, variable, { use: "weight", signed: true }).held;
    if (own === undefined) throw new Error(`${variable.name} has no format`);
    const codes = own.encode(given);
    const made = new Map(
      [...(frame.made ?? []), ...own.tensors.map(({ name }, at) => [name, codes[at]] as const)].flatMap(
        ([name, value]) => (value === undefined ? [] : [[name, value] as const]),
      ),
    );
    ws.frame = { ...frame, made };
    const kept = own.decode();
    ws.frame = frame;
    const off = emit(ws, span, "subtract", [given, kept]);
    return {
      squares: [
        whole(emit(ws, span, "multiply", [off, off]), "sum"),
        whole(emit(ws, span, "multiply", [given, given]), "sum"),
      ],
      most: whole(emit(ws, span, "abs", [off]), "max"),
    };
  });
  const over = (operation: "add" | "maximum", values: readonly Value[]): Value =>
    values.reduce((all, value) => emit(ws, span, operation, [all, value]));
  const parts = [
    over(
      "add",
      measured.flatMap(({ squares }) => squares.slice(0, 1)),
    ),
    over(
      "add",
      measured.flatMap(({ squares }) => squares.slice(1)),
    ),
    over(
      "maximum",
      measured.map(({ most }) => most),
    ),
  ];
  return emit(ws, span, "concat", parts, { axis: 0 });
}

/** New values of the part's weights, as they are stored. */
function merged(ws: Workspace, { base, steps }: AdaptedPart, span: Span): readonly Written[] {
  const at: Expression = { kind: "missing", span };
  const now = new Map<string, Meaning>();
  for (const { merge } of steps) {
    if (merge === undefined) continue;
    const names = merge.names ?? [];
    const result = merge.call(
      names.map((name) => ({ name, meaning: now.get(name) ?? base.fields.get(name) ?? none, span })),
      at,
    );
    const values = names.length > 1 && result.kind === "tuple" ? result.elements : [result];
    for (const [index, name] of names.entries()) {
      const value = values[index];
      if (value !== undefined && weightOf(base, name) !== undefined) now.set(name, value);
    }
  }
  return [...now].flatMap(([name, meaning]) => {
    const weight = weightOf(base, name);
    if (weight === undefined || meaning === weight || meaning.kind === "none") return [];
    const { value } = asTensor(ws, meaning, span);
    const { order } = weight;
    const stored =
      order === undefined
        ? value
        : emit(ws, span, "permute", [value], { permutation: order.map((_, axis) => order.indexOf(axis)) });
    return [{ weight, value: stored }];
  });
}

function weightOf(base: RecordMeaning, name: string): VariableMeaning | undefined {
  const found = base.fields.get(name);
  return found?.kind === "variable" && found.variable.kind === "weights" ? found : undefined;
}

/** A layer's number is known where one layer is merged by itself. */
function layerNumbers(
  ws: Workspace,
  { numbered }: Place,
  span: Span,
): ReadonlyMap<string, ReturnType<typeof emit>> {
  const counter = numbered?.number.counter;
  if (numbered === undefined || counter === undefined) return new Map();
  const { value } = numbered.number;
  return new Map([[counter.name, emit(ws, span, "constant", [], { value, type: "i32", shape: [] })]]);
}

type Reads = readonly { readonly declared: Declared }[];

/** The program over variables of its own, which the host fills. */
function programOf(
  name: string,
  region: Region,
  reads: Reads,
  places: readonly number[],
  span: Span,
): Traced {
  const declared = reads.map(({ declared: each }, index): Declared =>
    each.from === "table" || each.from === "host"
      ? each
      : { ...each, name: `${name}.${index}`, shown: `${name}.${index}`, from: "host", trainable: false },
  );
  const names = declared.map((each) => each.name);
  const writes = places.map((place) => names[place] ?? "");
  const more = region.results
    .slice(places.length)
    .map(({ shape }): Declared => ({ ...stateVariable(differenceName(name), "io", span), shape }));
  return {
    program: { name, reads: names, writes: [...writes, ...more.map((each) => each.name)], region },
    declared: [...declared, ...more],
  };
}
