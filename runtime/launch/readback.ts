// The way from device buffers to the host: a few buffers that are allocated once, copied to and mapped in turn.
// Comes in: a range of a buffer. Goes out: its bytes as they were when the range was asked for, in memory of their own.
// Holds: as many reads may be under way as there are buffers; further ones wait for one, and see what is there then.
import type { Watch } from "./watch.ts";

export interface Readback {
  /** Largest range that one read may have. */
  readonly size: number;
  /** Offset and size are multiples of 4. */
  readonly read: (from: GPUBuffer, offset: number, size: number) => Promise<Uint8Array<ArrayBuffer>>;
}

export function readback(device: GPUDevice, buffers: readonly GPUBuffer[], watch: Watch): Readback {
  const free = [...buffers];
  const queue: ((slot: GPUBuffer) => void)[] = [];

  const release = (slot: GPUBuffer): void => {
    const next = queue.shift();
    if (next === undefined) free.push(slot);
    else next(slot);
  };

  const copyOut = async (slot: GPUBuffer, from: GPUBuffer, offset: number, size: number) => {
    try {
      const encoder = device.createCommandEncoder({ label: "readback" });
      encoder.copyBufferToBuffer(from, offset, slot, 0, size);
      device.queue.submit([encoder.finish()]);
      await watch.wait(slot.mapAsync(GPUMapMode.READ, 0, size), "reading back");
      const bytes = new Uint8Array(slot.getMappedRange(0, size).slice(0));
      slot.unmap();
      return bytes;
    } finally {
      release(slot);
    }
  };

  return {
    size: buffers[0]?.size ?? 0,
    read: async (from, offset, size) => {
      const slot =
        free.pop() ??
        (await watch.wait(new Promise<GPUBuffer>((resolve) => queue.push(resolve)), "reading back"));
      return copyOut(slot, from, offset, size);
    },
  };
}
