// Goes in: an adapter's folder in PEFT layout, or an adapter's tensors and config fields. Comes out: its tensors and fields, or
// the folder: `adapter_model.safetensors` and `adapter_config.json`, to the letter as PEFT 0.21 writes them.
// Always: which tensors and fields there are, and their names, is the caller's to say (the adapter's definition does); here is
// only how they lie in files. Both files are written aside and renamed, the weights first: a config means a whole adapter.

import { stat } from "node:fs/promises";
import { join } from "node:path";

import { writeAside } from "./aside.ts";
import { CheckpointError, systemReason } from "./error.ts";
import {
  aBoolean,
  aCount,
  aFraction,
  aNumber,
  anyOf,
  aString,
  checkFields,
  listOf,
  mapOf,
  missingField,
  nothing,
  readJsonFile,
  type Rule,
} from "./fields.ts";
import { objectValue } from "./folder.ts";
import type { JsonNode, JsonValue } from "./json.ts";
import {
  openSafetensors,
  writeSafetensors,
  type SafetensorsFile,
  type TensorToWrite,
} from "./safetensors.ts";

/** A number that Python spells as a float: 0 is written `0.0`, 1e-5 `1e-05`. */
export interface Float {
  readonly float: number;
}

export function float(value: number): Float {
  return { float: value };
}

/** A config value to write: JSON, where whole numbers are Python integers and floats are marked. */
export type FieldToWrite =
  null | boolean | number | string | Float | readonly FieldToWrite[] | ReadonlyMap<string, FieldToWrite>;

export interface AdapterToWrite {
  readonly tensors: Iterable<TensorToWrite>;
  readonly fields: ReadonlyMap<string, FieldToWrite>;
}

export interface StoredAdapter {
  readonly folder: string;
  readonly configPath: string;
  readonly peftType: string;
  readonly values: Readonly<Record<string, JsonValue>>;
  /** The same fields, ready to be written again byte for byte. */
  readonly fields: ReadonlyMap<string, FieldToWrite>;
  readonly weights: SafetensorsFile;
}

const weightsName = "adapter_model.safetensors";
const configName = "adapter_config.json";

/** Fields that mean the same in every PEFT method that has them. */
const rules: ReadonlyMap<string, Rule> = new Map([
  ["peft_type", aString],
  ["task_type", anyOf(aString, nothing)],
  ["base_model_name_or_path", anyOf(aString, nothing)],
  ["inference_mode", aBoolean],
  ["r", aCount],
  ["lora_alpha", aNumber],
  ["lora_dropout", aFraction],
  ["bias", aString],
  ["fan_in_fan_out", aBoolean],
  ["use_dora", aBoolean],
  ["use_rslora", aBoolean],
  ["target_modules", anyOf(listOf(aString), aString, nothing)],
  ["feedforward_modules", anyOf(listOf(aString), aString, nothing)],
  ["exclude_modules", anyOf(listOf(aString), aString, nothing)],
  ["modules_to_save", anyOf(listOf(aString), nothing)],
  ["rank_pattern", anyOf(mapOf(aCount), nothing)],
  ["alpha_pattern", anyOf(mapOf(aNumber), nothing)],
  ["num_virtual_tokens", anyOf(aCount, nothing)],
]);

export async function openAdapter(folder: string): Promise<StoredAdapter> {
  await stat(folder).catch((cause: unknown) => {
    throw new CheckpointError(
      folder,
      `the adapter's folder could not be opened: ${systemReason(cause)}`,
      cause,
    );
  });
  const file = await readJsonFile(join(folder, configName));
  checkFields(file, rules);
  const peftType = file.root.entries.get("peft_type");
  if (peftType?.kind !== "string") throw missingField(file, "peft_type", aString.expected);
  return {
    folder,
    configPath: file.path,
    peftType: peftType.value,
    values: objectValue(file),
    fields: new Map([...file.root.entries].map(([name, node]) => [name, toWrite(node)])),
    weights: await openSafetensors(join(folder, weightsName)),
  };
}

/** The bytes of the tensors may be streamed; see `TensorToWrite`. */
export async function writeAdapter(folder: string, adapter: AdapterToWrite): Promise<void> {
  await writeSafetensors(join(folder, weightsName), adapter.tensors);
  await writeAside(join(folder, configName), [new TextEncoder().encode(adapterConfigText(adapter.fields))]);
}

/** As Python's `json.dumps(fields, indent=2, sort_keys=True)`. */
export function adapterConfigText(fields: ReadonlyMap<string, FieldToWrite>): string {
  return spell(fields, "\n");
}

function spell(value: FieldToWrite, newline: string): string {
  if (value === null || typeof value === "boolean") return String(value);
  if (typeof value === "string") return asciiString(value);
  if (typeof value === "number")
    return Number.isInteger(value) ? BigInt(value).toString() : pythonFloat(value);
  const inner = `${newline}  `;
  if (isList(value)) {
    if (value.length === 0) return "[]";
    return `[${value.map((item) => inner + spell(item, inner)).join(",")}${newline}]`;
  }
  if (value instanceof Map) {
    if (value.size === 0) return "{}";
    const sorted = [...value].sort(([a], [b]) => byCodePoint(a, b));
    return `{${sorted.map(([name, item]) => `${inner}${asciiString(name)}: ${spell(item, inner)}`).join(",")}${newline}}`;
  }
  return pythonFloat((value as Float).float);
}

function isList(value: FieldToWrite): value is readonly FieldToWrite[] {
  return Array.isArray(value);
}

/** Python escapes everything beyond ASCII, as UTF-16 units. */
function asciiString(text: string): string {
  return JSON.stringify(text).replace(
    /[\u007f-\uffff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Python's repr: the shortest digits, in positional notation from 1e-4 up to below 1e16. */
function pythonFloat(value: number): string {
  if (!Number.isFinite(value)) throw new RangeError(`${value} has no JSON form`);
  if (value === 0) return Object.is(value, -0) ? "-0.0" : "0.0";
  const [digits = "", exponent = ""] = value.toExponential().split("e");
  const power = Number(exponent);
  if (power < -4 || power >= 16) {
    return `${digits}e${power < 0 ? "-" : "+"}${String(Math.abs(power)).padStart(2, "0")}`;
  }
  // In this range JavaScript's spelling is positional too.
  return Number.isInteger(value) ? `${value}.0` : String(value);
}

function byCodePoint(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function toWrite(node: JsonNode): FieldToWrite {
  switch (node.kind) {
    case "null":
      return null;
    case "boolean":
    case "string":
      return node.value;
    case "number":
      return /[.eE]/.test(node.text) ? float(node.value) : node.value;
    case "array":
      return node.items.map(toWrite);
    case "object":
      return new Map([...node.entries].map(([name, item]) => [name, toWrite(item)]));
    default:
      return node satisfies never;
  }
}
