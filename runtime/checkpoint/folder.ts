// Goes in: the path of a folder in Hugging Face layout. Comes out: its config, and one directory of the tensors of all its
// safetensors files, or of its GGUF file. Always: every file was accepted by `openSafetensors` or `openGguf`; each name belongs to one file; an index reaches
// no file outside the folder. Weights are opened separately, because a model may be planned or made from its config alone.

import { readdir, realpath, stat } from "node:fs/promises";
import { basename, dirname, isAbsolute, join, relative, sep, win32 } from "node:path";

import type { FloatType } from "./convert.ts";
import { CheckpointError, systemReason } from "./error.ts";
import {
  aBoolean,
  aCount,
  anIndex,
  anyOf,
  aString,
  checkFields,
  listOf,
  missingField,
  nothing,
  readJsonFile,
  wrongField,
  type JsonFile,
  type Rule,
} from "./fields.ts";
import type { TensorEntry } from "./header.ts";
import { plainValue, type JsonValue } from "./json.ts";
import { openGguf, openSafetensors, type SafetensorsFile } from "./safetensors.ts";

export interface ModelConfig {
  readonly path: string;
  readonly values: Readonly<Record<string, JsonValue>>;
  /** `dtype` (Transformers 5) or `torch_dtype` (4) without a leading "torch."; undefined where the config says none. */
  readonly dtype: string | undefined;
}

export interface StoredTensor extends TensorEntry {
  readonly file: SafetensorsFile;
}

export interface Checkpoint {
  readonly folder: string;
  readonly files: readonly SafetensorsFile[];
  /** To read: `readTensor(tensor.file, name)` or `readChunks(tensor.file, name, bytes)`. */
  readonly tensors: ReadonlyMap<string, StoredTensor>;
}

const tokens: Rule = anyOf(anIndex, listOf(anIndex), nothing);
const dtype: Rule = anyOf(aString, nothing);

/** Fields that mean the same in every architecture; the others are checked by the architecture's definition. */
const configRules: ReadonlyMap<string, Rule> = new Map([
  ["model_type", aString],
  ["architectures", anyOf(listOf(aString), nothing)],
  ["vocab_size", aCount],
  ["bos_token_id", tokens],
  ["eos_token_id", tokens],
  // Some configs say -1 for "none".
  ["pad_token_id", anyOf(tokens, { expected: "-1", accepts: (n) => n.kind === "number" && n.value === -1 })],
  ["tie_word_embeddings", aBoolean],
  ["dtype", dtype],
  ["torch_dtype", dtype],
]);

export async function readConfig(folder: string): Promise<ModelConfig> {
  await needFolder(folder);
  const file = await readJsonFile(join(folder, "config.json"));
  checkFields(file, configRules);
  const named = [file.root.entries.get("dtype"), file.root.entries.get("torch_dtype")].find(
    (n) => n?.kind === "string",
  );
  return {
    path: file.path,
    values: objectValue(file),
    dtype: named?.kind === "string" ? named.value.replace(/^torch\./, "") : undefined,
  };
}

const dtypes: ReadonlyMap<string, FloatType> = new Map([
  ["float32", "F32"],
  ["float16", "F16"],
  ["bfloat16", "BF16"],
]);

/** The type the config gives the weights, for when no stored weights say it. */
export function configType(config: ModelConfig): FloatType | undefined {
  if (config.dtype === undefined) return undefined;
  const type = dtypes.get(config.dtype);
  if (type !== undefined) return type;
  throw new CheckpointError(
    config.path,
    `field "dtype" is ${JSON.stringify(config.dtype)}; expected one of ${[...dtypes.keys()].join(", ")}`,
  );
}

const indexName = "model.safetensors.index.json";

/**
 * The files are those the index names; without an index `model.safetensors`; without that every *.safetensors but an adapter's;
 * without any the one *.gguf.
 */
export async function openCheckpoint(folder: string): Promise<Checkpoint> {
  await needFolder(folder);
  const names = new Set(await readdir(folder));
  if (names.has(indexName)) return openIndexed(folder);
  const found = names.has("model.safetensors")
    ? ["model.safetensors"]
    : [...names].filter((n) => n.endsWith(".safetensors") && n !== "adapter_model.safetensors").sort();
  if (found.length === 0) {
    const [only, ...more] = [...names].filter((n) => n.endsWith(".gguf")).sort();
    if (only !== undefined && more.length > 0)
      throw new CheckpointError(folder, `it holds ${more.length + 1} *.gguf files; one was expected`);
    if (only !== undefined) {
      const file = await openGguf(join(folder, only));
      return { folder, files: [file], tensors: merge([file], new Map()) };
    }
    const others = [...names].filter((n) => /\.(bin|pt|pth|ckpt|h5|msgpack)$/.test(n)).sort();
    const hint = others.length > 0 ? `; ${others[0]} is in a format that is not read` : "";
    throw new CheckpointError(folder, `it holds no *.safetensors or *.gguf file${hint}`);
  }
  const files = await Promise.all(found.map((name) => openSafetensors(join(folder, name))));
  return { folder, files, tensors: merge(files, new Map()) };
}

async function openIndexed(folder: string): Promise<Checkpoint> {
  const index = await readJsonFile(join(folder, indexName));
  const map = index.root.entries.get("weight_map");
  if (map === undefined) throw missingField(index, "weight_map", "an object from tensor names to files");
  if (map.kind !== "object")
    throw wrongField(index, "weight_map", map, "an object from tensor names to files");
  const paths = new Map<string, string>();
  const owner = new Map<string, string>();
  for (const [tensor, node] of map.entries) {
    if (node.kind !== "string") throw wrongField(index, `weight_map.${tensor}`, node, "a file name");
    if (!paths.has(node.value)) {
      const refusal = await outside(folder, node.value);
      if (refusal !== undefined)
        throw wrongField(index, `weight_map.${tensor}`, node, `a file of this folder: ${refusal}`);
      paths.set(node.value, join(folder, node.value));
    }
    owner.set(tensor, join(folder, node.value));
  }
  if (paths.size === 0) throw new CheckpointError(index.path, 'field "weight_map" names no file');
  const files = await Promise.all([...paths.values()].map(openSafetensors));
  const tensors = merge(files, owner);
  for (const [name, path] of owner) {
    if (tensors.get(name)?.file.path !== path) {
      throw new CheckpointError(index.path, `tensor ${JSON.stringify(name)} is not in ${basename(path)}`);
    }
  }
  return { folder, files, tensors };
}

/** Why a name in an index is not a file of this folder; undefined when it is one. */
async function outside(folder: string, name: string): Promise<string | undefined> {
  if (name === "" || name.includes("\0")) return "this is no file name";
  // Both systems' spellings are refused everywhere, so that a checkpoint is good or bad wherever it is opened.
  if (isAbsolute(name) || win32.isAbsolute(name) || /^[a-zA-Z]:/.test(name)) return "this path is absolute";
  if (name.split(/[/\\]/).includes("..")) return 'this path leaves the folder by ".."';
  let real: string;
  let home: string;
  try {
    [real, home] = await Promise.all([realpath(join(folder, name)), realpath(folder)]);
  } catch (cause) {
    throw new CheckpointError(join(folder, name), `named in ${indexName}: ${systemReason(cause)}`, cause);
  }
  if (within(home, real)) return undefined;
  // The Hugging Face cache keeps contents in `blobs` beside `snapshots`, and links to them: still the same model's folder.
  const snapshots = dirname(home);
  if (basename(snapshots) === "snapshots" && within(join(dirname(snapshots), "blobs"), real))
    return undefined;
  return "this is a link that leads outside";
}

function within(folder: string, path: string): boolean {
  const way = relative(folder, path);
  return way !== "" && way !== ".." && !way.startsWith(`..${sep}`) && !isAbsolute(way);
}

/** A name in two files is refused, unless the index says which of them owns it. */
function merge(
  files: readonly SafetensorsFile[],
  owner: ReadonlyMap<string, string>,
): Map<string, StoredTensor> {
  const tensors = new Map<string, StoredTensor>();
  for (const file of files) {
    for (const [name, entry] of file.tensors) {
      const decided = owner.get(name);
      if (decided !== undefined && decided !== file.path) continue;
      const other = tensors.get(name);
      if (other !== undefined) {
        throw new CheckpointError(
          file.path,
          `tensor ${JSON.stringify(name)} is also in ${basename(other.file.path)}`,
        );
      }
      tensors.set(name, { ...entry, file });
    }
  }
  return tensors;
}

export function objectValue(file: JsonFile): Record<string, JsonValue> {
  return Object.fromEntries([...file.root.entries].map(([name, node]) => [name, plainValue(node)]));
}

async function needFolder(path: string): Promise<void> {
  try {
    if ((await stat(path)).isDirectory()) return;
  } catch (cause) {
    throw new CheckpointError(path, `the model's folder could not be opened: ${systemReason(cause)}`, cause);
  }
  throw new CheckpointError(path, "it is a file; a model is a folder in Hugging Face layout");
}
