// `ftlc train`: compiles a recipe for the device that is there and runs the job. Comes in: a path and options. Goes out: files under
// the recipe's output, progress on standard error, with --json the log's lines on standard output.
// Holds: mistakes of the recipe come before the device, those of files before its work; interrupted runs end with 130.
import { resolve, dirname } from "node:path";
import { timesPerStep, type Plan } from "../../compiler/plan/plan.ts";
import { profileFromDevice } from "../../compiler/profile/device.ts";
import { openCheckpoint } from "../checkpoint/folder.ts";
import { openDevice, type OpenedDevice } from "../device/open.ts";
import { realMemory, type RealMemory } from "../device/real-memory.ts";
import { readJobRows } from "../train/data.ts";
import type { JobEvent, JobResult } from "../train/job.ts";
import { runStages, type StageInput } from "../train/stages.ts";
import { planReport } from "./compile.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { onInterrupt } from "./interrupt.ts";
import { planFiles } from "./plan-folder.ts";
import { planRecipe, type Planned } from "./plan-recipe.ts";
import { findProfile } from "./profile.ts";
import type { TrainFlags } from "./program.ts";
import { sizeText } from "./quantity.ts";
import { findRepairs, fits } from "./refuse.ts";
import type { Terminal } from "./terminal.ts";
import { rankTable } from "./rank-table.ts";
import { memoryText, trainingDisplay, type TrainingDisplay } from "./training-display.ts";

export async function trainCommand(path: string, flags: TrainFlags, terminal: Terminal): Promise<ExitCode> {
  const json = flags.json === true;
  const steps = flags.steps === undefined ? [] : [`training=${flags.steps} steps`];
  let opened: OpenedDevice | undefined;
  const profile = flags.device === undefined ? undefined : findProfile(flags.device);
  // A profile that is named is what the device is held to.
  const options = profile === undefined ? {} : { limits: { ...profile.limits } };
  let memoryOf: Awaited<ReturnType<typeof realMemory>> | undefined;
  const open = async (): Promise<OpenedDevice> => {
    memoryOf ??= await realMemory();
    return (opened ??= await openDevice(options));
  };
  try {
    const changes = {
      profile,
      set: [...(flags.set ?? []), ...steps],
      otherwise: async () => profileFromDevice((await open()).facts),
    };
    const planned = await planRecipe(path, changes, json && flags.dryRun === true, terminal);
    if (typeof planned === "number") return planned;
    if (!fits(planned, terminal, findRepairs(path, changes, planned))) return exitCodes.refused;
    const device = await open();
    if (flags.dryRun === true) return await dryRun(planned, dirname(path), json, terminal);
    return await run(planned, dirname(path), device, memoryOf?.(device.facts), json, terminal);
  } finally {
    opened?.close();
  }
}

/** All that can be found without work for the device. */
async function dryRun(
  planned: readonly Planned[],
  folder: string,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  const notes: string[] = [];
  for (const [at, { stage, plan, settings }] of planned.entries()) {
    const model = resolve(folder, settings.model.path.value);
    const rows = await readJobRows(settings, plan.job, folder, model);
    // What later stages read, earlier ones are to write.
    if (at === 0 && settings.model.init === undefined) await openCheckpoint(model);
    notes.push(...rows.warnings.map((message) => `warning: ${message}`));
    const what = stage === undefined ? "" : `stage ${stage}: `;
    notes.push(
      `${what}data and model can be read: ${rows.train.count} rows, ${rows.held?.count ?? 0} held out`,
    );
  }
  terminal.out(planReport(json ? "json" : "text", planned));
  for (const note of notes) terminal.err(note);
  return exitCodes.done;
}

async function run(
  planned: readonly Planned[],
  folder: string,
  opened: OpenedDevice,
  memory: RealMemory | undefined,
  json: boolean,
  terminal: Terminal,
): Promise<ExitCode> {
  let display = trainingDisplay(terminal, 0);
  const note = (text: string): void => display.note(text);
  const interruption = onInterrupt(note);
  note(`device: ${opened.facts.name} (${opened.why})`);
  if (opened.notice !== undefined) note(`note: ${opened.notice}`);
  let ready: Extract<JobEvent, { kind: "ready" }> | undefined;
  const onEvent = (event: JobEvent): void => {
    if (event.kind === "ready") ready = event;
    if (json && (event.kind === "step" || event.kind === "evaluation"))
      terminal.out(JSON.stringify(event.line));
    display.event(event);
  };
  const stages = planned.map(({ stage, plan, settings, facts }): StageInput => {
    const common = { evaluateFirst: true, onEvent, memory, signal: interruption.signal };
    const own = { plan, settings, facts, folder, device: opened.device, planFiles: planFiles(plan) };
    return { name: stage, ...own, ...common };
  });
  let before: JobResult | undefined;
  let peak = 0;
  try {
    const output = resolve(folder, planned[0]?.whole.output.value ?? "");
    await runStages(stages, output, {
      onBegin: ({ name, plan }) => {
        peak = plan.peakBytes;
        display = trainingDisplay(terminal, peak);
        if (name !== undefined) note(`stage ${name}`);
        note(planText(plan));
      },
      onEnd: (result) => {
        display.end();
        if (ready !== undefined) note(memoryText(peak, ready, result, opened.facts.isSoftware));
        conclude(result, display);
        before = result;
      },
    });
    return before?.ended === "interrupted" ? exitCodes.interrupted : exitCodes.done;
  } catch (error) {
    display.end();
    if (interruption.signal.aborted && isAbort(error)) {
      const what = before === undefined ? "nothing was saved" : `${before.output} is whole`;
      throw new Failure(`interrupted before the first step: ${what}`, exitCodes.interrupted);
    }
    throw error;
  } finally {
    interruption.stop();
  }
}

function planText(plan: Plan): string {
  const dispatches = plan.programs.reduce(
    (sum, { name, dispatches }) => sum + dispatches.length * timesPerStep(plan, name),
    0,
  );
  return `plan: ${sizeText(plan.peakBytes)} of ${sizeText(plan.budget)}, ${dispatches} dispatches a step, ${plan.kernels.length} kernels`;
}

function conclude(result: JobResult, display: TrainingDisplay): void {
  const { ended, step, steps, last, evaluations } = result;
  if (ended === "interrupted") {
    display.note(`interrupted after step ${step} of ${steps}, which is saved`);
    return;
  }
  const final = evaluations.at(-1);
  const first = evaluations.find(({ rank }) => rank === final?.rank);
  if (first !== undefined && final !== undefined && first !== final) {
    const change = final.eval_loss - first.eval_loss;
    const sign = change < 0 ? "−" : "+";
    display.note(
      `held-out loss ${first.eval_loss.toFixed(4)} before, ${final.eval_loss.toFixed(4)} after (${sign}${Math.abs(change).toFixed(4)})`,
    );
  }
  const ofLast = evaluations.flatMap(({ rank, ...line }) =>
    line.step === final?.step && rank !== undefined ? [{ ...line, rank }] : [],
  );
  if (ofLast.length > 1) for (const line of rankTable(ofLast)) display.note(line);
  display.note(
    `done: ${steps} steps${typeof last?.loss === "number" ? `, last loss ${last.loss.toFixed(4)}` : ""}`,
  );
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === "AbortError";
}
