// A plan at work on a device: its buffers allocated, its kernels compiled, its dispatches bound; then programs are run and
// variables written and read. Comes in: a verified plan and a device. Goes out: a `Session`.
// Holds: everything is allocated here, before the first program, and nothing afterwards; what does not fit is refused here; work
// takes effect in the order of the calls, where each is awaited before the next; a lost device rejects whatever waits.
import type { Plan, PlanTensor, PlanVariable } from "../../compiler/plan/plan.ts";
import type { Verified } from "../../compiler/verify/verify.ts";
import { resourcesOf, type Allocated, type Resources } from "../device/resources.ts";
import { guarded } from "../device/scopes.ts";
import { downloads } from "./downloads.ts";
import { hostMemory } from "./host.ts";
import { packedBytes, padded, ranges, sliceBytes, windowsOf } from "./extent.ts";
import { at, bindPrograms, compileKernels, submit, type Progress } from "./pipelines.ts";
import { readback } from "./readback.ts";
import { missing } from "./requirements.ts";
import { uploads } from "./uploads.ts";
import { watch } from "./watch.ts";

export interface LaunchOptions {
  /** Kernels compiled so far. */
  readonly onCompiled?: Progress;
  /** Bytes of each of the buffers through which the host writes and reads; by default what suits the plan, at most 8 MiB. */
  readonly staging?: number;
}

export interface Session {
  readonly plan: Plan;
  /** What was made on the device until now: all of it at launch. */
  readonly allocated: () => Allocated;
  /** The variable, if the plan has it and keeps it on the device: what no program uses has no parts. */
  readonly find: (variable: string) => PlanVariable | undefined;
  /** Writes a whole variable, its parts one after another. Resolves when `data` may be changed again. */
  readonly write: (variable: string, data: ArrayBufferView) => Promise<void>;
  /** Writes packed bytes of one part, from `byteOffset` on, a multiple of 4; only the end of a part may be none. */
  readonly writePart: (
    variable: string,
    part: number,
    byteOffset: number,
    bytes: Uint8Array,
  ) => Promise<void>;
  /** Sets all of a variable to zero. */
  readonly clear: (variable: string) => void;
  /** Resolves when all of the program is on its way to the device: at once, where it transfers nothing. */
  readonly run: (program: string) => Promise<void>;
  /** The values of a variable in f32 as programs run so far leave it; two reads may be under way at once. */
  readonly read: (variable: string) => Promise<Float32Array<ArrayBuffer>>;
  /** The packed bytes of one part, in pieces of bounded size. */
  readonly readPart: (variable: string, part: number) => AsyncGenerator<Uint8Array<ArrayBuffer>>;
  /** Resolves when the device has done everything; rejects with what went wrong since the last call. */
  readonly done: () => Promise<void>;
  /** Frees all memory of the device. */
  readonly close: () => void;
}

/** The device cannot run this plan, whatever is tried. */
export class UnfitDeviceError extends Error {
  override readonly name = "UnfitDeviceError";
  readonly missing: readonly string[];

  constructor(plan: Plan, found: readonly string[]) {
    super(
      [
        `the plan was made for '${plan.device.name}' and needs what this device does not have:`,
        ...found,
      ].join("\n  "),
    );
    this.missing = found;
  }
}

const uploadSlots = 3;
const readSlots = 2;
/**
 * With variables in the host's memory: so much as the host is to be ahead of the device, 256 MiB at most. Every submission closes a buffer, and
 * copies wait in the queue behind what is computed before them.
 */
const aheadSlots = 32;
const changedSlots = 8;
const largestStaging = 8 * 1024 * 1024;

export async function launch(
  plan: Verified<Plan>,
  device: GPUDevice,
  options: LaunchOptions = {},
): Promise<Session> {
  const lacks = missing(plan, { limits: device.limits, features: [...device.features].map(String) });
  if (lacks.length > 0) throw new UnfitDeviceError(plan, lacks);
  const watched = watch(device);
  const resources = resourcesOf(device);
  try {
    const staging = padded(Math.max(4, options.staging ?? stagingBytes(plan)));
    const allocation = await allocate(resources, plan, staging);
    const kernels = await watched.wait(
      compileKernels(resources, plan, options.onCompiled ?? (() => undefined)),
      "compiling kernels",
    );
    const programs = await watched.wait(
      bindPrograms(resources, plan, allocation.arena, kernels),
      "binding dispatches",
    );
    resources.seal();
    return makeSession(plan, resources, watched, allocation, programs);
  } catch (cause) {
    watched.close();
    resources.destroy();
    throw cause;
  }
}

/** Bytes of one staging buffer: the largest part that is written or read, within bounds. */
export function stagingBytes(plan: Plan): number {
  const parts = plan.variables.flatMap(({ parts }) => parts.map((index) => at(plan.tensors, index)));
  const largest = parts.reduce((most, tensor) => Math.max(most, padded(packedBytes(tensor))), 256);
  return Math.min(largestStaging, largest);
}

interface Allocation {
  /** By the plan's buffers; undefined for those of the host. */
  readonly arena: readonly (GPUBuffer | undefined)[];
  readonly up: readonly GPUBuffer[];
  readonly down: readonly GPUBuffer[];
  /** For what programs bring down. */
  readonly changed: readonly GPUBuffer[];
}

async function allocate(resources: Resources, plan: Plan, staging: number): Promise<Allocation> {
  const make = (label: string, size: number, usage: number, mappedAtCreation = false): GPUBuffer =>
    resources.buffer({ label, size, usage, mappedAtCreation });
  const storage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST;
  const upload = GPUBufferUsage.MAP_WRITE | GPUBufferUsage.COPY_SRC;
  const download = GPUBufferUsage.MAP_READ | GPUBufferUsage.COPY_DST;
  return guarded(resources.device, `allocating the plan's ${plan.peakBytes} bytes`, () => ({
    arena: plan.buffers.map(({ name, memory, size }) =>
      memory === "host" ? undefined : make(name, size, storage),
    ),
    up: Array.from({ length: plan.hostBytes > 0 ? aheadSlots : uploadSlots }, () =>
      make("upload", staging, upload, true),
    ),
    down: Array.from({ length: readSlots }, () => make("readback", staging, download)),
    changed: Array.from({ length: plan.hostBytes > 0 ? changedSlots : 0 }, () =>
      make("changes", staging, download),
    ),
  }));
}

function makeSession(
  plan: Plan,
  { device, allocated, destroy }: Resources,
  watched: ReturnType<typeof watch>,
  { arena, up, down, changed }: Allocation,
  programs: Awaited<ReturnType<typeof bindPrograms>>,
): Session {
  const into = uploads(device, up, watched);
  const outOf = readback(device, down, watched);
  const variables = new Map(plan.variables.map((variable) => [variable.name, variable]));
  const changes = downloads(device, changed, watched);
  const host = hostMemory(plan, arena, { into, outOf: changes, watched });
  const transfers = new Map(plan.programs.map((program) => [program.name, program.transfers]));

  const partsOf = (name: string): readonly PlanTensor[] => {
    const variable = variables.get(name);
    if (variable === undefined) throw new RangeError(`the plan has no variable '${name}'`);
    return variable.parts.map((index) => at(plan.tensors, index));
  };
  const windowsIn = (name: string, part: number): readonly PlanTensor[] => {
    const variable = variables.get(name);
    const found = variable === undefined ? [] : windowsOf(plan, variable, part);
    if (found.length === 0) throw new RangeError(`the plan has no part ${part} of '${name}'`);
    return found;
  };
  const putPart = async (tensor: PlanTensor, byteOffset: number, bytes: Uint8Array): Promise<void> => {
    const own = host.bufferOf(tensor);
    if (own !== undefined) await host.settled(tensor);
    for (const { packed, offset, length } of ranges(tensor, byteOffset, byteOffset + bytes.length)) {
      const piece = bytes.subarray(packed - byteOffset, packed - byteOffset + length);
      if (own !== undefined) own.set(piece, offset);
      else await into.put(at(arena, tensor.buffer), offset, whole(piece));
    }
  };
  async function* getPart(tensor: PlanTensor): AsyncGenerator<Uint8Array<ArrayBuffer>> {
    const total = packedBytes(tensor);
    const slice = sliceBytes(tensor);
    const step = Math.floor(outOf.size / 4) * 4;
    const own = host.bufferOf(tensor);
    if (own !== undefined) await host.settled(tensor);
    for (let start = 0; start < total; start += slice) {
      for (let begin = start; begin < start + slice; begin += step) {
        for (const { offset, length } of ranges(tensor, begin, Math.min(begin + step, start + slice))) {
          if (own !== undefined) {
            yield own.slice(offset, offset + length);
            continue;
          }
          const bytes = await outOf.read(at(arena, tensor.buffer), offset, padded(length));
          watched.check();
          yield bytes.subarray(0, length);
        }
      }
    }
  }

  return {
    plan,
    allocated,
    find: (name) => {
      const variable = variables.get(name);
      return variable === undefined || variable.parts.length === 0 ? undefined : variable;
    },
    write: async (name, data) => {
      watched.check();
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      const parts = partsOf(name);
      const total = parts.reduce((bytes, tensor) => bytes + packedBytes(tensor), 0);
      if (bytes.length !== total)
        throw new RangeError(`variable '${name}' has ${total} bytes, ${bytes.length} were given`);
      let begin = 0;
      for (const tensor of parts) {
        const size = packedBytes(tensor);
        await putPart(tensor, 0, bytes.subarray(begin, begin + size));
        begin += size;
      }
    },
    writePart: async (name, part, byteOffset, bytes) => {
      watched.check();
      const windows = windowsIn(name, part);
      const total = windows.reduce((bytes, tensor) => bytes + packedBytes(tensor), 0);
      const last = byteOffset + bytes.length;
      if (last > total)
        throw new RangeError(`bytes ${byteOffset} to ${last} of '${name}' were given, it has ${total}`);
      let begin = 0;
      for (const tensor of windows) {
        const end = begin + packedBytes(tensor);
        const [from, to] = [Math.max(begin, byteOffset), Math.min(end, last)];
        if (from < to)
          await putPart(tensor, from - begin, bytes.subarray(from - byteOffset, to - byteOffset));
        begin = end;
      }
    },
    clear: (name) => {
      watched.check();
      into.flush();
      const encoder = device.createCommandEncoder({ label: `clearing ${name}` });
      for (const tensor of partsOf(name)) {
        const own = host.bufferOf(tensor);
        if (own !== undefined) {
          host.change(tensor, () => own.fill(0, tensor.offset, tensor.offset + tensor.size));
          continue;
        }
        for (const { offset, length } of ranges(tensor, 0, packedBytes(tensor)))
          encoder.clearBuffer(at(arena, tensor.buffer), offset, padded(length));
      }
      device.queue.submit([encoder.finish()]);
    },
    run: async (name) => {
      watched.check();
      const dispatches = programs.get(name);
      if (dispatches === undefined) throw new RangeError(`the plan has no program '${name}'`);
      let begun = 0;
      const submitUpTo = (end: number): void => {
        into.flush();
        if (end > begun) submit(device, name, dispatches.slice(begun, end));
        begun = end;
      };
      for (const transfer of transfers.get(name) ?? []) {
        if (transfer.before > begun) submitUpTo(transfer.before);
        await host.transfer(transfer);
      }
      submitUpTo(dispatches.length);
      changes.flush();
    },
    read: async (name) => {
      watched.check();
      into.flush();
      const parts = partsOf(name);
      if (parts.some(({ type }) => type !== "f32"))
        throw new RangeError(`variable '${name}' does not hold f32`);
      const values = new Float32Array(parts.reduce((bytes, tensor) => bytes + packedBytes(tensor), 0) / 4);
      const bytes = new Uint8Array(values.buffer);
      let end = 0;
      for (const tensor of parts) {
        for await (const piece of getPart(tensor)) {
          bytes.set(piece, end);
          end += piece.length;
        }
      }
      return values;
    },
    readPart: async function* (name, part) {
      watched.check();
      into.flush();
      for (const tensor of windowsIn(name, part)) yield* getPart(tensor);
    },
    done: async () => {
      into.flush();
      await watched.wait(device.queue.onSubmittedWorkDone(), "finishing");
      await host.done();
      watched.check();
    },
    close: () => {
      watched.close();
      destroy();
    },
  };
}

/** The bytes with zeros up to a multiple of 4. */
function whole(bytes: Uint8Array): Uint8Array {
  if (bytes.length % 4 === 0) return bytes;
  const copy = new Uint8Array(padded(bytes.length));
  copy.set(bytes);
  return copy;
}
