// The page's data as the views use it: blocks of memory, dispatches, and the places of dispatches along an axis. In: a packed plan. Out:
// plain objects, unpacked once. Bytes are counted from the start of the first buffer, all buffers lying one behind the other.
import { unpack, type PageKernel, type PagePlan } from "../data.ts";
import type { ReportKernel } from "../../plan/report-json.ts";

export interface Block {
  readonly index: number;
  readonly name: string;
  readonly kind: number;
  readonly type: string;
  readonly shape: string;
  readonly bytes: number;
  /** The first byte, of all buffers together. */
  readonly at: number;
  readonly buffer: number;
  /** −1: lives throughout. */
  readonly program: number;
  readonly first: number;
  readonly last: number;
  /** Of the recipe, from 1. */
  readonly lines: readonly number[];
  /** Where it is said, "FILE:LINE". */
  readonly place: string;
}

export interface Dispatch {
  readonly index: number;
  readonly kernel: number;
  /** With "{i}" for the layer. */
  readonly pattern: string;
  readonly layer: number;
  readonly path: string;
  /** Blocks by index, one for each binding. */
  readonly blocks: readonly number[];
  /** The dispatch that wrote what each binding reads, or −1. */
  readonly writers: readonly number[];
}

export interface Program {
  readonly index: number;
  readonly name: string;
  readonly label: string;
  readonly perStep: number;
  readonly peakAt: number;
  readonly dispatches: readonly Dispatch[];
}

export type Kernel = ReportKernel &
  PageKernel & { readonly index: number; readonly lines: readonly number[] };

export interface Model {
  readonly plan: PagePlan;
  readonly blocks: readonly Block[];
  readonly programs: readonly Program[];
  readonly kernels: readonly Kernel[];
  /** Where each buffer begins. */
  readonly starts: readonly number[];
  /** Bytes of all buffers. */
  readonly total: number;
  /** What lives throughout. */
  readonly held: number;
  readonly scenes: readonly Scene[];
}

/** Programs side by side along the axis from 0 to 1; a short one has a share that can be seen. */
export interface Scene {
  readonly label: string;
  readonly parts: readonly Part[];
}

export interface Part {
  readonly program: Program;
  readonly from: number;
  readonly to: number;
}

export function modelOf(plan: PagePlan): Model {
  const starts: number[] = [];
  let total = 0;
  for (const { size } of plan.buffers) {
    starts.push(total);
    total += size;
  }
  const blocks = blocksOf(plan, starts);
  const kernels = plan.kernels.map((kernel, index) => {
    const said = plan.report.kernels[index];
    if (said === undefined) throw new RangeError(`kernel ${index} is not in the report`);
    return { ...said, ...kernel, index, lines: plan.causes[kernel.cause] ?? [] };
  });
  const programs = plan.programs.map((_, index) => programOf(plan, index));
  const run = programs.filter(({ dispatches }) => dispatches.length > 0);
  const step = plan.step.flatMap((index) => programs[index] ?? []);
  const scenes = [
    sceneOf(step.length > 1 ? "a step" : (step[0]?.label ?? "nothing"), step),
    ...run
      .filter((program) => step.length > 1 || program !== step[0])
      .map((program) => sceneOf(program.name, [program])),
  ];
  const held = plan.report.memory.timeline.held_bytes;
  return { plan, blocks, programs, kernels, starts, total, held, scenes };
}

function filled(name: string, layer: number): string {
  return layer < 0 ? name : name.replace("{i}", String(layer));
}

function blocksOf(plan: PagePlan, starts: readonly number[]): Block[] {
  const { tensors, names, causes, places, shapes, types } = plan;
  const [name, layer, kind, type, shape, buffer, offset] = [
    unpack(tensors.name),
    unpack(tensors.layer),
    unpack(tensors.kind),
    unpack(tensors.type),
    unpack(tensors.shape),
    unpack(tensors.buffer),
    unpack(tensors.offset),
  ];
  const [size, program, first, last] = [tensors.size, tensors.program, tensors.first, tensors.last].map(
    unpack,
  );
  const [cause, place] = [unpack(tensors.cause), unpack(tensors.place)];
  return name.map((named, index) => ({
    index,
    name: filled(names[named] ?? "", layer[index] ?? -1),
    kind: kind[index] ?? 0,
    type: types[type[index] ?? -1] ?? "",
    shape: shapes[shape[index] ?? -1] ?? "",
    bytes: size?.[index] ?? 0,
    at: (starts[buffer[index] ?? -1] ?? 0) + (offset[index] ?? 0),
    buffer: buffer[index] ?? 0,
    program: program?.[index] ?? -1,
    first: first?.[index] ?? 0,
    last: last?.[index] ?? 0,
    lines: causes[cause[index] ?? -1] ?? [],
    place: places[place[index] ?? -1] ?? "",
  }));
}

function programOf(plan: PagePlan, index: number): Program {
  const program = plan.programs[index];
  if (program === undefined) throw new RangeError(`there is no program ${index}`);
  const { name, perStep, peakAt } = program;
  const [kernel, path, layer] = [unpack(program.kernel), unpack(program.path), unpack(program.layer)];
  const [tensors, distances] = [unpack(program.tensors), unpack(program.distances)];
  let at = 0;
  const dispatches = kernel.map((used, dispatch) => {
    const count = plan.kernels[used]?.access.length ?? 0;
    const pattern = plan.names[path[dispatch] ?? -1] ?? "";
    const own = layer[dispatch] ?? -1;
    const blocks = tensors.slice(at, at + count);
    const writers = distances
      .slice(at, at + count)
      .map((distance) => (distance === 0 ? -1 : dispatch - distance));
    at += count;
    return {
      index: dispatch,
      kernel: used,
      pattern,
      layer: own,
      path: filled(pattern, own),
      blocks,
      writers,
    };
  });
  const label = perStep > 1 ? `${name} × ${perStep}` : name;
  return { index, name, label, perStep, peakAt, dispatches };
}

/** The least share of the axis that a program has. */
const LEAST = 0.06;

function sceneOf(label: string, programs: readonly Program[]): Scene {
  const all = programs.reduce((sum, { dispatches }) => sum + dispatches.length, 0);
  const shares = programs.map(({ dispatches }) => Math.max(LEAST, dispatches.length / all));
  const sum = shares.reduce((a, b) => a + b, 0);
  let from = 0;
  return {
    label,
    parts: programs.map((program, at) => {
      const part = { program, from, to: from + (shares[at] ?? 0) / sum };
      from = part.to;
      return part;
    }),
  };
}

/** Where a dispatch begins on the axis. */
export function placeOf({ from, to, program }: Part, dispatch: number): number {
  return from + ((to - from) * dispatch) / program.dispatches.length;
}

/** The dispatch at a place of the axis. */
export function dispatchAt(
  { parts }: Scene,
  place: number,
): { readonly part: Part; readonly dispatch: number } | undefined {
  const part = parts.find(({ to }) => place < to) ?? parts.at(-1);
  if (part === undefined) return undefined;
  const { from, to, program } = part;
  const count = program.dispatches.length;
  const at = Math.floor(((place - from) / (to - from)) * count + 1e-9);
  return { part, dispatch: Math.max(0, Math.min(count - 1, at)) };
}

/** What a dispatch does, in a few words. */
export function wordsOf({ kernels }: Model, { kernel, path }: Dispatch): string {
  const about = kernels[kernel]?.about ?? "";
  return path === "" ? about : `${path}: ${about}`;
}
