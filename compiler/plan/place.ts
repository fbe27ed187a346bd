// Where rooms lie. Persistent ones are packed side by side, kind by kind; transient ones of all programs share an arena, one
// program's timeline after the other's, since programs run one at a time. What lives in the host's memory is packed there. Out: a buffer
// and an offset for every room, and what is live when.
import { naturalBytes, roundUp, variableHeld, type Held } from "./held.ts";
import type { Layout, Obstacle } from "./layout.ts";
import { choosePlacement, type Choice } from "./memory/planners.ts";
import { fullest, type Interval, type Planner } from "./memory/problem.ts";
import type { Module } from "../ir/graph.ts";
import type { DeviceProfile, MemoryKind, PlanBuffer, PlanProgram } from "./plan.ts";
import { makeRoom, rangeOf, type Place, type Room, type RoomWindow, type StoredProgram } from "./storage.ts";
import type { Target } from "./targets.ts";
import { bindable, cutsWithin } from "./windows.ts";

export interface VariableRooms {
  /** The room of a part, or of all parts for −1 where they lie together. */
  of(target: Target): Room;
  /** The parts of each variable, as the plan lists them, each in its windows; none of one that is not used. */
  readonly parts: readonly (readonly (readonly Place[])[])[];
  readonly all: readonly Room[];
}

export function variableRooms(
  { variables }: Module,
  layout: Layout,
  { limits }: DeviceProfile,
): VariableRooms {
  const rooms: Room[] = [];
  const known = new Map<string, Room>();
  const parts = variables.map((variable, index): readonly (readonly Place[])[] => {
    const lies = layout.variables[index];
    if (lies?.used !== true) return [];
    const whole = variableHeld(index, variable.shape, variable.type);
    const one: Held = lies.parts === 1 ? whole : variableHeld(index, variable.shape.slice(1), variable.type);
    const room = (part: number, bytes: number, held: Held): Room => {
      const target = { variable: index, part };
      const strideBytes = part === -1 ? lies.strideBytes : undefined;
      const { kind, home: memory } = variable;
      const made = makeRoom({ target, memory, bytes, held, strideBytes, step: undefined, kind }, limits, 0);
      rooms.push(made);
      known.set(`${index} ${part}`, made);
      return made;
    };
    const place = (room: Room, offset: number): readonly Place[] => {
      const bytes = lies.partBytes;
      const made: Place = { room, offset, bytes, held: one, stride: undefined };
      const starts = [0, ...cutsWithin(room.each, offset, bytes)];
      if (starts.length === 1) return [made];
      return starts.map((from, at) => rangeOf(made, from, (starts[at + 1] ?? bytes) - from));
    };
    if (!lies.whole)
      return Array.from({ length: lies.parts }, (_, part) => place(room(part, lies.partBytes, one), 0));
    const all = room(-1, (lies.parts - 1) * lies.strideBytes + lies.partBytes, whole);
    return Array.from({ length: lies.parts }, (_, part) => place(all, part * lies.strideBytes));
  });
  return {
    all: rooms,
    parts,
    of: ({ variable, part }) => {
      const room = known.get(`${variable} ${part}`);
      if (room === undefined) throw new RangeError(`variable ${variable} has no room for part ${part}`);
      return room;
    },
  };
}

/** A place in device memory. */
export interface Address {
  readonly buffer: number;
  readonly offset: number;
}

export interface PlacedRooms {
  /** Those of the device before those of the host. */
  readonly buffers: readonly PlanBuffer[];
  readonly at: ReadonlyMap<RoomWindow, Address>;
  readonly lowerBound: number;
  readonly choice: Choice;
  /** One for each program. */
  readonly peaks: readonly Pick<PlanProgram, "peakBytes" | "peakAt">[];
}

const kindOrder: readonly MemoryKind[] = [
  "weights",
  "adapter",
  "gradients",
  "optimizer",
  "activations",
  "constants",
  "io",
];

export function placeRooms(
  persistent: readonly Room[],
  programs: readonly StoredProgram[],
  { limits }: DeviceProfile,
  planners: readonly Planner[] | undefined,
): PlacedRooms {
  const alignment = limits.minStorageBufferOffsetAlignment;
  const limit = Math.floor(limits.maxBufferSize / alignment) * alignment;
  const buffers: PlanBuffer[] = [];
  const at = new Map<RoomWindow, Address>();
  /** Side by side, in as many buffers as it takes; gives the bytes of all. */
  const pack = (memory: "device" | "host", most: number): number => {
    let all = 0;
    for (const kind of kindOrder) {
      const sizes: number[] = [];
      const own = persistent.filter((room) => room.memory === memory && room.kind === kind);
      for (const window of own.flatMap(({ windows }) => windows)) {
        const size = roundUp(window.bytes, alignment);
        all += size;
        const last = sizes.at(-1);
        if (last === undefined || last + size > most) sizes.push(0);
        const offset = sizes.at(-1) ?? 0;
        at.set(window, { buffer: buffers.length + sizes.length - 1, offset });
        sizes[sizes.length - 1] = offset + size;
      }
      buffers.push(...named(memory === "host" ? `host ${kind}` : kind, memory, sizes));
    }
    return all;
  };
  const held = pack("device", limit);

  const intervals: Interval[] = [];
  const rooms: RoomWindow[] = [];
  let start = 0;
  const peaks = programs.map((program) => {
    const own = program.rooms.map(({ bytes, first, last }) => ({
      size: roundUp(bytes, alignment),
      first,
      last,
    }));
    for (const { size, first, last } of own)
      intervals.push({ size, first: start + first, last: start + last });
    rooms.push(...program.rooms);
    start += program.dispatches.length;
    const { bytes, at: moment } = fullest(own);
    return { peakBytes: held + bytes, peakAt: program.dispatches.length === 0 ? -1 : Math.max(0, moment) };
  });
  const choice = choosePlacement({ intervals, limit }, planners);
  rooms.forEach((room, index) => {
    const offset = choice.placement.offsets[index] ?? 0;
    const buffer = Math.floor(offset / limit);
    at.set(room, { buffer: buffers.length + buffer, offset: offset - buffer * limit });
  });
  buffers.push(...named("arena", "device", choice.placement.buffers));
  pack("host", hostBuffer);
  return { buffers, at, lowerBound: held + fullest(intervals).bytes, choice, peaks };
}

/** Bytes of one buffer of the host, but for a single tensor that is larger: no engine has to give gigabytes in one piece. */
const hostBuffer = 2 ** 30;

function named(name: string, memory: PlanBuffer["memory"], sizes: readonly number[]): PlanBuffer[] {
  return sizes.map((size, index) => ({
    name: sizes.length === 1 ? name : `${name} ${index + 1}`,
    memory,
    size,
  }));
}

/** Kernels that take more bindings than the device has, or a tensor larger than it binds: windows were not enough. */
export function tooLarge(programs: readonly StoredProgram[], { name, limits }: DeviceProfile): Obstacle[] {
  const most = bindable(limits);
  const seen = new Set<string>();
  return programs.flatMap((program) =>
    program.dispatches.flatMap(({ kernel, places, step }): Obstacle[] => {
      const { about, bindings } = kernel;
      const large = places.find(({ bytes }) => bytes > most);
      const isFine = bindings.length <= limits.maxStorageBuffersPerShaderStage && large === undefined;
      if (isFine || seen.has(about)) return [];
      seen.add(about);
      const span = step.origin.recipe ?? step.origin.source;
      const message =
        large === undefined
          ? `program '${program.name}' has a kernel with ${bindings.length} bindings ('${about}'), for values in windows of at most ${most} bytes; '${name}' has ${limits.maxStorageBuffersPerShaderStage}`
          : `program '${program.name}' has a kernel that reads or makes ${naturalBytes(large.held)} bytes at once ('${about}', [${large.held.shape.join(", ")}]); '${name}' binds at most ${most}`;
      return [{ message, span }];
    }),
  );
}
