// What a run leaves: adapters in PEFT layout, or the trained model as a folder in Hugging Face layout. Comes in: a session at rest
// and where each trained variable belongs in files. Goes out: files, each written aside and renamed.
// Holds: tensors pass through the host in pieces; what was not trained is copied byte for byte; types are those that were trained.
import { copyFile, mkdir, readdir } from "node:fs/promises";
import { join } from "node:path";
import type { PlanVariable } from "../../compiler/plan/plan.ts";
import { writeAside } from "../checkpoint/aside.ts";
import { CheckpointError, systemReason } from "../checkpoint/error.ts";
import { readJsonFile } from "../checkpoint/fields.ts";
import { objectValue, type Checkpoint } from "../checkpoint/folder.ts";
import { writeAdapter, type FieldToWrite } from "../checkpoint/peft.ts";
import { readChunks, writeSafetensors, type TensorToWrite } from "../checkpoint/safetensors.ts";
import { partCount } from "../launch/extent.ts";
import type { Session } from "../launch/session.ts";
import { fileType, partShape } from "./load.ts";

export type Reading = Pick<Session, "find" | "readPart">;

/** A variable and the names of its parts in files, one a part. */
export interface Saved {
  readonly variable: string;
  readonly keys: readonly string[];
}

export async function saveAdapter(
  session: Reading,
  folder: string,
  saved: readonly Saved[],
  fields: ReadonlyMap<string, FieldToWrite>,
): Promise<void> {
  const tensors = saved.flatMap((each) => tensorsOf(session, each));
  await writeAdapter(folder, { tensors, fields });
}

/** Everything of the model's folder that is not weights comes along, so that the result loads like the original. */
export async function saveModel(
  session: Reading,
  folder: string,
  saved: readonly Saved[],
  from: {
    readonly folder: string;
    readonly checkpoint: Checkpoint | undefined;
    /** How many classes its head tells apart, if it does. */
    readonly classes: number | undefined;
  },
): Promise<void> {
  const trained = saved.flatMap((each) => tensorsOf(session, each));
  const names = new Set(trained.map(({ name }) => name));
  const kept = [...(from.checkpoint?.tensors ?? [])].flatMap(
    ([name, { file, dtype, shape }]): TensorToWrite[] => {
      if (names.has(name)) return [];
      return [{ name, dtype, shape, data: () => stored(file, name) }];
    },
  );
  await writeSafetensors(join(folder, "model.safetensors"), [...trained, ...kept]);
  await copyBeside(from.folder, folder);
  if (from.classes !== undefined) await nameClasses(join(folder, "config.json"), from.classes);
}

/** A config that names another number of classes would have the head read in another shape. */
export async function nameClasses(path: string, count: number): Promise<void> {
  const { root, ...file } = await readJsonFile(path);
  const known = root.entries.get("id2label");
  if (known?.kind === "object" && known.entries.size === count) return;
  const names = Array.from({ length: count }, (_, at) => `LABEL_${at}`);
  const changed = {
    ...objectValue({ root, ...file }),
    id2label: Object.fromEntries(names.map((name, at) => [at, name])),
    label2id: Object.fromEntries(names.map((name, at) => [name, at])),
  };
  await writeAside(path, [new TextEncoder().encode(`${JSON.stringify(changed, undefined, 2)}\n`)]);
}

async function* stored(file: Parameters<typeof readChunks>[0], name: string): AsyncGenerator<Uint8Array> {
  for await (const { bytes } of readChunks(file, name, 4 * 1024 * 1024)) yield bytes;
}

/** The parts of a variable, to be streamed from the device when their turn comes. */
export function tensorsOf(session: Reading, { variable: name, keys }: Saved): TensorToWrite[] {
  const variable = session.find(name);
  if (variable === undefined) throw new RangeError(`the plan has no variable '${name}' to save`);
  if (keys.length !== partCount(variable))
    throw new RangeError(`variable '${name}' has ${partCount(variable)} parts and ${keys.length} names`);
  return keys.map((key, part) => partToWrite(session, variable, part, key));
}

function partToWrite(session: Reading, variable: PlanVariable, part: number, key: string): TensorToWrite {
  const dtype = fileType(variable.type) ?? (variable.type === "i32" ? "I32" : "U32");
  return { name: key, dtype, shape: partShape(variable), data: () => session.readPart(variable.name, part) };
}

/** Files that describe a model beside its weights. */
const beside =
  /^(config|generation_config|tokenizer|tokenizer_config|special_tokens_map|added_tokens|vocab)\.json$|^(merges\.txt|vocab\.txt|tokenizer\.model|chat_template\.(jinja|json))$/;

export async function copyBeside(from: string, to: string): Promise<void> {
  await mkdir(to, { recursive: true });
  for (const name of (await readdir(from)).filter((each) => beside.test(each))) {
    try {
      await copyFile(join(from, name), join(to, name));
    } catch (cause) {
      throw new CheckpointError(join(to, name), `it could not be written: ${systemReason(cause)}`, cause);
    }
  }
}
