// A model as a folder in Hugging Face layout. Comes in: tensors in order, and the folder of the model it was made from. Goes out: the
// folder, with weights in files of bounded size and an index where there are several, as Transformers writes them.
// Holds: the folder is made under another name and renamed: under its own it is whole or not there; tensors are asked for one by one.
import { randomUUID } from "node:crypto";
import { mkdir, readdir, rename, rm, rmdir, stat } from "node:fs/promises";
import { dirname, join } from "node:path";
import { sizeOf } from "../../compiler/ir/graph.ts";
import { syncFolder, writeAside } from "../checkpoint/aside.ts";
import { CheckpointError, systemReason } from "../checkpoint/error.ts";
import { writeSafetensors, type TensorToWrite } from "../checkpoint/safetensors.ts";
import { byteLength } from "../checkpoint/types.ts";
import { copyBeside, nameClasses } from "../train/save.ts";

/** Bytes of tensors in one file: the 5GB of Transformers. */
export const shardBytes = 5e9;

export interface ModelToWrite {
  readonly tensors: readonly TensorToWrite[];
  /** The folder that everything but weights is copied from. */
  readonly from: string;
  /** How many classes its head tells apart, if it does. */
  readonly classes: number | undefined;
  /** Bytes of tensors in one file, at most, but for a tensor that is larger by itself. */
  readonly limit?: number;
}

/** Refuses a folder that is there and holds something. */
export async function needEmpty(folder: string): Promise<void> {
  const found = await stat(folder).catch(() => undefined);
  if (found === undefined) return;
  if (!found.isDirectory()) throw new CheckpointError(folder, "it is a file; a folder is written");
  if ((await readdir(folder)).length > 0)
    throw new CheckpointError(folder, "it is there already and holds files; name another, or move it away");
}

export async function writeModelFolder(
  folder: string,
  { tensors, from, classes, limit = shardBytes }: ModelToWrite,
): Promise<void> {
  await needEmpty(folder);
  const partial = `${folder}.${randomUUID()}.partial`;
  try {
    await mkdir(partial, { recursive: true });
    const shards = shardsOf(tensors, limit);
    for (const { name, tensors: own } of shards) await writeSafetensors(join(partial, name), own);
    if (shards.length > 1)
      await writeAside(join(partial, "model.safetensors.index.json"), [
        new TextEncoder().encode(indexText(shards)),
      ]);
    await copyBeside(from, partial);
    if (classes !== undefined) await nameClasses(join(partial, "config.json"), classes);
    await rmdir(folder).catch(() => undefined);
    await rename(partial, folder);
    await syncFolder(dirname(folder));
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (cause instanceof Error && "code" in cause)
      throw new CheckpointError(folder, `it could not be written: ${systemReason(cause)}`, cause);
    throw cause;
  }
}

interface Shard {
  readonly name: string;
  readonly tensors: readonly TensorToWrite[];
}

/** The tensors in order, a file filled before the next begins. */
function shardsOf(tensors: readonly TensorToWrite[], limit: number): readonly Shard[] {
  const filled: TensorToWrite[][] = [[]];
  let bytes = 0;
  for (const tensor of tensors) {
    const size = bytesOf(tensor);
    if (bytes > 0 && bytes + size > limit) {
      filled.push([]);
      bytes = 0;
    }
    bytes += size;
    filled.at(-1)?.push(tensor);
  }
  const five = (value: number): string => String(value).padStart(5, "0");
  const name = (at: number): string =>
    filled.length === 1 ? "model.safetensors" : `model-${five(at + 1)}-of-${five(filled.length)}.safetensors`;
  return filled.map((own, at) => ({ name: name(at), tensors: own }));
}

/** As Python's `json.dumps(index, indent=2, sort_keys=True)`, and a line end. */
function indexText(shards: readonly Shard[]): string {
  const all = shards.flatMap(({ tensors }) => tensors);
  const places = shards.flatMap(({ name, tensors }) => tensors.map((tensor) => [tensor.name, name] as const));
  const index = {
    metadata: {
      total_parameters: all.reduce((sum, { shape }) => sum + sizeOf(shape), 0),
      total_size: all.reduce((sum, tensor) => sum + bytesOf(tensor), 0),
    },
    weight_map: Object.fromEntries(
      places.toSorted(([a], [b]) => Buffer.compare(Buffer.from(a), Buffer.from(b))),
    ),
  };
  return `${JSON.stringify(index, undefined, 2)}\n`;
}

function bytesOf({ name, dtype, shape }: TensorToWrite): number {
  const bytes = byteLength(dtype, shape);
  if (typeof bytes === "number") return bytes;
  throw new RangeError(`tensor '${name}': ${bytes}`);
}
