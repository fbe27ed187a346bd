// Programs from traced regions: what a region read becomes the program's reads, and every variable that any program touches is
// gathered once, with its stored type and where its first value comes from.
import type { Settings } from "../language/settings.ts";
import {
  bytesOf,
  sizeOf,
  topological,
  type Initial,
  type Program,
  type Region,
  type Value,
  type Variable,
} from "../ir/graph.ts";
import type { Declared, Meaning } from "./meaning.ts";
import { traced, type Frame, type Workspace } from "./workspace.ts";

/** What a program leaves in a variable. */
export interface Write {
  readonly declared: Declared;
  readonly value: Value;
}

/** A program under construction, and the variables it reads or writes. */
export interface Traced {
  readonly program: Program;
  readonly declared: readonly Declared[];
}

/**
 * Traces `work` as a program that leaves what it returns and what modules keep; in a frame that several programs share, where one is
 * given: there nothing is kept.
 */
export function traceProgram(
  ws: Workspace,
  name: string,
  work: () => readonly Write[],
  shared?: Frame,
): Traced {
  const { result, frame } = traced(ws, work, shared ?? { reads: new Map(), writes: new Map() });
  return assemble(name, frame, [...result, ...(frame.writes?.values() ?? [])]);
}

/** Of what the frame has read, the program reads what its results hang on. */
function assemble(name: string, frame: Frame, writes: readonly Write[]): Traced {
  const used = new Set(topological(writes.map(({ value }) => value)));
  const reads = [...frame.reads.values()].filter(({ value }) => used.has(value.node));
  const region: Region = {
    parameters: reads.map(({ value }) => value),
    results: writes.map(({ value }) => value),
  };
  const program = {
    name,
    reads: reads.map(({ declared }) => declared.name),
    writes: writes.map(({ declared }) => declared.name),
    region,
  };
  return { program, declared: [...reads, ...writes].map(({ declared }) => declared) };
}

/** How the first values of weights come about: read from files, or drawn from a seed. */
export interface Beginnings {
  readonly randomWeights: boolean;
}

/** The variables of all programs, each once, in order of first use. */
export function gather(
  declared: readonly Declared[],
  beginnings: Beginnings,
  settings: Settings,
): readonly Variable[] {
  const known = new Map<string, Variable>();
  for (const each of declared)
    if (!known.has(each.name)) known.set(each.name, variableOf(each, beginnings, settings));
  return [...known.values()];
}

/** What is smaller than that stays on the device whatever the recipe says: bringing it takes longer than its bytes are worth. */
const fewestBytes = 1024;

/** Whether the recipe has it live in the host's memory. */
function isOffloaded({ kind, from, adapter, shape, type }: Declared, settings: Settings): boolean {
  if (from === "host" || from === "table" || from === "counter") return false;
  if (sizeOf(shape) * bytesOf[type] < fewestBytes) return false;
  switch (kind) {
    case "optimizer":
      return settings.offload;
    case "weights":
      return settings.model.offload;
    case "adapter":
      return settings.adapters.some(({ alias, offload }) => offload && alias === adapter);
    default:
      return false;
  }
}

function variableOf(declared: Declared, beginnings: Beginnings, settings: Settings): Variable {
  const { name, kind, shape, type, span } = declared;
  const origin = { source: span, recipe: undefined, path: declared.shown };
  return {
    name,
    kind,
    shape,
    type,
    stack: declared.parts !== undefined,
    initial: initialOf(declared, beginnings),
    ...(isOffloaded(declared, settings) ? { home: "host" as const } : {}),
    origin,
  };
}

/** What a variable, or the first part of a stack, holds for a format. */
export function holderOf({ parts, holds }: Declared): Declared | undefined {
  return parts?.[0]?.holds ?? holds;
}

/** Whether the program "initialize" fills a variable. */
export function isDrawn(declared: Declared, beginnings: Beginnings): boolean {
  if (declared.from === "checkpoint") return beginnings.randomWeights;
  if (declared.from === "optional") return true;
  return declared.from === "state" && !isZero(declared.initial);
}

function isZero(meaning: Meaning | undefined): boolean {
  return meaning === undefined || (meaning.kind === "number" && meaning.value === 0);
}

function initialOf(declared: Declared, beginnings: Beginnings): Initial {
  const names = (declared.parts ?? [declared]).map(({ key }) => key);
  switch (declared.from) {
    case "checkpoint":
      if (holderOf(declared) !== undefined) return { from: beginnings.randomWeights ? "program" : "held" };
      return beginnings.randomWeights ? { from: "program" } : { from: "checkpoint", names };
    case "optional":
      return beginnings.randomWeights ? { from: "program" } : { from: "optional", names };
    case "adapter":
      return { from: "adapter", names };
    case "state":
      return { from: isDrawn(declared, beginnings) ? "program" : "zero" };
    case "host":
      return { from: "host" };
    case "counter":
      throw new RangeError(`'${declared.name}' is counted by a loop and is no variable`);
    case "table":
      if (declared.initial?.kind !== "tensor") return { from: "zero" };
      return { from: "table", region: { parameters: [], results: [declared.initial.value] } };
    default:
      return declared.from satisfies never;
  }
}
