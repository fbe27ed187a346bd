// Running a trained model, as `eval` and `generate` share it: find what was trained, compile for the device that is there, load, work,
// free. Comes in: a recipe's path, what the plan is for, and the work. Goes out: what the work gives, or the code to end with.
// Holds: mistakes of the recipe come before the device; interrupted runs end with 130; the device is closed however it ends.
import { dirname } from "node:path";
import type { Purpose } from "../../compiler/language/purposes.ts";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { openDevice, type OpenedDevice } from "../device/open.ts";
import type { Session } from "../launch/session.ts";
import type { JobEvent } from "../train/job.ts";
import { openTuned } from "../train/tuned.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { shortPaths } from "./files.ts";
import { onInterrupt } from "./interrupt.ts";
import { planRecipe, type Planned } from "./plan-recipe.ts";
import { sizeText } from "./quantity.ts";
import { fits } from "./refuse.ts";
import type { Terminal } from "./terminal.ts";
import { trainingDisplay, type TrainingDisplay } from "./training-display.ts";
import { findTuned, type Found } from "./tuned.ts";

export interface TunedRun {
  readonly path: string;
  readonly purposes: readonly Purpose[];
  readonly adapter: string | undefined;
  readonly set: readonly string[];
  readonly json: boolean;
}

export interface Running {
  readonly session: Session;
  readonly planned: Planned;
  readonly found: Found;
  readonly display: TrainingDisplay;
  readonly signal: AbortSignal;
}

/** `before` is what can be wrong with files: it is done once the plan is there and before the device has work. */
export async function runTuned<T>(
  { path, purposes, adapter, set, json }: TunedRun,
  terminal: Terminal,
  before: (planned: Planned) => Promise<T>,
  work: (running: Running, prepared: T) => Promise<void>,
): Promise<ExitCode> {
  const folder = dirname(path);
  let opened: OpenedDevice | undefined;
  let found: Found | undefined;
  const open = async (): Promise<OpenedDevice> => (opened ??= await openDevice());
  try {
    const changes = {
      set,
      purposes,
      tuned: (settings: Planned["settings"]) => (found = findTuned(settings, folder, adapter)),
      otherwise: async () => profileFromDevice((await open()).facts),
    };
    const plans = await planRecipe(path, changes, json, terminal);
    if (typeof plans === "number") return plans;
    const [planned] = plans;
    if (planned === undefined || found === undefined) throw new RangeError("a recipe without a run");
    if (!fits(plans, terminal)) return exitCodes.refused;
    const prepared = await before(planned);
    const { device, facts, why, notice } = await open();
    const { plan, settings } = planned;
    const display = trainingDisplay(terminal, plan.peakBytes);
    const interruption = onInterrupt(display.note, "interrupted: stopping; once more stops at once");
    display.note(`device: ${facts.name} (${why})`);
    if (notice !== undefined) display.note(`note: ${notice}`);
    display.note(shortPaths(`running: ${found.what}`));
    display.note(
      `plan: ${sizeText(plan.peakBytes)} of ${sizeText(plan.budget)}, ${plan.kernels.length} kernels`,
    );
    const { signal } = interruption;
    let session: Session | undefined;
    try {
      const onEvent = (event: JobEvent): void => display.event(event);
      session = await openTuned({ plan, settings, facts: planned.facts, folder, device, onEvent, signal });
      await work({ session, planned, found, display, signal }, prepared);
      if (signal.aborted) throw new Failure("interrupted", exitCodes.interrupted);
      return exitCodes.done;
    } catch (error) {
      if (signal.aborted && error instanceof Error && error.name === "AbortError")
        throw new Failure("interrupted", exitCodes.interrupted);
      throw error;
    } finally {
      display.end();
      session?.close();
      interruption.stop();
    }
  } finally {
    opened?.close();
  }
}
