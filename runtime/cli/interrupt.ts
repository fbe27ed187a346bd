// Interrupting a run: once asks it to finish the step and save, twice ends the process at once. Termination means the same as once.
// Comes in: what to tell the user. Goes out: a signal for the job. Holds: after `stop` the process reacts to signals as before.
import { exitCodes } from "./exit.ts";

export interface Interruption {
  readonly signal: AbortSignal;
  readonly stop: () => void;
}

const saving = "interrupted: finishing the step and saving; once more stops at once";

/** `says`: what interrupting does. */
export function onInterrupt(tell: (text: string) => void, says = saving): Interruption {
  const controller = new AbortController();
  const ask = (): void => {
    if (controller.signal.aborted) process.exit(exitCodes.interrupted);
    controller.abort();
    tell(says);
  };
  process.on("SIGINT", ask).on("SIGTERM", ask);
  return {
    signal: controller.signal,
    stop: () => void process.off("SIGINT", ask).off("SIGTERM", ask),
  };
}
