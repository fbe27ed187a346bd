// Numbers the parts of a plan: tensors, kernels and spans, each listed once, in the order in which they are first met.
import { positionAt, type Span } from "../../grammar/source.ts";
import { bytesOf, sizeOf, type Module, type Origin } from "../ir/graph.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { hashKernel } from "./canonical.ts";
import type { Address } from "./place.ts";
import type { PlanKernel, PlanSpan, PlanTensor } from "./plan.ts";
import { windowOf, type Place, type Room, type RoomWindow, type StoredProgram } from "./storage.ts";

export interface Spans {
  readonly list: readonly PlanSpan[];
  indexOf(origin: Origin): number | undefined;
}

/** Lists spans. The clause of the recipe is what the reader can change, so it comes before the library's expression. */
export function numberSpans(): Spans {
  const list: PlanSpan[] = [];
  const known = new Map<Span, number>();
  return {
    list,
    indexOf: ({ recipe, source }) => {
      const span = recipe ?? source;
      if (span === undefined) return undefined;
      const index = known.get(span) ?? list.length;
      known.set(span, index);
      if (index === list.length) {
        const { line, column } = positionAt(span.source, span.start);
        list.push({ file: span.source.path, line, column });
      }
      return index;
    },
  };
}

/** A window of a room, mostly all of it, or a range of one that is bound by itself. */
interface Entry {
  readonly index: number;
  readonly window: RoomWindow;
  readonly range: Place | undefined;
  readonly program: string;
  first: number;
  last: number;
}

const nowhere: Origin = { recipe: undefined, source: undefined, path: "" };

export interface Tensors {
  readonly list: readonly PlanTensor[];
  indexOf(place: Place): number;
}

/** Lists tensors: the parts of variables first, then what dispatches bind. A range of a window is an alias of the window's tensor. */
export function numberTensors(
  module: Module,
  parts: readonly Place[],
  programs: readonly StoredProgram[],
  at: ReadonlyMap<RoomWindow, Address>,
  spans: Spans,
): Tensors {
  const entries: Entry[] = [];
  const known = new Map<RoomWindow, { readonly whole: Entry; readonly ranges: Map<string, Entry> }>();
  const met = new Map<Place, { readonly whole: Entry; readonly own: Entry }>();
  const entry = (window: RoomWindow, range: Place | undefined, program: string, when: number): Entry => {
    const made = { index: entries.length, window, range, program, first: when, last: when };
    entries.push(made);
    return made;
  };
  /** The window's entry, and that of the place: another where it is a range of the window. */
  const enter = (place: Place, program: string, when: number): { whole: Entry; own: Entry } => {
    const { offset, bytes } = place;
    const window = windowOf(place);
    const ofWindow = known.get(window) ?? {
      whole: entry(window, undefined, program, when),
      ranges: new Map<string, Entry>(),
    };
    known.set(window, ofWindow);
    const { whole, ranges } = ofWindow;
    if (offset === window.offset && bytes === window.bytes) return { whole, own: whole };
    const key = `${offset} ${bytes}`;
    const own = ranges.get(key) ?? entry(window, place, program, when);
    ranges.set(key, own);
    return { whole, own };
  };
  const meet = (place: Place, program: string, when: number): void => {
    const found = met.get(place) ?? enter(place, program, when);
    met.set(place, found);
    found.whole.last = when;
    found.own.last = when;
  };
  for (const part of parts) meet(part, "", 0);
  for (const { name, dispatches, transfers } of programs) {
    for (const { host } of transfers) meet(host, name, 0);
    dispatches.forEach(({ places }, when) => {
      for (const place of places) meet(place, name, when);
    });
    for (const { device } of transfers) meet(device, name, windowOf(device).last);
  }

  const names = namer(module);
  const list = entries.map(({ window, range, program, first, last }): PlanTensor => {
    const { room } = window;
    const address = at.get(window);
    if (address === undefined) throw new RangeError(`'${room.about}' was given no memory`);
    const { type } = room.held;
    const { shape } = range?.held ?? window;
    const natural = sizeOf(shape.slice(1));
    const isSliced = shape.length === room.held.shape.length;
    const stride =
      range === undefined
        ? (isSliced ? (room.strideBytes ?? 0) / bytesOf[type] : 0) || natural
        : (range.stride ?? natural);
    const variable = room.target === undefined ? undefined : module.variables[room.target.variable];
    const stands = module.variables[(room.target ?? room.visits?.room.target)?.variable ?? -1];
    const isWhole = range === undefined;
    // In the order of the canonical text, which then copies nothing.
    return {
      aliasOf: range === undefined ? undefined : known.get(window)?.whole.index,
      buffer: address.buffer,
      kind: room.kind,
      lifetime:
        variable === undefined
          ? { first: isWhole && room.visits !== undefined ? window.first : first, last, program }
          : undefined,
      name: names(window, range, program),
      offset: address.offset + (range === undefined ? 0 : range.offset - window.offset),
      shape,
      size: range?.bytes ?? window.bytes,
      span: spans.indexOf(stands?.origin ?? room.step?.origin ?? nowhere),
      stride,
      type,
    };
  });
  return {
    list,
    indexOf: (place) => {
      const found = met.get(place);
      if (found === undefined) throw new RangeError("a place that no dispatch binds");
      return found.own.index;
    },
  };
}

/** Unique names: "W[3]" for a part of a variable, "micro/model.layers.3.mlp/matmul" for what a kernel first writes there. */
function namer(module: Module): (window: RoomWindow, range: Place | undefined, program: string) => string {
  const used = new Map<string, number>();
  const plainName = (window: RoomWindow, range: Place | undefined, program: string): string => {
    const { room } = window;
    const { target } = room;
    if (room.windows.length > 1) return inWindows(window, range, program);
    if (target !== undefined) {
      const name = module.variables[target.variable]?.name ?? "";
      const isAll = range === undefined || range.bytes === room.bytes;
      if (target.part === -1) return isAll ? name : `${name}[${range.offset / (room.strideBytes ?? 1)}]`;
      return module.variables[target.variable]?.shape === room.held.shape ? name : `${name}[${target.part}]`;
    }
    const { visits } = room;
    if (visits !== undefined) {
      const from = windowOf(visits);
      const isAll = visits.offset === from.offset && visits.bytes === from.bytes;
      const name = plainName(from, isAll ? undefined : visits, program);
      return `${program}/${name}${range === undefined ? "" : `[${range.offset / range.bytes}]`}`;
    }
    const base = madeBy(room, program);
    return range === undefined ? base : `${base}[${range.offset / range.bytes}]`;
  };
  const madeBy = (room: Room, program: string): string =>
    [program, room.step?.path ?? "", room.about].filter((part) => part !== "").join("/");
  const inWindows = ({ room, offset }: RoomWindow, range: Place | undefined, program: string): string => {
    const { target } = room;
    const part = target === undefined || target.part === -1 ? "" : `[${target.part}]`;
    const name = module.variables[target?.variable ?? -1];
    const whole =
      name === undefined
        ? madeBy(room, program)
        : name.shape === room.held.shape
          ? name.name
          : name.name + part;
    const inside = range === undefined ? "" : `, byte ${range.offset - offset}`;
    return `${whole} (window ${Math.floor(offset / room.each) + 1} of ${room.windows.length}${inside})`;
  };
  return (window, range, program) => {
    const name = plainName(window, range, program);
    const count = (used.get(name) ?? 0) + 1;
    used.set(name, count);
    return count === 1 ? name : `${name} (${count})`;
  };
}

export interface Kernels {
  readonly list: PlanKernel[];
  indexOf(kernel: Kernel): number;
}

/** Lists kernels; those of equal text, bindings and workgroups are one. */
export function numberKernels(): Kernels {
  const list: PlanKernel[] = [];
  const known = new Map<Kernel, number>();
  const texts = new Map<string, number>();
  return {
    list,
    indexOf: (kernel) => {
      const seen = known.get(kernel);
      if (seen !== undefined) return seen;
      const { about, wgsl, bindings, workgroupSize, workgroups, workgroupMemory, features, flops, bytes } =
        kernel;
      const key = JSON.stringify([wgsl, bindings, workgroups]);
      const index = texts.get(key) ?? list.length;
      known.set(kernel, index);
      texts.set(key, index);
      if (index === list.length) {
        const word = /[A-Za-z][A-Za-z0-9]*/.exec(about)?.[0] ?? "kernel";
        const name = `${word}_${index}`;
        list.push({
          name,
          about,
          wgsl,
          hash: hashKernel(kernel),
          bindings,
          workgroupSize,
          workgroups,
          workgroupMemory,
          features,
          flops,
          bytes,
        });
      }
      return index;
    },
  };
}
