// The way of what programs changed from device buffers into the host's memory: a few buffers that are allocated once, filled with copies in
// turn and mapped. Comes in: ranges of device buffers, and where their bytes are to go. Goes out: the bytes there, some time later.
// Holds: a copy sees what was submitted before it and nothing later; who takes faster than the device gives waits for room, not for bytes.
import { padded } from "./extent.ts";
import type { Watch } from "./watch.ts";

export interface Downloads {
  /** Offset and length are multiples of 4. Resolves when the copies are submitted; `arrived` resolves when the bytes are there. */
  readonly take: (
    from: GPUBuffer,
    offset: number,
    into: Uint8Array,
  ) => Promise<{ readonly arrived: Promise<void> }>;
  /** Lets all that was taken come, be it little. */
  readonly flush: () => void;
}

interface Slot {
  readonly buffer: GPUBuffer;
  readonly pieces: { readonly at: number; readonly into: Uint8Array }[];
  used: number;
  /** Resolves when the bytes are where they are to go. */
  arriving: PromiseWithResolvers<void>;
  isComing: boolean;
}

export function downloads(device: GPUDevice, buffers: readonly GPUBuffer[], watch: Watch): Downloads {
  const slots = buffers.map((buffer): Slot => {
    return { buffer, pieces: [], used: 0, arriving: quietly(), isComing: false };
  });
  let turn = 0;
  const current = (): Slot => {
    const slot = slots[turn % slots.length];
    if (slot === undefined) throw new RangeError("nothing can be taken without a buffer to take it through");
    return slot;
  };

  const come = async (slot: Slot): Promise<void> => {
    const { buffer, pieces, used, arriving } = slot;
    try {
      await watch.wait(buffer.mapAsync(GPUMapMode.READ, 0, used), "bringing back what has changed");
      const bytes = new Uint8Array(buffer.getMappedRange(0, used));
      for (const { at, into } of pieces) into.set(bytes.subarray(at, at + into.length));
      buffer.unmap();
      pieces.length = 0;
      slot.used = 0;
      slot.arriving = quietly();
      slot.isComing = false;
      arriving.resolve();
    } catch (cause) {
      arriving.reject(cause);
    }
  };
  const close = (slot: Slot): void => {
    slot.isComing = true;
    turn += 1;
    void come(slot);
  };

  return {
    take: async (from, offset, into) => {
      const waits: Promise<void>[] = [];
      for (let done = 0; done < into.length;) {
        const slot = current();
        if (slot.isComing) {
          await slot.arriving.promise;
          continue;
        }
        const size = Math.min(slot.buffer.size - slot.used, into.length - done);
        const encoder = device.createCommandEncoder({ label: "downloads" });
        encoder.copyBufferToBuffer(from, offset + done, slot.buffer, slot.used, size);
        device.queue.submit([encoder.finish()]);
        slot.pieces.push({ at: slot.used, into: into.subarray(done, done + size) });
        waits.push(slot.arriving.promise);
        slot.used += padded(size);
        done += size;
        if (slot.used >= slot.buffer.size) close(slot);
      }
      const arrived = Promise.all(waits).then(() => undefined);
      arrived.catch(() => undefined);
      return { arrived };
    },
    flush: () => {
      if (slots.length === 0) return;
      const slot = current();
      if (!slot.isComing && slot.used > 0) close(slot);
    },
  };
}

/** A promise whose failure nobody has to listen to: whoever waits for it is told. */
function quietly(): PromiseWithResolvers<void> {
  const made = Promise.withResolvers<void>();
  made.promise.catch(() => undefined);
  return made;
}
