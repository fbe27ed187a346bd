// What a device does behind the back of whoever waits for it: it may be lost, and it reports errors that no scope caught.
// Comes in: a device, and promises that wait for it. Goes out: the same promises, which also reject when the device is lost.
// Holds: nothing waits for ever on a device that is gone; what has been waited for leaves nothing behind, however long a run is.
import { DeviceError } from "../device/scopes.ts";

/** The device went away while work was under way; the run can go on only from a checkpoint, on another device. */
export class DeviceLostError extends Error {
  override readonly name = "DeviceLostError";
  readonly reason: "destroyed" | "unknown";

  constructor(reason: "destroyed" | "unknown", message: string) {
    super(`the device was lost (${reason})${message === "" ? "" : `: ${message}`}`);
    this.reason = reason;
  }
}

/** Waiting on a session after it was closed. */
export class ClosedError extends Error {
  override readonly name = "ClosedError";

  constructor() {
    super("the session is closed");
  }
}

export interface Watch {
  /** Settles as the promise does, unless the device is lost or the session closed before: then rejects with that. */
  readonly wait: <T>(promise: Promise<T>, during: string) => Promise<T>;
  /** Throws what has gone wrong since the last call. */
  readonly check: () => void;
  readonly close: () => void;
}

export function watch(device: GPUDevice): Watch {
  const waiting = new Set<(cause: Error) => void>();
  let gone: Error | undefined;
  let uncaught: DeviceError | undefined;

  const end = (cause: Error): void => {
    gone ??= cause;
    for (const reject of waiting) reject(gone);
    waiting.clear();
  };
  const listen = (event: GPUUncapturedErrorEvent): void => {
    uncaught ??= new DeviceError(kindOf(event.error), "running the plan", event.error.message);
  };
  device.addEventListener("uncapturederror", listen);
  device.lost.then(
    ({ reason, message }) =>
      end(new DeviceLostError(reason === "destroyed" ? "destroyed" : "unknown", message)),
    () => undefined,
  );

  return {
    wait: (promise, during) =>
      new Promise((resolve, reject) => {
        if (gone !== undefined) {
          promise.catch(() => undefined);
          reject(gone);
          return;
        }
        waiting.add(reject);
        const settle = async (): Promise<void> => {
          try {
            const value = await promise;
            waiting.delete(reject);
            resolve(value);
          } catch (cause) {
            // What a lost device was doing is aborted before the loss itself is told: its reason is yet to come.
            if (isAbort(cause)) return;
            waiting.delete(reject);
            reject(cause instanceof DeviceError ? cause : new DeviceError("internal", during, String(cause)));
          }
        };
        void settle();
      }),
    check: () => {
      if (gone !== undefined) throw gone;
      const found = uncaught;
      uncaught = undefined;
      if (found !== undefined) throw found;
    },
    close: () => {
      device.removeEventListener("uncapturederror", listen);
      end(new ClosedError());
    },
  };
}

function isAbort(cause: unknown): boolean {
  return cause instanceof Error && cause.name === "AbortError";
}

function kindOf(error: GPUError): DeviceError["kind"] {
  const name = error.constructor.name;
  return name.includes("OutOfMemory")
    ? "out-of-memory"
    : name.includes("Validation")
      ? "validation"
      : "internal";
}
