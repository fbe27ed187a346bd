// A trained model at work without training: its plan launched, its weights and adapters loaded. Comes in: a plan for evaluating,
// generating or whatever else runs a model, and the device. Goes out: a session that is ready.
// Holds: files are checked before the device is given work; where anything fails, its memory is freed.
import { resolve } from "node:path";
import type { Settings } from "../../compiler/language/settings.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import type { Verified } from "../../compiler/verify/verify.ts";
import { launch, type Session } from "../launch/session.ts";
import type { JobEvent, JobFacts } from "./job.ts";
import { load } from "./load.ts";
import { openAdapters, openWeights } from "./sources.ts";

export interface TunedInput {
  readonly plan: Verified<Plan>;
  readonly settings: Settings;
  readonly facts: JobFacts;
  /** Where the recipe's paths start. */
  readonly folder: string;
  readonly device: GPUDevice;
  readonly onEvent?: (event: Extract<JobEvent, { kind: "compiling" | "loading" | "warning" }>) => void;
  readonly signal?: AbortSignal;
}

export async function openTuned(input: TunedInput): Promise<Session> {
  const { plan, settings, folder, device, signal } = input;
  const emit = input.onEvent ?? (() => undefined);
  const checkpoint = await openWeights(plan, resolve(folder, settings.model.path.value));
  const adapters = await openAdapters(input);
  const onCompiled = (done: number, total: number): void => emit({ kind: "compiling", done, total });
  const session = await launch(plan, device, { onCompiled });
  try {
    const onLoaded = (done: number, total: number): void => emit({ kind: "loading", done, total });
    const sources = { checkpoint, adapters, seed: settings.seed };
    const loaded = await load(session, sources, { onLoaded, ...(signal === undefined ? {} : { signal }) });
    for (const message of loaded.warnings) emit({ kind: "warning", message });
    return session;
  } catch (cause) {
    session.close();
    throw cause;
  }
}
