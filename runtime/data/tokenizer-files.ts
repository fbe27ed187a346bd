// The JSON files of a model's folder that say how it reads text. Comes in: a path. Goes out: an object, or nothing where there is no such
// file. Holds: what is too large, no UTF-8 or no JSON object is refused with the file's name.

import { readFile, stat } from "node:fs/promises";

import { CheckpointError, systemReason } from "../checkpoint/error.ts";

export type Json = Readonly<Record<string, unknown>>;

const largestFile = 256 * 1024 * 1024;

/** Undefined where there is no such file. */
export async function readTextFile(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > largestFile)
      throw new CheckpointError(path, `it has ${size} bytes, more than the ${largestFile} allowed`);
    return new TextDecoder("utf-8", { fatal: true }).decode(await readFile(path));
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    if (cause instanceof Error && "code" in cause && cause.code === "ENOENT") return undefined;
    if (cause instanceof TypeError) throw new CheckpointError(path, "it is not UTF-8", cause);
    throw new CheckpointError(path, `it could not be read: ${systemReason(cause)}`, cause);
  }
}

/** Undefined where there is no such file. */
export async function readObject(path: string): Promise<Json | undefined> {
  const text = await readTextFile(path);
  if (text === undefined) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new CheckpointError(
      path,
      `it is not good JSON: ${cause instanceof Error ? cause.message : ""}`,
      cause,
    );
  }
  if (!isObject(value)) throw new CheckpointError(path, "it holds no JSON object");
  return value;
}

export function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

export function isIndex(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

/** The spelling of a token in tokenizer_config.json; null: there is none; undefined: it does not say. */
export function tokenContent(path: string, config: Json, field: string): string | null | undefined {
  const value = config[field];
  if (value === undefined || value === null || typeof value === "string") return value;
  if (isObject(value) && typeof value["content"] === "string") return value["content"];
  throw new CheckpointError(path, `field "${field}" is neither a string nor an object with "content"`);
}
