// Recipes and profiles on disk. Comes in: a path as the user wrote it. Goes out: its text, or a Failure that names the path.
// Holds: paths stay as written, so that messages name files as the user does; text is UTF-8 without a byte-order mark.
import { readFileSync, statSync } from "node:fs";
import { sep } from "node:path";
import type { Source } from "../../grammar/source.ts";
import { systemReason } from "../checkpoint/error.ts";
import { exitCodes, Failure } from "./exit.ts";

/** A recipe or a config is a page of text; what is larger is something else. */
const largest = 64 * 2 ** 20;

/** The text of a file that the user named. */
export function readText(path: string): string {
  let bytes: Buffer;
  try {
    const { size } = statSync(path);
    if (size > largest) throw new Failure(`${path}: ${size} bytes are no text that ftlc reads`);
    bytes = readFileSync(path);
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${path}: ${systemReason(error)}`);
  }
  const text = decode(bytes);
  if (text === undefined) throw new Failure(`${path}: this is no text in UTF-8`);
  return text;
}

export function readSource(path: string): Source {
  return { path, text: readText(path) };
}

/** For the compiler, which asks for imports and configs: nothing where there is no such file. */
export function readOptional(path: string): string | undefined {
  try {
    return statSync(path).isFile() ? readText(path) : undefined;
  } catch (error) {
    if (error instanceof Failure) throw error;
    return undefined;
  }
}

/** A JSON file that the user named. */
export function readJson(path: string): unknown {
  const text = readText(path);
  try {
    return JSON.parse(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new Failure(`${path}: this is no good JSON: ${reason}`, exitCodes.failed);
  }
}

/** A message with paths in the folder where the user is written from there. */
export function shortPaths(text: string): string {
  const here = process.cwd();
  return here === sep ? text : text.replaceAll(`${here}${sep}`, "");
}

function decode(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}
