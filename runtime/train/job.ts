// A whole training job, on one screen: data, files, device, loop, results. Comes in: a verified plan with the facts that the
// compiler found, the recipe's settings, a device. Goes out: files under OUTPUT, events on the way, and how it ended.
// Holds: whatever can be wrong with files is found before the device is given work; memory is freed however the job ends.
import { join, resolve } from "node:path";
import type { ScalarExpression } from "../../compiler/ir/graph.ts";
import type { Settings } from "../../compiler/language/settings.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import type { Verified } from "../../compiler/verify/verify.ts";
import { writeAside } from "../checkpoint/aside.ts";
import type { Checkpoint } from "../checkpoint/folder.ts";
import { batches } from "../data/batches.ts";
import type { MemoryFound, RealMemory } from "../device/real-memory.ts";
import type { Allocated } from "../device/resources.ts";
import { launch, type Session } from "../launch/session.ts";
import { readJobRows, type JobRows } from "./data.ts";
import { totalSteps } from "./duration.ts";
import type { LogLine, TrainEvent } from "./lines.ts";
import { load, type Continued } from "./load.ts";
import { openLog, type Log } from "./log.ts";
import { train, type Position, type Trained } from "./loop.ts";
import { adapterFields, type AdapterShape } from "./peft.ts";
import { saveAdapter, saveModel, type Saved } from "./save.ts";
import { openAdapters, openWeights, paddingOf } from "./sources.ts";
import { writeStep } from "./steps.ts";

/** An adapter of the recipe: its name there, its fields and modules, and its variables with their keys in PEFT layout. */
export interface JobAdapter extends AdapterShape {
  readonly alias: string;
  readonly saved: readonly Saved[];
}

/** What the compiler knows beside the plan. */
export interface JobFacts {
  readonly adapters: readonly JobAdapter[];
  /** The model's own tensors that train, with their names in the checkpoint; all of its tensors where it begins at random. */
  readonly model: readonly Saved[];
  /** The learning rate of a step, for the log. */
  readonly rate: ScalarExpression | undefined;
}

export interface JobInput {
  readonly plan: Verified<Plan>;
  readonly settings: Settings;
  readonly facts: JobFacts;
  /** Where the recipe's paths start. */
  readonly folder: string;
  readonly device: GPUDevice;
  /** Where a stage goes on from another: the folder that holds the weights, instead of the model's. */
  readonly weights?: string | undefined;
  /** The stage's name, and the log that it shares with the others. */
  readonly stage?: { readonly name: string; readonly log: Log } | undefined;
  /** Files of `OUTPUT/plan`, by path there. */
  readonly planFiles?: ReadonlyMap<string, string>;
  /** Evaluates before the first step too. */
  readonly evaluateFirst?: boolean;
  readonly onEvent?: (event: JobEvent) => void;
  readonly signal?: AbortSignal;
  /** Who to ask what the device really holds. */
  readonly memory?: RealMemory | undefined;
}

export type JobEvent =
  | TrainEvent
  | { readonly kind: "rows"; readonly train: number; readonly tokens: number; readonly held: number }
  | { readonly kind: "compiling" | "loading"; readonly done: number; readonly total: number }
  | {
      readonly kind: "ready";
      readonly allocated: Allocated;
      /** What the device really holds, where the system tells. */
      readonly held: MemoryFound | undefined;
      readonly steps: number;
    }
  | { readonly kind: "saved"; readonly what: "step" | "adapter" | "model"; readonly folder: string };

export interface JobResult extends Trained {
  readonly output: string;
  /** What was left, newest last. */
  readonly saved: readonly string[];
  /** The folder of the trained model, where the model itself was trained. */
  readonly model: string | undefined;
  /** What had been made on the device when all was done: as much as before the first step. */
  readonly allocated: Allocated;
  /** What the device really held then, where the system tells. */
  readonly held: MemoryFound | undefined;
}

export async function runJob(input: JobInput): Promise<JobResult> {
  const { plan, settings, folder, signal, stage } = input;
  const emit = (event: JobEvent): void => {
    input.onEvent?.(inStage(event, stage?.name));
    // What a driver makes only when it is needed, the first step has made it make.
    if (event.kind === "step" && event.line.step === 1) void input.memory?.read();
  };
  const model = resolve(folder, settings.model.path.value);
  const weights = input.weights ?? model;
  const output = resolve(folder, settings.output.value);

  const rows = await readJobRows(settings, plan.job, folder, model);
  for (const message of rows.warnings) emit({ kind: "warning", message });
  emit({ kind: "rows", train: rows.train.count, tokens: rows.train.tokenCount, held: rows.held?.count ?? 0 });
  const checkpoint = await openWeights(plan, weights);
  const adapters = await openAdapters(input);
  const options = await trainOptions(input, rows, model);

  const onCompiled = (done: number, total: number): void => emit({ kind: "compiling", done, total });
  const session = await launch(plan, input.device, { onCompiled });
  try {
    const sources = { checkpoint, adapters, seed: settings.seed };
    const onLoaded = (done: number, total: number): void => emit({ kind: "loading", done, total });
    const loaded = await load(session, sources, { onLoaded, ...(signal === undefined ? {} : { signal }) });
    for (const message of loaded.warnings) emit({ kind: "warning", message });
    const { batches, steps } = options;
    emit({ kind: "ready", allocated: session.allocated(), held: await input.memory?.read(), steps });
    for (const [path, text] of input.planFiles ?? [])
      await writeAside(join(output, "plan", path), [new TextEncoder().encode(text)]);

    const results = resultsOf(input, session, { model, output, checkpoint, continued: adapters });
    const log = stage?.log ?? (await openLog(join(output, "log.jsonl")));
    try {
      const save = { every: settings.save.every, write: results.step };
      const clock = (): number => performance.now() / 1000;
      const common = { batches, steps, seed: settings.seed, rate: input.facts.rate, clock, save };
      const { evaluation } = options;
      const trained = await train(session, {
        ...common,
        evaluation,
        onLine: (line) => log.write(named(line, stage?.name)),
        onEvent: emit,
        signal,
        deviceBytes: () => input.memory?.latest()?.bytes,
      });
      if (trained.ended === "done") await results.final();
      const own = input.facts.model.length > 0 ? join(output, "model") : undefined;
      const memory = { allocated: session.allocated(), held: await input.memory?.read() };
      return { ...trained, output, saved: results.saved, model: own, ...memory };
    } finally {
      if (stage === undefined) await log.close();
    }
  } finally {
    session.close();
  }
}

/** A line as the log has it: in a stage it begins with the stage's name. */
function named<L extends LogLine>(line: L, stage: string | undefined): L {
  return stage === undefined ? line : { stage, ...line };
}

function inStage(event: JobEvent, stage: string | undefined): JobEvent {
  switch (event.kind) {
    case "step":
      return { ...event, line: named(event.line, stage) };
    case "evaluation":
      return { ...event, line: named(event.line, stage) };
    default:
      return event;
  }
}

async function trainOptions(
  { plan, settings, evaluateFirst = false }: JobInput,
  rows: JobRows,
  model: string,
) {
  const { batch, rows: perMicro, tokens: length } = plan.job;
  const { seed, data, training, evaluation } = settings;
  const padding = await paddingOf(model, plan.job.vocabulary);
  const common = { length, seed, padding, learns: plan.job.learns.kind, hiding: rows.hiding };
  const learning = batches(rows.train, { ...common, rows: batch, shuffle: data.shuffle });
  const held =
    rows.held === undefined
      ? undefined
      : {
          batches: batches(rows.held, { ...common, rows: perMicro, shuffle: false }),
          every: evaluation?.every,
          ranks: evaluation?.ranks.map(({ value }) => value) ?? [],
          first: evaluateFirst,
        };
  const steps = totalSteps(training.value, learning, rows.train.tokenCount);
  return { batches: learning, evaluation: held, steps };
}

/** Writers of what a run leaves: checkpoints on the way, and at the end the adapters and the model. */
function resultsOf(
  { plan, settings, facts, onEvent }: JobInput,
  session: Session,
  places: {
    readonly model: string;
    readonly output: string;
    readonly checkpoint: Checkpoint | undefined;
    readonly continued: readonly Continued[];
  },
) {
  const { model, output, checkpoint, continued } = places;
  const classes = plan.job.learns.kind === "classes" ? plan.job.learns.count : undefined;
  const saved: string[] = [];
  const told = (what: "step" | "adapter" | "model", folder: string): void => {
    saved.push(folder);
    onEvent?.({ kind: "saved", what, folder });
  };
  const modules = [...(checkpoint?.tensors.keys() ?? [])].flatMap((name) =>
    name.endsWith(".weight") ? [name.slice(0, -".weight".length)] : [],
  );
  const adapters = async (folder: string): Promise<void> => {
    for (const adapter of facts.adapters) {
      const before = continued.find(({ alias }) => alias === adapter.alias)?.adapter.fields;
      const fields = adapterFields(adapter, settings.model.path.value, modules, before);
      // One adapter is the folder; several are folders in it, as PEFT has it.
      const own = facts.adapters.length === 1 ? folder : join(folder, adapter.alias);
      await saveAdapter(session, own, adapter.saved, fields);
    }
  };
  const trained = [...facts.adapters.flatMap((adapter) => adapter.saved), ...facts.model].map(
    (each) => each.variable,
  );
  return {
    saved,
    step: async (position: Position): Promise<void> => {
      const { keep } = settings.save;
      const work = { output, plan, position, seed: settings.seed, keep, trained, adapters };
      told("step", await writeStep(session, work));
    },
    final: async (): Promise<void> => {
      if (facts.adapters.length > 0) {
        await adapters(join(output, "adapter"));
        told("adapter", join(output, "adapter"));
      }
      if (facts.model.length > 0) {
        await saveModel(session, join(output, "model"), facts.model, { folder: model, checkpoint, classes });
        told("model", join(output, "model"));
      }
    },
  };
}
