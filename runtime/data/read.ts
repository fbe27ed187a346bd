// Goes in: a data file and its format. Comes out: its documents.
// Always: the file is read as a stream; a wrong row is reported with file, line and field, and with it all the other wrong rows
// up to a limit; nothing is skipped but empty lines.

import type { DataFormat } from "../../compiler/language/settings.ts";
import { collectDocuments, type Document, type Documents } from "./documents.ts";
import { chatFormat } from "./chat.ts";
import { startRenderer, type ChatTemplate } from "./chat-template.ts";
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
import type { Layout } from "./rows.ts";
import type { Tokenizer } from "./tokenizer.ts";

interface Common {
  readonly path: string;
  /** Positions of a row, at most. */
  readonly length: number;
  /** Token ids of the model: 0 up to this, exclusive. */
  readonly vocab: number;
}

/**
 * `tokens`, `prompt`, `chat` and `label` are JSONL. `text` is JSONL where the name ends in .jsonl, .ndjson or .json; any other file is one text
 * from its first character to its last, whose pieces of `length` positions are documents of their own.
 */
export type DataSource = Common &
  (
    | { readonly format: "tokens" }
    | { readonly format: "prompt"; readonly tokenizer: Tokenizer; readonly learn?: "all" | "replies" }
    | { readonly format: "text"; readonly tokenizer: Tokenizer }
    | {
        readonly format: "chat";
        readonly tokenizer: Tokenizer;
        readonly template: ChatTemplate;
        readonly learn?: "all" | "replies";
      }
    | {
        readonly format: "label";
        /** Not needed where rows bring ids. */
        readonly tokenizer: Tokenizer | undefined;
        readonly classes: Classes;
      }
  );

export async function readDocuments(source: DataSource): Promise<Documents> {
  if (source.format !== "chat") return readEach(source, readerOf(source));
  const { vocab, tokenizer, template, learn = "replies" } = source;
  const renderer = startRenderer(template);
  try {
    return await readEach(source, chatFormat(vocab, tokenizer, renderer, learn));
  } finally {
    await renderer.close();
  }
}

async function readEach(source: DataSource, readRow: ReadRow): Promise<Documents> {
  const { path } = source;
  const builder = collectDocuments();
  const problems: DataProblem[] = [];
  let tokens = 0;
  for await (const { line, row } of entries(source)) {
    const found = isRefusal(row) ? row : await readRow(row.value);
    if (isRefusal(found)) problems.push({ file: path, ...(line === undefined ? {} : { line }), ...found });
    else {
      for (const document of isOneText(source) ? pieces(found, source.length) : [found])
        builder.add(document);
      tokens += found.ids.length;
    }
    if (problems.length >= mostProblems) break;
  }
  if (problems.length > 0) throw new DataError(problems);
  if (tokens === 0) throw new DataError([{ file: path, reason: "it holds no rows" }]);
  return builder.finish();
}

/** Texts run on from row to row where rows are packed, all else stays whole. */
export function layoutOf(format: DataFormat, pack: boolean): Layout {
  return !pack ? "one" : format === "text" ? "stream" : "pack";
}

function* pieces({ ids, labels }: Document, length: number): Generator<Document> {
  for (let from = 0; from < ids.length; from += length)
    yield { ids: ids.subarray(from, from + length), labels: labels.subarray(from, from + length) };
}

function isOneText({ format, path }: DataSource): boolean {
  return format === "text" && !/\.(jsonl|ndjson|json)$/i.test(path);
}

function readerOf(source: Exclude<DataSource, { readonly format: "chat" }>): ReadRow {
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
  if (isOneText(source)) {
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
