// Variables that live in the host's memory come to the device to be used. In: a stored program, whose dispatches bind rooms of both
// memories. Out: the program with transient rooms of the device in place of the host's, and the transfers that fill and empty them; the
// arena then gives them bytes like all that is transient, so that slots are as many and as large as the fullest moment needs.
//
// A layer's part is there while dispatches use it and goes when another layer's takes its turn; it comes while the layer before is computed.
import { bytesOf } from "../ir/graph.ts";
import { roundUp, type Held } from "./held.ts";
import type { VariableRooms } from "./place.ts";
import type { DeviceLimits } from "./plan.ts";
import { makeRoom, windowOf, type Place, type Room, type RoomWindow, type StoredProgram } from "./storage.ts";

/** A copy between a place of the host's memory and the room that stands for it. */
export interface PlannedTransfer {
  readonly direction: "up" | "down";
  readonly before: number;
  readonly host: Place;
  readonly device: Place;
}

/** What comes and goes as one: a part of a variable, or all of it; a window of what is larger than the device binds. */
interface Unit {
  readonly place: Place;
  readonly variable: number;
  /** Whether other layers have their own. */
  readonly isPart: boolean;
}

/** One binding of a unit by a dispatch. */
interface Use {
  readonly unit: Unit;
  readonly at: number;
  readonly place: Place;
  readonly reads: boolean;
  readonly writes: boolean;
}

/** A unit's stay on the device. */
interface Visit {
  readonly unit: Unit;
  readonly uses: Use[];
}

/** `parts`: of each variable, the places of its parts, each in its windows. */
export function withVisits(
  program: StoredProgram,
  parts: VariableRooms["parts"],
  limits: DeviceLimits,
): StoredProgram {
  const uses = usesOf(program.dispatches, parts);
  if (uses.length === 0) return program;
  const visits = visitsOf(uses);
  const coming = arrivals(visits, program.rooms, program.dispatches.length);
  const transfers: PlannedTransfer[] = [];
  const rooms: RoomWindow[] = [];
  const moved = new Map<number, Map<Place, Place>>();
  visits.forEach((visit, index) => {
    const { unit } = visit;
    const first = coming[index] ?? firstOf(visit);
    const room = roomFor(unit.place, limits);
    for (const window of room.windows) {
      window.first = first;
      window.last = lastOf(visit);
    }
    rooms.push(...room.windows);
    const device = { ...unit.place, room, offset: 0 };
    if (isNeeded(visit)) transfers.push({ direction: "up", before: first, host: unit.place, device });
    if (visit.uses.some(({ writes }) => writes))
      transfers.push({ direction: "down", before: lastOf(visit) + 1, host: unit.place, device });
    for (const { at, place } of visit.uses) {
      const here = moved.get(at) ?? new Map<Place, Place>();
      moved.set(at, here.set(place, { ...place, room, offset: place.offset - unit.place.offset }));
    }
  });
  const rank = ({ direction }: PlannedTransfer): number => (direction === "down" ? 0 : 1);
  return {
    ...program,
    dispatches: program.dispatches.map((dispatch, at) => {
      const here = moved.get(at);
      if (here === undefined) return dispatch;
      return { ...dispatch, places: dispatch.places.map((place) => here.get(place) ?? place) };
    }),
    rooms: [...program.rooms, ...rooms].toSorted((a, b) => a.first - b.first),
    transfers: transfers.toSorted((a, b) => a.before - b.before || rank(a) - rank(b)),
  };
}

/** All bindings of the host's memory, in the order of the dispatches. */
function usesOf(dispatches: StoredProgram["dispatches"], parts: VariableRooms["parts"]): readonly Use[] {
  const bound = new Map<Room, Place[]>();
  for (const { places } of dispatches)
    for (const place of places)
      if (place.room.memory === "host") {
        const list = bound.get(place.room);
        if (list === undefined) bound.set(place.room, [place]);
        else list.push(place);
      }
  const units = new Map([...bound].map(([room, places]) => [room, unitsOf(room, places, parts)]));
  return dispatches.flatMap(({ kernel, places }, at) =>
    places.flatMap((place, slot): Use[] => {
      const unit = units.get(place.room)?.(place);
      const { reads = true, writes = true } = kernel.bindings[slot] ?? {};
      return unit === undefined ? [] : [{ unit, at, place, reads, writes }];
    }),
  );
}

/** The unit of each place in a room: its window; its part, where the program binds nothing but single parts; else the room as a whole. */
function unitsOf(
  room: Room,
  places: readonly Place[],
  parts: VariableRooms["parts"],
): (place: Place) => Unit {
  const variable = room.target?.variable ?? -1;
  const { bytes, held, strideBytes } = room;
  const stride = strideBytes === undefined ? undefined : strideBytes / bytesOf[held.type];
  if (room.windows.length > 1) {
    const units = new Map(room.windows.map((window) => [window, unitOfWindow(window, variable, stride)]));
    return (place) => units.get(windowOf(place)) ?? unitOfWindow(windowOf(place), variable, stride);
  }
  const own = new Map(
    (parts[variable] ?? [])
      .flat()
      .map((part): [string, Unit] => [rangeOf(part), { place: part, variable, isPart: true }]),
  );
  const isByParts = room.target?.part === -1 && places.every((place) => own.has(rangeOf(place)));
  const isPart = (parts[variable] ?? []).length > 1 && room.target?.part !== -1;
  const whole: Unit = {
    place: { room, offset: 0, bytes: roundUp(bytes, 4), held, stride },
    variable,
    isPart,
  };
  return (place) => (isByParts ? (own.get(rangeOf(place)) ?? whole) : whole);
}

function unitOfWindow(window: RoomWindow, variable: number, stride: number | undefined): Unit {
  const { room, offset, bytes, shape } = window;
  const held: Held = { from: "step", shape, type: room.held.type, slices: new Map() };
  const own = shape.length === room.held.shape.length ? stride : undefined;
  return { place: { room, offset, bytes, held, stride: own }, variable, isPart: false };
}

function rangeOf({ offset, bytes }: Place): string {
  return `${offset} ${bytes}`;
}

/** In the order of their first uses: what is used again in the same layer stays. */
function visitsOf(uses: readonly Use[]): readonly Visit[] {
  const visits: Visit[] = [];
  const latest = new Map<Unit, { readonly visit: Visit; index: number }>();
  uses.forEach((use, index) => {
    const known = latest.get(use.unit);
    const last = known === undefined ? undefined : uses[known.index];
    if (known !== undefined && last !== undefined && !isAway(uses, known.index, index, use)) {
      known.visit.uses.push(use);
      known.index = index;
      return;
    }
    const visit = { unit: use.unit, uses: [use] };
    visits.push(visit);
    latest.set(use.unit, { visit, index });
  });
  return visits;
}

/** Whether between two uses of a unit its room had better be another's: the next layer's, or that of as many bytes. */
function isAway(uses: readonly Use[], from: number, to: number, { unit }: Use): boolean {
  const between = new Set<Unit>();
  let bytes = 0;
  for (let index = from + 1; index < to; index += 1) {
    const use = uses[index];
    // What the dispatches themselves bind beside the unit is there with it.
    if (use === undefined || use.at === uses[from]?.at || use.at === uses[to]?.at) continue;
    if (use.unit.variable === unit.variable && use.unit !== unit) return true;
    if (unit.isPart || use.unit === unit || between.has(use.unit)) continue;
    between.add(use.unit);
    bytes += use.unit.place.bytes;
    if (bytes >= unit.place.bytes) return true;
  }
  return false;
}

/**
 * The dispatch before which each visit begins. It comes while what was brought before it is used; sooner, so that no fewer bytes than its
 * own are used meanwhile, where the device has room below its fullest moment.
 */
function arrivals(
  visits: readonly Visit[],
  rooms: readonly RoomWindow[],
  dispatches: number,
): readonly number[] {
  const live = new Float64Array(dispatches);
  const occupy = (first: number, end: number, bytes: number): void => {
    for (let at = first; at < end; at += 1) live[at] = (live[at] ?? 0) + bytes;
  };
  for (const { bytes, first, last } of rooms) occupy(first, last + 1, bytes);
  const ends = new Map<Unit, number>();
  const wanted = visits.map((visit, index) => {
    const first = firstOf(visit);
    // No sooner than the unit's own stay before has ended: its bytes may have to go down first.
    const free = ends.get(visit.unit) ?? 0;
    ends.set(visit.unit, lastOf(visit) + 1);
    const [next, ahead] = isNeeded(visit) ? lookBack(visits, index) : [first, first];
    occupy(Math.max(next, free), lastOf(visit) + 1, visit.unit.place.bytes);
    return { next: Math.max(next, free), ahead: Math.max(ahead, free) };
  });
  const most = live.reduce((max, bytes) => Math.max(max, bytes), 0);
  return visits.map(({ unit }, index) => {
    const { bytes } = unit.place;
    const { next = 0, ahead = 0 } = wanted[index] ?? {};
    let moment = next;
    while (moment > ahead && (live[moment - 1] ?? 0) + bytes <= most) moment -= 1;
    occupy(moment, next, bytes);
    return moment;
  });
}

/** When what was brought before a visit is first used, and when so much is that it is no less than the visit's own bytes. */
function lookBack(visits: readonly Visit[], index: number): readonly [next: number, ahead: number] {
  const visit = visits[index];
  if (visit === undefined) return [0, 0];
  const first = firstOf(visit);
  let next = first;
  let bytes = 0;
  for (let before = index - 1; before >= 0; before -= 1) {
    const other = visits[before];
    if (other === undefined) break;
    bytes += other.unit.place.bytes;
    const begin = firstOf(other);
    if (begin === first) continue;
    if (next === first) next = begin;
    if (bytes >= visit.unit.place.bytes) return [next, begin];
  }
  return [next, 0];
}

/** Whether the program reads what the host holds, or leaves some of it as it is. */
function isNeeded({ unit, uses }: Visit): boolean {
  const [first] = uses;
  if (first === undefined) return false;
  const now = uses.filter(({ at }) => at === first.at);
  const isFilled = now.some(({ writes, place }) => writes && place.bytes === unit.place.bytes);
  return !isFilled || now.some(({ reads }) => reads);
}

function firstOf({ uses }: Visit): number {
  return uses[0]?.at ?? 0;
}

function lastOf({ uses }: Visit): number {
  return uses.at(-1)?.at ?? 0;
}

function roomFor(visits: Place, limits: DeviceLimits): Room {
  const { room, bytes, held, stride } = visits;
  const strideBytes = stride === undefined ? undefined : stride * bytesOf[held.type];
  const { kind } = room;
  return makeRoom({ target: undefined, visits, bytes, held, strideBytes, step: undefined, kind }, limits, 0);
}
