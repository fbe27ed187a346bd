// A model with its adapters in the weights. Comes in: a verified plan for merging with the compiler's facts, the folders of the model and its
// adapters, a device. Goes out: a model's folder, and how far storing rounded the merged weights.
// Holds: names, shapes and types are checked before the device is given work; device and host hold the tensors of one part at a time;
// merged weights are computed in f32 and stored in the type that the base has them in; all other tensors are the base's bytes.
import { resolve } from "node:path";
import type { Merge } from "../../compiler/elaborate/merging.ts";
import type { Settings } from "../../compiler/language/settings.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import type { Verified } from "../../compiler/verify/verify.ts";
import { fromFloats, toFloats, type FloatType } from "../checkpoint/convert.ts";
import { CheckpointError } from "../checkpoint/error.ts";
import { openCheckpoint, type Checkpoint } from "../checkpoint/folder.ts";
import { underFullNames } from "../checkpoint/names.ts";
import { readChunks, type SafetensorsFile, type TensorToWrite } from "../checkpoint/safetensors.ts";
import { launch } from "../launch/session.ts";
import { checkAdapter } from "../train/adapters.ts";
import { writeRank } from "../train/feed.ts";
import type { JobEvent, JobFacts } from "../train/job.ts";
import {
  besideAdapter,
  isOf,
  readingOf,
  readTensor,
  writeConstants,
  type Continued,
  type Reading,
} from "../train/load.ts";
import { openAdapters } from "../train/sources.ts";
import { needEmpty, writeModelFolder } from "./model-folder.ts";

export interface MergeInput {
  readonly plan: Verified<Plan>;
  readonly settings: Settings;
  readonly facts: JobFacts & { readonly merges: readonly Merge[] };
  /** Where the recipe's paths start. */
  readonly folder: string;
  readonly device: GPUDevice;
  /** The folder to write. */
  readonly output: string;
  /** Of an adapter with a range of ranks: the largest if undefined. */
  readonly rank?: number | undefined;
  /** Bytes of tensors in one file, at most. */
  readonly limit?: number;
  readonly onEvent?: (event: Extract<JobEvent, { kind: "compiling" | "loading" | "warning" }>) => void;
  /** Tensors merged so far. */
  readonly onMerged?: (done: number, total: number) => void;
  readonly signal?: AbortSignal;
}

/** What was done to the weights that the adapters are in. */
export interface Merged {
  readonly tensors: number;
  readonly elements: number;
  /** The types they are stored in. */
  readonly types: readonly FloatType[];
  /** How far they lie from what was computed, by rounding to these types. */
  readonly rounding: { readonly most: number; readonly mean: number };
  /**
   * Where the recipe holds weights in a format: how far these lie from what it holds of them, which the adapters were trained on; in
   * all, relative to their length, and at most.
   */
  readonly fromHeld: { readonly relative: number; readonly most: number } | undefined;
}

export async function mergeModel(input: MergeInput): Promise<Merged> {
  const { plan, settings, facts, folder, output, signal } = input;
  const warn = (message: string): void => input.onEvent?.({ kind: "warning", message });
  await needEmpty(output);
  const model = resolve(folder, settings.model.path.value);
  const names = facts.merges.flatMap(({ tensors }) =>
    tensors.flatMap((each) => (each.adapter === undefined ? [each.key] : [])),
  );
  const checkpoint = underFullNames(await openCheckpoint(model), names);
  const adapters = await openAdapters(input);
  for (const each of adapters)
    for (const message of checkAdapter(each, adapterKeys(facts, each.alias))) warn(message);

  const jobs = facts.merges.map((merge) => jobOf(plan, merge, checkpoint, adapters));
  const onCompiled = (done: number, total: number): void =>
    input.onEvent?.({ kind: "compiling", done, total });
  const session = await launch(plan, input.device, { onCompiled });
  try {
    await writeConstants(session);
    await writeRank(session, input.rank);
    const rounding = counted();
    const held = { squares: 0, all: 0, most: 0 };
    const total = jobs.reduce((sum, { changed }) => sum + changed.length, 0);
    input.onMerged?.(0, total);
    const merged = new Map(
      jobs.flatMap((job) =>
        job.changed.map(({ key, variable, type }): [string, TensorToWrite] => {
          const data = async function* (): AsyncGenerator<Uint8Array> {
            signal?.throwIfAborted();
            for (const reading of job.readings)
              for (const message of await readTensor(session, reading, () => undefined)) warn(message);
            await session.run(job.program);
            // Of a part with several merged tensors the program is run for each, and measures the same.
            if (job.difference !== undefined && key === job.changed[0]?.key) {
              const [squares = 0, of = 0, most = 0] = await session.read(job.difference);
              held.squares += squares;
              held.all += of;
              held.most = Math.max(held.most, most);
            }
            for await (const piece of session.readPart(variable, 0)) yield rounding.stored(piece, type);
            rounding.done();
            input.onMerged?.(rounding.tensors(), total);
          };
          const { shape } = session.find(variable) ?? { shape: [] };
          return [key, { name: key, dtype: type, shape, data }];
        }),
      ),
    );
    const own = besideOf(facts, adapters);
    const kept = [...checkpoint.tensors].map(([name, { file, dtype, shape }]): TensorToWrite => {
      return own.get(name) ?? merged.get(name) ?? { name, dtype, shape, data: () => stored(file, name) };
    });
    const added = [...own.values()].filter(({ name }) => !checkpoint.tensors.has(name));
    const classes = plan.job.learns.kind === "classes" ? plan.job.learns.count : undefined;
    const { limit } = input;
    await writeModelFolder(output, {
      tensors: [...kept, ...added],
      from: model,
      classes,
      ...(limit === undefined ? {} : { limit }),
    });
    const infinite = rounding.infinite();
    if (infinite > 0) warn(`${infinite} merged values are NaN or infinite in the type they are stored in`);
    const fromHeld =
      held.all === 0 ? undefined : { relative: Math.sqrt(held.squares / held.all), most: held.most };
    return { ...rounding.result(), fromHeld };
  } finally {
    session.close();
  }
}

/** One part to be merged: what is read, what is run, what comes of it. */
interface PartJob {
  readonly program: string;
  readonly difference: string | undefined;
  readonly readings: readonly Reading[];
  readonly changed: readonly { readonly key: string; readonly variable: string; readonly type: FloatType }[];
}

function jobOf(
  { variables }: Plan,
  { program, difference, tensors }: Merge,
  checkpoint: Checkpoint,
  adapters: readonly Continued[],
): PartJob {
  const readings: Reading[] = [];
  const changed: PartJob["changed"][number][] = [];
  for (const { variable: name, key, adapter, changed: isChanged } of tensors) {
    const variable = variables.find((each) => each.name === name);
    if (variable === undefined) throw new RangeError(`the plan has no variable '${name}'`);
    if (variable.initial.from !== "host" || name === "scalars") continue;
    const file =
      adapter === undefined
        ? checkpoint.tensors.get(key)?.file
        : adapters.find(({ alias }) => alias === adapter)?.adapter.weights;
    const found = readingOf(variable, 0, key, file);
    if (typeof found === "string") throw new CheckpointError(file?.path ?? checkpoint.folder, found);
    readings.push(found);
    if (isChanged) changed.push({ key, variable: name, type: found.from });
  }
  return { program, difference, readings, changed };
}

/** The keys that an adapter's file may have; a module beside it is named in one of two ways. */
export function adapterKeys({ adapters }: JobFacts, alias: string): readonly string[] {
  const saved = adapters.find((each) => each.alias === alias)?.saved ?? [];
  return saved.flatMap(({ variable, keys }) =>
    isOf(variable, alias) ? keys : keys.flatMap((key) => besideAdapter(plainName(key))),
  );
}

/** The tensors that trained beside an adapter and are saved in its file whole, such as a head, under their names in the model. */
function besideOf({ adapters: facts }: JobFacts, adapters: readonly Continued[]): Map<string, TensorToWrite> {
  const found = new Map<string, TensorToWrite>();
  for (const { alias, adapter } of adapters) {
    const saved = facts.find((each) => each.alias === alias)?.saved ?? [];
    for (const { variable, keys } of saved) {
      if (isOf(variable, alias)) continue;
      for (const key of keys) {
        const name = plainName(key);
        const { weights } = adapter;
        const stands = besideAdapter(name).find((each) => weights.tensors.has(each));
        const entry = stands === undefined ? undefined : weights.tensors.get(stands);
        if (stands === undefined || entry === undefined) continue;
        found.set(name, {
          name,
          dtype: entry.dtype,
          shape: entry.shape,
          data: () => stored(weights, stands),
        });
      }
    }
  }
  return found;
}

function plainName(key: string): string {
  return key.replace(/^base_model\.(model\.)?/, "");
}

async function* stored(file: SafetensorsFile, name: string): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readChunks(file, name, 4 * 1024 * 1024)) yield bytes;
}

/** Stores values in a type and counts what that does to them. */
function counted() {
  const types = new Set<FloatType>();
  let [tensors, elements, most, sum, infinite] = [0, 0, 0, 0, 0];
  return {
    stored: (piece: Uint8Array<ArrayBuffer>, type: FloatType): Uint8Array => {
      types.add(type);
      const exact = toFloats(piece, "F32");
      const bytes = fromFloats(exact, type);
      const rounded = toFloats(bytes, type);
      for (const [at, value] of exact.entries()) {
        const off = Math.abs((rounded[at] ?? 0) - value);
        if (!Number.isFinite(off)) infinite += 1;
        else {
          sum += off;
          if (off > most) most = off;
        }
      }
      elements += exact.length;
      return bytes;
    },
    done: () => void (tensors += 1),
    tensors: () => tensors,
    infinite: () => infinite,
    result: (): Omit<Merged, "fromHeld"> => {
      const mean = elements === 0 ? 0 : sum / elements;
      return { tensors, elements, types: [...types], rounding: { most, mean } };
    },
  };
}
