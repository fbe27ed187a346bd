// What the data tests share: the lexicon's tokenizer and files, and small tokenizers and rows made on the spot.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { buildRows, type Document, type Rows } from "../../../runtime/data/rows.ts";
import { makeTokenizer, type Tokenizer } from "../../../runtime/data/tokenizer.ts";
import { fixtures } from "../checkpoint/files.ts";

export const lexicon = join(fixtures, "lexicon");

export type Json = Record<string, unknown>;

export function readLexicon(name: string): Json {
  return JSON.parse(readFileSync(join(lexicon, name), "utf8")) as Json;
}

/** The lexicon's tokenizer with parts of its files replaced. */
export function tokenizerWith(tokenizer: Json, config: Json, modelConfig: Json = {}): Tokenizer {
  return makeTokenizer({
    path: "tokenizer.json",
    tokenizer: { ...readLexicon("tokenizer.json"), ...tokenizer },
    configPath: "tokenizer_config.json",
    config: { ...readLexicon("tokenizer_config.json"), ...config },
    modelConfig,
  });
}

export function document(ids: readonly number[], labels: readonly number[] = ids): Document {
  return { ids: Int32Array.from(ids), labels: Int32Array.from(labels) };
}

/** Rows of these lengths; the tokens of row r are r * 1000, r * 1000 + 1, ... */
export function rowsOf(lengths: readonly number[], length: number): Rows {
  const builder = buildRows(length, "one");
  for (const [row, size] of lengths.entries()) {
    builder.add(document(Array.from({ length: size }, (_, t) => row * 1000 + t)));
  }
  return builder.finish();
}
