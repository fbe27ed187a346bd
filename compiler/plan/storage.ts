// Gives every value of a program a room: memory of its own, a place in a variable, or the room of an input that dies where the
// value is written. Then kernels are chosen and dispatches bound. Kernels are chosen once for a node and a layout, so that the
// iterations of a repetition share them. Out: dispatches over rooms, with the first and last dispatch that uses each.
import { bytesOf } from "../ir/graph.ts";
import type { Kernel } from "../kernels/kernel.ts";
import type { Arranged, Premises } from "./arrange.ts";
import { checkOrder, type Chooser } from "./choice.ts";
import { makeStep, naturalBytes, plain, roundUp, type Held, type Step } from "./held.ts";
import { isKept, type VariableLayout } from "./layout.ts";
import type { DeviceLimits, MemoryKind } from "./plan.ts";
import type { PlannedTransfer } from "./visits.ts";
import { canPair, findTargets, lastUses, rootsOf, type Target } from "./targets.ts";
import { cutsWithin, shapeOfRange, windowBytes } from "./windows.ts";

/** Memory that is one tensor of the plan: a variable, a part of one, or a transient value's. */
export interface Room {
  /** Undefined for transient memory. */
  readonly target: Target | undefined;
  readonly memory: "device" | "host";
  /** The place in the host's memory that it stands for. */
  readonly visits: Place | undefined;
  readonly bytes: number;
  /** What first lies there. */
  readonly held: Held;
  readonly strideBytes: number | undefined;
  readonly step: Step | undefined;
  kind: MemoryKind;
  /** The kernel that first writes it. */
  about: string;
  /** The last step that uses it. */
  lastStep: number;
  /** Bytes of each window but the last; Infinity where one binding holds it. */
  readonly each: number;
  /** What gets a place in memory of its own: the room, or each of its windows. */
  readonly windows: readonly RoomWindow[];
}

/** A range of a room with a place and a lifetime of its own. */
export interface RoomWindow {
  readonly room: Room;
  readonly offset: number;
  readonly bytes: number;
  readonly shape: readonly number[];
  /** Dispatches; −1: none yet. */
  first: number;
  last: number;
}

/** A room with its windows, of the device unless said; `at`: the dispatch from which on it is used, −1 where that is not known yet. */
export function makeRoom(
  room: Pick<Room, "target" | "bytes" | "held" | "strideBytes" | "step" | "kind"> & {
    readonly memory?: Room["memory"] | undefined;
    readonly visits?: Room["visits"];
  },
  limits: DeviceLimits,
  at: number,
): Room {
  const { bytes, held, strideBytes, memory = "device", visits } = room;
  const each = windowBytes(held, limits, strideBytes);
  const windows: RoomWindow[] = [];
  const lastStep = at === -1 ? -1 : Infinity;
  const made: Room = { ...room, memory, visits, about: "", lastStep, each, windows };
  const starts = [0, ...cutsWithin(each, 0, bytes)];
  starts.forEach((offset, index) => {
    const length = (starts[index + 1] ?? bytes) - offset;
    const shape = starts.length === 1 ? held.shape : shapeOfRange(held, strideBytes, offset, length);
    windows.push({ room: made, offset, bytes: length, shape, first: at, last: at });
  });
  return made;
}

/** The window of its room that a place begins in. */
export function windowOf({ room, offset }: Place): RoomWindow {
  const window = room.windows[room.each === Infinity ? 0 : Math.floor(offset / room.each)];
  if (window === undefined) throw new RangeError(`'${room.about}' has no window at byte ${offset}`);
  return window;
}

/** A range of a room, bound as the value it holds. */
export interface Place {
  readonly room: Room;
  readonly offset: number;
  readonly bytes: number;
  readonly held: Held;
  /** Elements from slice to slice of the first axis; undefined: side by side. */
  readonly stride: number | undefined;
}

export interface BoundDispatch {
  readonly kernel: Kernel;
  readonly places: readonly Place[];
  readonly step: Step;
}

export interface StoredProgram {
  readonly name: string;
  readonly steps: readonly Step[];
  readonly dispatches: readonly BoundDispatch[];
  /** Windows of transient rooms, in the order in which rooms are first written. */
  readonly rooms: readonly RoomWindow[];
  /** Copies made for layouts, and those that move results into variables. */
  readonly copies: number;
  /** Copies between the two memories, in order. */
  readonly transfers: readonly PlannedTransfer[];
}

export function store(
  program: Arranged,
  premises: Premises,
  variableRooms: (target: Target) => Room,
  choose: Chooser,
): StoredProgram {
  const { variables } = premises;
  const targets = findTargets(program, variables, choose.pairs);
  const targetOf = new Map(targets.of);
  const ending: Step[] = [];
  const following = new Map<number, Step[]>();
  const written = new Set(
    program.writes.flatMap(({ variable, held }) => (isKept(variable, held) ? [] : [variable])),
  );
  const end = { path: "", origin: { source: undefined, recipe: undefined, path: "" }, loop: -1 };
  const copyStep = (held: Held, after: number | undefined): Held => {
    const step = makeStep(premises.copying(held), [held], end);
    const list = after === undefined || after >= program.steps.length ? ending : (following.get(after) ?? []);
    list.push(step);
    if (list !== ending && after !== undefined) following.set(after, list);
    return step.outputs[0] ?? held;
  };
  // Old contents that another copy overwrites are put aside before the first of them.
  const asides = targets.copies.map(({ held, target, after }) => {
    const isOld = rootsOf(held).some((root) => root.from === "variable" && written.has(root.variable));
    return { held: isOld ? copyStep(held, undefined) : held, target, after };
  });
  const apart = new Set(program.apart);
  for (const { held, target, after } of asides) {
    const made = copyStep(held, after);
    targetOf.set(made, target);
    const layout = variables[target.variable];
    if (
      target.part === -1 &&
      layout !== undefined &&
      layout.strideBytes !== naturalBytes(held) / layout.parts
    )
      apart.add(made);
  }

  const steps = [...program.steps.flatMap((step, at) => [step, ...(following.get(at) ?? [])]), ...ending];

  const rooms: Room[] = [];
  const placeOf = new Map<Held, Place>();
  const uses = lastUses({ ...program, steps }, []);
  const kinds = kindsOf(program, steps, uses);
  const pieceOf = new Map<Held, { readonly at: number; readonly piece: Arranged["pieces"][number] }>();
  for (const piece of program.pieces) piece.leaves.forEach((leaf, at) => pieceOf.set(leaf, { at, piece }));
  const pieceRooms = new Map<Arranged["pieces"][number], Room>();

  const transient = (held: Held, step: Step, bytes: number, strideBytes: number | undefined): Room => {
    const kind = kinds(held.from === "stack" && held.parts[0] !== undefined ? plain(held.parts[0]) : held);
    const size = roundUp(bytes, 4);
    const room = makeRoom(
      { target: undefined, bytes: size, held, strideBytes, step, kind },
      premises.limits,
      -1,
    );
    rooms.push(room);
    return room;
  };
  const place = (held: Held): Place => {
    const known = placeOf.get(held);
    if (known !== undefined) return known;
    const made = placed(held);
    placeOf.set(held, made);
    return made;
  };
  const placed = (held: Held): Place => {
    switch (held.from) {
      case "variable": {
        const layout = variables[held.variable];
        return within(
          variableRooms({ variable: held.variable, part: (layout?.parts ?? 1) > 1 ? -1 : 0 }),
          0,
          held,
          strideIn(layout, held),
        );
      }
      case "slice": {
        if (held.of.from === "variable" && (variables[held.of.variable]?.parts ?? 1) > 1) {
          return partPlace({ variable: held.of.variable, part: held.at }, held);
        }
        const of = place(held.of);
        const step = of.stride === undefined ? naturalBytes(held) : of.stride * bytesOf[held.type];
        return within(of.room, of.offset + held.at * step, held, undefined);
      }
      case "reshape": {
        const of = place(held.of);
        return { ...of, held, stride: of.stride };
      }
      case "stack": {
        const parts = held.parts.map(place);
        const [first, second] = parts;
        const distance =
          first === undefined || second === undefined ? naturalBytes(held) : second.offset - first.offset;
        const isRegular = parts.every(
          ({ room, offset }, at) => room === first?.room && offset === first.offset + at * distance,
        );
        if (first === undefined || !isRegular)
          throw new RangeError(`program ${program.name} binds a stack whose parts lie apart`);
        const stride =
          distance === naturalBytes(held) / held.parts.length ? undefined : distance / bytesOf[held.type];
        return within(first.room, first.offset, held, stride);
      }
      case "step":
        throw new RangeError(`program ${program.name} reads a value before it is written`);
    }
  };
  const partPlace = (target: Target, held: Held): Place => {
    const layout = variables[target.variable];
    if (layout?.whole !== true) return within(variableRooms(target), 0, held, undefined);
    return within(
      variableRooms({ variable: target.variable, part: -1 }),
      target.part * layout.strideBytes,
      held,
      undefined,
    );
  };

  const dispatches: BoundDispatch[] = [];
  steps.forEach((step, at) => {
    const inputs = step.inputs.map(place);
    const inPlace: [number, number][] = [];
    const taken = new Set<number>();
    const outputs = step.outputs.map((held, output): Place => {
      const over = (input: number): void => {
        inPlace.push([output, input]);
        taken.add(input);
      };
      const target = targetOf.get(held);
      if (target !== undefined) {
        const layout = variables[target.variable];
        const isWhole = target.part === -1;
        const made = isWhole
          ? within(variableRooms(target), 0, held, strideIn(layout, held))
          : partPlace(target, held);
        const same = inputs.findIndex((input) => input.room === made.room && input.offset === made.offset);
        if (same !== -1) over(same);
        return made;
      }
      const inPiece = pieceOf.get(held);
      if (inPiece !== undefined) {
        const { piece, at: index } = inPiece;
        const bytes = (piece.leaves.length - 1) * piece.strideBytes + naturalBytes(held);
        const room = pieceRooms.get(piece) ?? transient(piece.stack, step, bytes, piece.strideBytes);
        pieceRooms.set(piece, room);
        room.lastStep = Math.max(room.lastStep, ...piece.leaves.map((leaf) => uses.get(leaf) ?? at));
        return within(room, index * piece.strideBytes, held, undefined);
      }
      const isApart = apart.has(held);
      for (const [made, input] of choose.pairs(step.node)) {
        const before = inputs[input];
        const root = step.inputs[input];
        if (made !== output || before === undefined || root === undefined || taken.has(input)) continue;
        const { room } = before;
        const isFree =
          room.target === undefined && room.lastStep === at && room.strideBytes === undefined && !isApart;
        if (!isFree || plain(root).from !== "step" || room.bytes !== roundUp(naturalBytes(held), 4)) continue;
        if (
          !canPair(step, choose.pairs, output, input) ||
          inputs.some((other, index) => index !== input && other.room === room)
        )
          continue;
        over(input);
        room.lastStep = uses.get(held) ?? at;
        if (kinds(held) !== "workspace") room.kind = kinds(held);
        return within(room, 0, held, undefined);
      }
      const first = held.shape[0] ?? 1;
      const strideBytes = isApart ? roundUp(naturalBytes(held) / first, premises.alignment) : undefined;
      const bytes =
        strideBytes === undefined
          ? naturalBytes(held)
          : (first - 1) * strideBytes + naturalBytes(held) / first;
      const room = transient(held, step, bytes, strideBytes);
      room.lastStep = uses.get(held) ?? at;
      return within(room, 0, held, strideBytes === undefined ? undefined : strideBytes / bytesOf[held.type]);
    });
    step.outputs.forEach((held, output) => {
      const made = outputs[output];
      if (made !== undefined) placeOf.set(held, made);
    });

    const stride = ({ stride }: Place): number | undefined => stride;
    const layouts = { inputStrides: inputs.map(stride), outputStrides: outputs.map(stride), inPlace };
    const isCut = [...inputs, ...outputs].some(({ room }) => room.each !== Infinity);
    const kernels = choose.kernels(
      step.node,
      isCut ? { ...layouts, inputCuts: inputs.map(cutsOf), outputCuts: outputs.map(cutsOf) } : layouts,
    );
    if (kernels.length > 1) checkOrder(kernels, inPlace);
    for (const kernel of kernels) {
      const places = kernel.values.map(({ input, output, window: range }) => {
        const whole = output === undefined ? inputs[input ?? -1] : outputs[output];
        if (whole === undefined)
          throw new RangeError(`kernel '${kernel.about}' binds a value that its node does not have`);
        const bound = range === undefined ? whole : rangeOf(whole, range.offset, range.bytes);
        const window = windowOf(bound);
        if (window.first === -1) window.first = dispatches.length;
        if (bound.room.about === "") bound.room.about = kernel.about;
        window.last = dispatches.length;
        return bound;
      });
      dispatches.push({ kernel, places, step });
    }
  });
  const copies = program.copies + steps.length - program.steps.length;
  const used = rooms.flatMap(({ windows }) => windows.filter(({ first }) => first !== -1));
  return { name: program.name, steps, dispatches, rooms: used, copies, transfers: [] };
}

/** Where a place is cut into windows, in elements. */
function cutsOf({ room, offset, bytes, held }: Place): readonly number[] {
  return cutsWithin(room.each, offset, bytes).map((cut) => cut / bytesOf[held.type]);
}

/** A range of a place, in bytes from its start. */
export function rangeOf({ room, offset, held, stride }: Place, from: number, bytes: number): Place {
  const strideBytes = stride === undefined ? undefined : stride * bytesOf[held.type];
  const shape = shapeOfRange(held, strideBytes, from, bytes);
  const isWhole = shape.length === held.shape.length;
  const range: Held = { from: "step", shape, type: held.type, slices: new Map() };
  return { room, offset: offset + from, bytes, held: range, stride: isWhole ? stride : undefined };
}

function strideIn(layout: VariableLayout | undefined, held: Held): number | undefined {
  if (layout === undefined || layout.parts === 1 || layout.strideBytes === naturalBytes(held) / layout.parts)
    return undefined;
  return layout.strideBytes / bytesOf[held.type];
}

/** A range of a room that holds the value, its slices `stride` elements apart. */
function within(room: Room, offset: number, held: Held, stride: number | undefined): Place {
  const first = held.shape[0] ?? 1;
  const bytes =
    stride === undefined
      ? naturalBytes(held)
      : (first - 1) * stride * bytesOf[held.type] + naturalBytes(held) / first;
  return { room, offset, bytes: roundUp(bytes, 4), held, stride };
}

/**
 * What transient memory is for. What a repetition collects, and what outlives one, is kept for the way back (or, collected on the
 * way back, a gradient); all else is workspace.
 */
function kindsOf(
  { collected }: Arranged,
  steps: readonly Step[],
  uses: ReadonlyMap<Held, number>,
): (held: Held) => MemoryKind {
  const roots = new Map([...collected].map(([held, kind]) => [plain(held), kind]));
  const madeAt = new Map<Held, number>();
  steps.forEach(({ outputs }, at) => outputs.forEach((held) => madeAt.set(held, at)));
  const loops = new Map<number, { first: number; last: number }>();
  steps.forEach(({ loop }, at) => {
    const known = loops.get(loop);
    if (known === undefined) loops.set(loop, { first: at, last: at });
    else known.last = at;
  });
  loops.delete(-1);
  const spans = [...loops.values()];
  return (held) => {
    const kind = roots.get(held);
    if (kind !== undefined) return kind;
    const made = madeAt.get(held) ?? -1;
    const used = uses.get(held) ?? -1;
    return spans.some(({ first, last }) => made < first && last < used) ? "activations" : "workspace";
  };
}
