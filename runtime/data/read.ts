// Goes in: a data file, its format, and the length of a row. Comes out: its rows.
// Always: the file is read as a stream; a wrong row is reported with file, line and field, and with it all the other wrong rows
// up to a limit; nothing is skipped but empty lines and texts without a token.

import type { Learning } from "../../compiler/plan/plan.ts";
import { DataError, mostProblems, type DataProblem } from "./error.ts";
import {
  isRefusal,
  labelFormat,
  promptFormat,
  type Classes,
  textFormat,
  tokensFormat,
  type ReadRow,
  type Refusal,
  type Row,
} from "./formats.ts";
import { readLines, readWhole } from "./lines.ts";
import { buildRows, type Layout, type Rows } from "./rows.ts";
import type { Tokenizer } from "./tokenizer.ts";

interface Common {
  readonly path: string;
  /** Positions of a row, at most. */
  readonly length: number;
  /** Token ids of the model: 0 up to this, exclusive. */
  readonly vocab: number;
  /** Several documents to a row. Default: no, but yes for text. */
  readonly pack?: boolean;
  /** What is learned of a row. Default: the word after each position. */
  readonly learns?: Learning["kind"];
}

/**
 * `tokens`, `prompt` and `label` are JSONL. `text` is JSONL where the name ends in .jsonl, .ndjson or .json; any other file is one text
 * from its first character to its last. Packed texts fill rows to the last position and run on in the next; with `pack: false`
 * each text begins a row of its own and is cut at `length`.
 */
export type DataSource = Common &
  (
    | { readonly format: "tokens" }
    | { readonly format: "prompt"; readonly tokenizer: Tokenizer; readonly learn?: "all" | "replies" }
    | { readonly format: "text"; readonly tokenizer: Tokenizer }
    | {
        readonly format: "label";
        /** Not needed where rows bring ids. */
        readonly tokenizer: Tokenizer | undefined;
        readonly classes: Classes;
      }
  );

export async function readRows(source: DataSource): Promise<Rows> {
  const { path, length } = source;
  if (!Number.isSafeInteger(length) || length < 1)
    throw new RangeError(`a row has a length from 1, not ${length}`);
  const builder = buildRows(length, layoutOf(source), source.learns);
  const readRow = readerOf(source);
  const problems: DataProblem[] = [];
  for await (const { line, row } of entries(source)) {
    const found = isRefusal(row) ? row : readRow(row.value);
    if (!isRefusal(found)) builder.add(found);
    else problems.push({ file: path, ...(line === undefined ? {} : { line }), ...found });
    if (problems.length >= mostProblems) break;
  }
  if (problems.length > 0) throw new DataError(problems);
  const rows = builder.finish();
  if (rows.count === 0) throw new DataError([{ file: path, reason: "it holds no rows" }]);
  return rows;
}

function layoutOf(source: DataSource): Layout {
  if (source.format === "text") return source.pack === false ? "one" : "stream";
  return source.pack === true ? "pack" : "one";
}

function readerOf(source: DataSource): ReadRow {
  switch (source.format) {
    case "tokens":
      return tokensFormat(source.vocab);
    case "prompt":
      return promptFormat(source.vocab, source.tokenizer, source.learn ?? "replies");
    case "label":
      return labelFormat(source.vocab, source.tokenizer, source.classes);
    case "text":
      return textFormat(source.vocab, source.tokenizer);
    default:
      return source satisfies never;
  }
}

interface Entry {
  readonly line?: number;
  readonly row: { readonly value: Row } | Refusal;
}

async function* entries(source: DataSource): AsyncGenerator<Entry> {
  if (source.format === "text" && !/\.(jsonl|ndjson|json)$/i.test(source.path)) {
    yield { row: { value: { text: await readWhole(source.path) } } };
    return;
  }
  for await (const { number, text } of readLines(source.path)) {
    if (text.trim() !== "") yield { line: number, row: parseRow(text) };
  }
}

function parseRow(text: string): Entry["row"] {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    return { reason: `this line is not good JSON: ${cause instanceof Error ? cause.message : ""}` };
  }
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return { value: value as Row };
  return { reason: "this line is no JSON object" };
}
