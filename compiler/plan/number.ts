// Numbers the parts of a plan: tensors, kernels and spans, each listed once, in the order in which they are first met.
import { positionAt, type Span } from "../../grammar/source.ts";
import { bytesOf, sizeOf, type Module, type Origin } from "../ir/graph.ts";
import type { Kernel } from "../kernels/kernel.ts";
import { hashKernel } from "./canonical.ts";
import type { Address } from "./place.ts";
import type { PlanKernel, PlanSpan, PlanTensor } from "./plan.ts";
import type { Place, Room, StoredProgram } from "./storage.ts";

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

/** A room, or a range of one that is bound by itself. */
interface Entry {
  readonly index: number;
  readonly room: Room;
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

/** Lists tensors: the parts of variables first, then what dispatches bind. A range of a room is an alias of the room's tensor. */
export function numberTensors(
  module: Module,
  parts: readonly Place[],
  programs: readonly StoredProgram[],
  at: ReadonlyMap<Room, Address>,
  spans: Spans,
): Tensors {
  const entries: Entry[] = [];
  const known = new Map<Room, { readonly whole: Entry; readonly ranges: Map<string, Entry> }>();
  const met = new Map<Place, { readonly whole: Entry; readonly own: Entry }>();
  const entry = (room: Room, range: Place | undefined, program: string, when: number): Entry => {
    const made = { index: entries.length, room, range, program, first: when, last: when };
    entries.push(made);
    return made;
  };
  /** The room's entry, and that of the place: another where it is a range of the room. */
  const enter = (place: Place, program: string, when: number): { whole: Entry; own: Entry } => {
    const { room, offset, bytes } = place;
    const ofRoom = known.get(room) ?? {
      whole: entry(room, undefined, program, when),
      ranges: new Map<string, Entry>(),
    };
    known.set(room, ofRoom);
    const { whole, ranges } = ofRoom;
    if (offset === 0 && bytes === room.bytes) return { whole, own: whole };
    const key = `${offset} ${bytes}`;
    const own = ranges.get(key) ?? entry(room, place, program, when);
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
    for (const { device } of transfers) meet(device, name, device.room.last);
  }

  const names = namer(module);
  const list = entries.map(({ room, range, program, first, last }): PlanTensor => {
    const address = at.get(room);
    if (address === undefined) throw new RangeError(`'${room.about}' was given no memory`);
    const { shape, type } = (range ?? room).held;
    const natural = sizeOf(shape.slice(1));
    const stride =
      range === undefined ? (room.strideBytes ?? 0) / bytesOf[type] || natural : (range.stride ?? natural);
    const variable = room.target === undefined ? undefined : module.variables[room.target.variable];
    const stands = module.variables[(room.target ?? room.visits?.room.target)?.variable ?? -1];
    const isWhole = range === undefined;
    // In the order of the canonical text, which then copies nothing.
    return {
      aliasOf: range === undefined ? undefined : known.get(room)?.whole.index,
      buffer: address.buffer,
      kind: room.kind,
      lifetime:
        variable === undefined
          ? { first: isWhole && room.visits !== undefined ? room.first : first, last, program }
          : undefined,
      name: names(room, range, program),
      offset: address.offset + (range?.offset ?? 0),
      shape,
      size: range?.bytes ?? room.bytes,
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
function namer(module: Module): (room: Room, range: Place | undefined, program: string) => string {
  const used = new Map<string, number>();
  const plainName = (room: Room, range: Place | undefined, program: string): string => {
    const { target } = room;
    if (target !== undefined) {
      const name = module.variables[target.variable]?.name ?? "";
      const isAll = range === undefined || range.bytes === room.bytes;
      if (target.part === -1) return isAll ? name : `${name}[${range.offset / (room.strideBytes ?? 1)}]`;
      return module.variables[target.variable]?.shape === room.held.shape ? name : `${name}[${target.part}]`;
    }
    const { visits } = room;
    if (visits !== undefined) {
      const isAll = visits.bytes === visits.room.bytes;
      const name = plainName(visits.room, isAll ? undefined : visits, program);
      return `${program}/${name}${range === undefined ? "" : `[${range.offset / range.bytes}]`}`;
    }
    const path = room.step?.path ?? "";
    const base = [program, path, room.about].filter((part) => part !== "").join("/");
    return range === undefined ? base : `${base}[${range.offset / range.bytes}]`;
  };
  return (room, range, program) => {
    const name = plainName(room, range, program);
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
