// The way from the host into device buffers: a ring of mapped buffers that are allocated once, filled in turn and copied from.
// Comes in: bytes and their place. Goes out: copies, submitted in the order in which the bytes came.
// Holds: no other memory is used, on the host or the device, whatever is written; who writes faster than the device takes waits.
import type { Watch } from "./watch.ts";

export interface Uploads {
  /** Offset and length are multiples of 4. Resolves when the bytes may be changed again; they count from the next `flush`. */
  readonly put: (to: GPUBuffer, offset: number, bytes: Uint8Array) => Promise<void>;
  /** Submits what was put: work submitted later sees it. */
  readonly flush: () => void;
}

interface Slot {
  readonly buffer: GPUBuffer;
  /** While it is mapped. */
  view: Uint8Array | undefined;
  mapping: Promise<void>;
  used: number;
}

interface Copy {
  readonly from: number;
  readonly to: GPUBuffer;
  readonly offset: number;
  readonly size: number;
}

/** `slots` buffers that were made `mappedAtCreation`, of `size` bytes each. */
export function uploads(device: GPUDevice, buffers: readonly GPUBuffer[], watch: Watch): Uploads {
  const slots = buffers.map((buffer): Slot => {
    return { buffer, view: new Uint8Array(buffer.getMappedRange()), mapping: Promise.resolve(), used: 0 };
  });
  let copies: Copy[] = [];
  let turn = 0;

  const current = (): Slot => {
    const slot = slots[turn % slots.length];
    if (slot === undefined) throw new RangeError("a ring of uploads has at least one buffer");
    return slot;
  };

  const flush = (): void => {
    if (copies.length === 0) return;
    const slot = current();
    slot.view = undefined;
    slot.used = 0;
    slot.buffer.unmap();
    const encoder = device.createCommandEncoder({ label: "uploads" });
    for (const { from, to, offset, size } of copies)
      encoder.copyBufferToBuffer(slot.buffer, from, to, offset, size);
    device.queue.submit([encoder.finish()]);
    copies = [];
    slot.mapping = slot.buffer.mapAsync(GPUMapMode.WRITE);
    slot.mapping.catch(() => undefined);
    turn += 1;
  };

  return {
    put: async (to, offset, bytes) => {
      for (let done = 0; done < bytes.length;) {
        const slot = current();
        if (slot.view === undefined) {
          await watch.wait(slot.mapping, "waiting for room to upload");
          slot.view ??= new Uint8Array(slot.buffer.getMappedRange());
          // Another writer may have filled it while this one waited.
          continue;
        }
        const size = Math.min(slot.view.length - slot.used, bytes.length - done);
        slot.view.set(bytes.subarray(done, done + size), slot.used);
        copies.push({ from: slot.used, to, offset: offset + done, size });
        slot.used += size;
        done += size;
        if (slot.used === slot.view.length) flush();
      }
    },
    flush,
  };
}
