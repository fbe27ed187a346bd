// What the data tests share: the lexicon's tokenizer and files, and small tokenizers and rows made on the spot.
import { readFileSync } from "node:fs";
import { join } from "node:path";

import { collectDocuments, type Document, type Documents } from "../../../runtime/data/documents.ts";
import { layoutOf, readDocuments, type DataSource } from "../../../runtime/data/read.ts";
import { layOut, type LayoutOptions, type Rows } from "../../../runtime/data/rows.ts";
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

export function documentsOf(...documents: readonly Document[]): Documents {
  const builder = collectDocuments();
  for (const each of documents) builder.add(each);
  return builder.finish();
}

/** Rows of these lengths; the tokens of row r are r * 1000, r * 1000 + 1, ... */
export function rowsOf(lengths: readonly number[], length: number): Rows {
  return layOut(numbered(lengths), { length, layout: "one" });
}

/** Documents of these lengths; the tokens of document r are r * 1000, r * 1000 + 1, ... */
export function numbered(lengths: readonly number[]): Documents {
  const ids = (size: number, row: number) => Array.from({ length: size }, (_, t) => row * 1000 + t);
  return documentsOf(...lengths.map((size, row) => document(ids(size, row))));
}

/** The rows of a file, laid out as a recipe with these settings would; unpacked if unsaid. */
export async function readRows(
  source: DataSource & { readonly pack?: boolean } & Pick<LayoutOptions, "learns" | "room">,
): Promise<Rows> {
  const { length, learns, room = 0, format, pack = false } = source;
  return layOut(await readDocuments(source), { length, layout: layoutOf(format, pack), learns, room });
}
