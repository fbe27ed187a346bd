// What a first recipe can be about: model folders and data files near the place where it will stand, and what the first rows of a data file
// say of its format and length. Comes in: a folder. Goes out: paths relative to it. Holds: looks two folders deep, reads little.
import { closeSync, openSync, readdirSync, readSync, statSync } from "node:fs";
import { join, relative } from "node:path";
import type { DataFormat } from "../../compiler/language/settings.ts";

export interface Found {
  /** Folders with a config.json. */
  readonly models: readonly string[];
  /** Files of rows or text, those to learn from first. */
  readonly data: readonly string[];
  /** Files whose names say that they are held out. */
  readonly held: readonly string[];
}

const deepest = 2;
const heldOut = /held|eval|valid|test|dev/i;

export function findInputs(folder: string): Found {
  const models: string[] = [];
  const files: string[] = [];
  const visit = (at: string, depth: number): void => {
    for (const entry of entriesOf(at)) {
      const path = join(at, entry.name);
      if (entry.isDirectory() && depth < deepest && !/^\.|^node_modules$|^runs$/.test(entry.name))
        visit(path, depth + 1);
      if (!entry.isFile()) continue;
      if (entry.name === "config.json" && at !== folder) models.push(at);
      else if (/\.(jsonl|txt)$/i.test(entry.name)) files.push(path);
    }
  };
  visit(folder, 0);
  const near = (paths: readonly string[]): readonly string[] =>
    paths.map((path) => relative(folder, path).replaceAll("\\", "/")).toSorted(byDepth);
  const inModel = (path: string): boolean => models.some((model) => path.startsWith(join(model, "/")));
  const rows = near(files.filter((path) => !inModel(path)));
  return {
    models: near(models),
    data: rows.filter((path) => !heldOut.test(path)).toSorted(forTraining),
    held: rows.filter((path) => heldOut.test(path)),
  };
}

function entriesOf(folder: string) {
  try {
    return readdirSync(folder, { withFileTypes: true });
  } catch {
    return [];
  }
}

/** A name with "train" says what it is for; else the order stays. */
function forTraining(a: string, b: string): number {
  return Number(/train/i.test(b)) - Number(/train/i.test(a));
}

function byDepth(a: string, b: string): number {
  return a.split("/").length - b.split("/").length || (a < b ? -1 : 1);
}

export interface Rows {
  readonly format: DataFormat;
  /** Positions that the longest of the first rows takes: counted for ids, guessed from letters for text. */
  readonly length: number;
  /** One more than the largest label, at least two; 0 for rows without labels. */
  readonly labels: number;
}

/** Letters that a token has on average, on the safe side. */
const lettersPerToken = 3;
const readAhead = 256 * 1024;

/** What the first rows of a file are; nothing where they are none that ftlc knows. */
export function rowsOf(path: string): Rows | undefined {
  if (!/\.jsonl$/i.test(path))
    return statSync(path).isFile() ? { format: "text", length: 512, labels: 0 } : undefined;
  const rows = firstLines(path)
    .map(parsed)
    .filter((row) => row !== undefined);
  const [first] = rows;
  const format = first === undefined ? undefined : formatOf(first);
  if (format === undefined) return undefined;
  const labels = rows.map((row) => row["label"]).filter((label) => typeof label === "number");
  return {
    format,
    length: Math.max(...rows.map(lengthOf)),
    labels: labels.length === 0 ? 0 : Math.max(1, ...labels) + 1,
  };
}

type Row = Readonly<Record<string, unknown>>;

function formatOf(row: Row): DataFormat | undefined {
  if ("input_ids" in row) return "label" in row ? "label" : "tokens";
  if ("messages" in row) return "chat";
  if ("prompt" in row && "completion" in row) return "prompt";
  if ("text" in row) return "label" in row ? "label" : "text";
  return undefined;
}

function lengthOf(row: Row): number {
  const ids = row["input_ids"];
  if (Array.isArray(ids)) return ids.length;
  return Math.ceil(lettersIn(Object.values(row)) / lettersPerToken) + 2;
}

function lettersIn(value: unknown): number {
  if (typeof value === "string") return value.length;
  if (typeof value !== "object" || value === null) return 0;
  return Object.values(value).reduce<number>((sum, inner) => sum + lettersIn(inner), 0);
}

function parsed(line: string): Row | undefined {
  try {
    const row: unknown = JSON.parse(line);
    return typeof row === "object" && row !== null && !Array.isArray(row) ? (row as Row) : undefined;
  } catch {
    return undefined;
  }
}

/** The lines at the beginning of a file; the last of a file that goes on may be cut and is left off. */
function firstLines(path: string): readonly string[] {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.alloc(readAhead);
    const count = readSync(file, bytes, 0, readAhead, 0);
    const lines = bytes.subarray(0, count).toString("utf8").split("\n");
    return (count < readAhead ? lines : lines.slice(0, -1)).filter((line) => line.trim() !== "");
  } finally {
    closeSync(file);
  }
}
