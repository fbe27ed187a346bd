// Goes in: the path of a JSON file from a stranger (config.json, an index, adapter_config.json) and rules for its fields.
// Comes out: its object. Always: a refusal names the file, the line and the field, what was expected and what stands there.

import { readFile, stat } from "node:fs/promises";

import { CheckpointError, systemReason } from "./error.ts";
import {
  JsonError,
  lineOf,
  parseJson,
  plainValue,
  wholeNumber,
  type JsonNode,
  type JsonObject,
} from "./json.ts";

export interface JsonFile {
  readonly path: string;
  readonly text: string;
  readonly root: JsonObject;
}

const largestFile = 100_000_000;

export async function readJsonFile(path: string): Promise<JsonFile> {
  const text = await readText(path);
  let root: JsonNode;
  try {
    root = parseJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new CheckpointError(path, `line ${lineOf(text, cause.at)}: ${cause.message}`);
  }
  if (root.kind !== "object") throw new CheckpointError(path, "it holds no JSON object");
  return { path, text, root };
}

async function readText(path: string): Promise<string> {
  let bytes: Uint8Array;
  try {
    const { size, isFile } = await stat(path).then((s) => ({ size: s.size, isFile: s.isFile() }));
    if (!isFile) throw new CheckpointError(path, "it is not a regular file");
    if (size > largestFile)
      throw new CheckpointError(path, `it has ${size} bytes, more than the ${largestFile} allowed`);
    bytes = await readFile(path);
  } catch (cause) {
    if (cause instanceof CheckpointError) throw cause;
    throw new CheckpointError(path, `it could not be read: ${systemReason(cause)}`, cause);
  }
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError(path, "it is not UTF-8", cause);
  }
}

/** What a field may hold, in words that follow "expected". */
export interface Rule {
  readonly expected: string;
  readonly accepts: (node: JsonNode) => boolean;
}

export const aString: Rule = { expected: "a string", accepts: (n) => n.kind === "string" };
export const aBoolean: Rule = { expected: "true or false", accepts: (n) => n.kind === "boolean" };
export const aNumber: Rule = {
  expected: "a number",
  accepts: (n) => n.kind === "number" && Number.isFinite(n.value),
};
export const aFraction: Rule = {
  expected: "a number from 0 up to 1",
  accepts: (n) => n.kind === "number" && n.value >= 0 && n.value <= 1,
};
export const aCount: Rule = { expected: "a whole number from 1", accepts: (n) => (wholeNumber(n) ?? 0) >= 1 };
export const anIndex: Rule = {
  expected: "a whole number from 0",
  accepts: (n) => wholeNumber(n) !== undefined,
};

export function listOf(item: Rule): Rule {
  return {
    expected: `a list, each ${item.expected}`,
    accepts: (n) => n.kind === "array" && n.items.every(item.accepts),
  };
}

export function mapOf(item: Rule): Rule {
  return {
    expected: `an object, each value ${item.expected}`,
    accepts: (n) => n.kind === "object" && [...n.entries.values()].every(item.accepts),
  };
}

export function anyOf(...rules: readonly Rule[]): Rule {
  return {
    expected: rules.map((r) => r.expected).join(", or "),
    accepts: (n) => rules.some((r) => r.accepts(n)),
  };
}

export const nothing: Rule = { expected: "null", accepts: (n) => n.kind === "null" };

/** Fields without a rule may hold anything; fields that are not there are not missed. */
export function checkFields(file: JsonFile, rules: ReadonlyMap<string, Rule>): void {
  for (const [name, rule] of rules) {
    const node = file.root.entries.get(name);
    if (node !== undefined && !rule.accepts(node)) throw wrongField(file, name, node, rule.expected);
  }
}

export function wrongField(file: JsonFile, name: string, node: JsonNode, expected: string): CheckpointError {
  const found = JSON.stringify(plainValue(node));
  const short = found.length > 60 ? `${found.slice(0, 60)}…` : found;
  return new CheckpointError(
    file.path,
    `line ${lineOf(file.text, node.at)}: field ${JSON.stringify(name)} is ${short}; expected ${expected}`,
  );
}

export function missingField(file: JsonFile, name: string, expected: string): CheckpointError {
  return new CheckpointError(file.path, `field ${JSON.stringify(name)} is missing; expected ${expected}`);
}
