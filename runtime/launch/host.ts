// The variables of a plan that live in the host's memory, and their way to the device and back while a program runs.
// Comes in: a plan, its device buffers and the ways up and down. Goes out: the bytes of what lives here, and copies at a program's transfers.
// Holds: everything is allocated here, before the first program; nobody reads or writes bytes that are still on their way down.
import type { Plan, PlanTensor, Transfer } from "../../compiler/plan/plan.ts";
import type { Downloads } from "./downloads.ts";
import { at } from "./pipelines.ts";
import type { Uploads } from "./uploads.ts";
import type { Watch } from "./watch.ts";

export interface Host {
  /** Bytes of all that lives here. */
  readonly bytes: number;
  /** The bytes of a tensor's buffer, or undefined for one that lies on the device. */
  readonly bufferOf: (tensor: PlanTensor) => Uint8Array | undefined;
  /** Resolves when nothing of the tensor is on its way down any more. */
  readonly settled: (tensor: PlanTensor) => Promise<void>;
  /** Changes a tensor's bytes as soon as nothing of it is on its way down; what is asked for later sees it changed. */
  readonly change: (tensor: PlanTensor, change: () => void) => void;
  /** Submits the copies of a transfer, and waits before for what it brings up to be here. */
  readonly transfer: (transfer: Transfer) => Promise<void>;
  /** Resolves when nothing is on its way down. */
  readonly done: () => Promise<void>;
}

export function hostMemory(
  plan: Plan,
  arena: readonly (GPUBuffer | undefined)[],
  { into, outOf, watched }: { readonly into: Uploads; readonly outOf: Downloads; readonly watched: Watch },
): Host {
  const memory = plan.buffers.map(({ memory, size }) => (memory === "host" ? allocated(size) : undefined));
  /** What is on its way, by the buffer it goes to and the place there of the tensor that is whole. */
  const coming = new Map<string, Promise<void>>();
  const keyOf = (tensor: PlanTensor): string => {
    const { buffer, offset } = tensor.aliasOf === undefined ? tensor : at(plan.tensors, tensor.aliasOf);
    return `${buffer} ${offset}`;
  };
  const add = (key: string, next: Promise<void>): void => {
    next.catch(() => undefined);
    coming.set(key, next);
    const forget = (): void => {
      if (coming.get(key) === next) coming.delete(key);
    };
    next.then(forget, () => undefined);
  };
  const settled = async (tensor: PlanTensor): Promise<void> => {
    const pending = coming.get(keyOf(tensor));
    if (pending === undefined) return;
    outOf.flush();
    await watched.wait(pending, "bringing back what has changed");
  };
  const bytesOf = ({ buffer, offset, size }: PlanTensor): Uint8Array =>
    at(memory, buffer).subarray(offset, offset + size);

  return {
    bytes: memory.reduce((sum, bytes) => sum + (bytes?.length ?? 0), 0),
    bufferOf: ({ buffer }) => memory[buffer],
    settled,
    change: (tensor, change) => {
      const key = keyOf(tensor);
      const pending = coming.get(key);
      if (pending === undefined) change();
      else add(key, pending.then(change));
    },
    transfer: async ({ direction, host, device }) => {
      const [from, to] = [at(plan.tensors, host), at(plan.tensors, device)];
      const buffer = at(arena, to.buffer);
      if (direction === "up") {
        await settled(from);
        await into.put(buffer, to.offset, bytesOf(from));
        return;
      }
      const key = keyOf(from);
      const { arrived } = await outOf.take(buffer, to.offset, bytesOf(from));
      const before = coming.get(key);
      add(key, before === undefined ? arrived : Promise.all([before, arrived]).then(() => undefined));
    },
    done: async () => {
      outOf.flush();
      await watched.wait(Promise.all(coming.values()), "bringing back what has changed");
    },
  };
}

/** Zeros; the system gives the pages when they are written first. */
function allocated(bytes: number): Uint8Array {
  try {
    return new Uint8Array(bytes);
  } catch (cause) {
    throw new RangeError(`the host has no ${bytes} bytes in one piece for what the plan keeps there`, {
      cause,
    });
  }
}
