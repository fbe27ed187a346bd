// WebGPU reports errors late and in places of its own; this brings them back to the call that caused them.
// Comes in: an action on a device. Goes out: its result, or a DeviceError with the kind of error and what was being done.
// Holds: the device's stack of error scopes is as before, also when the action throws.

/** What went wrong: a rule of WebGPU, too little memory, or the driver. */
export type DeviceErrorKind = "validation" | "out-of-memory" | "internal";

/** An error that the device reported. */
export class DeviceError extends Error {
  override readonly name = "DeviceError";
  readonly kind: DeviceErrorKind;
  /** What was being done, such as `allocating the arena (2.1 GiB)`. */
  readonly during: string;

  constructor(kind: DeviceErrorKind, during: string, message: string) {
    super(`${during}: ${kind}: ${message}`);
    this.kind = kind;
    this.during = during;
  }
}

const kinds: readonly DeviceErrorKind[] = ["validation", "out-of-memory", "internal"];

/**
 * Does something with a device and waits until the device has said whether it was right. The action itself must be
 * synchronous: scopes form one stack for the whole device, and what happens between two turns would fall into them.
 */
export async function guarded<T>(device: GPUDevice, during: string, action: () => T): Promise<T> {
  for (const kind of kinds) device.pushErrorScope(kind);
  let reports: Promise<(GPUError | null)[]>;
  let result: T;
  try {
    result = action();
  } finally {
    // The innermost scope comes off first, so these are in the reverse order of `kinds`.
    reports = Promise.all(kinds.map(() => device.popErrorScope()));
    reports.catch(() => undefined);
  }
  const found = (await reports).toReversed();
  for (const [index, kind] of kinds.entries()) {
    const error = found[index];
    if (error !== null && error !== undefined) throw new DeviceError(kind, during, error.message);
  }
  return result;
}
