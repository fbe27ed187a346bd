// Goes in: the path of a Parquet file, and the names of the columns that are read. Comes out: its rows, as JSON would have them: whole numbers are numbers, and what is null is not there.
// Always: one row group is held at a time, and only those columns of it; sizes that the file claims are checked before anything is
// read by them; bytes that are not UTF-8 are refused, never replaced.
import { open, type FileHandle } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import {
  parquetMetadataAsync,
  parquetReadObjects,
  type AsyncBuffer,
  type Compressors,
  type FileMetaData,
} from "hyparquet";
import { systemReason } from "../checkpoint/error.ts";
import { DataError } from "./error.ts";
import type { Row } from "./formats.ts";

export interface NumberedRow {
  /** From 1. */
  readonly number: number;
  readonly value: Row;
}

/** Bytes of one row group's columns, as they are stored and unpacked, and of the footer. */
const largestGroup = 1024 ** 3;
const largestFooter = 64 * 1024 ** 2;
const mostRows = 2 ** 22;
const deepest = 32;
const magic = "PAR1";

/** Snappy is part of the reader. */
const compressors: Compressors = {
  GZIP: (input, size) => gunzipSync(input, { maxOutputLength: atLeastOne(size) }),
  BROTLI: (input, size) => brotliDecompressSync(input, { maxOutputLength: atLeastOne(size) }),
  ZSTD: (input, size) => zstdDecompressSync(input, { maxOutputLength: atLeastOne(size) }),
};

export async function* readParquetFile(path: string, wanted: readonly string[]): AsyncGenerator<NumberedRow> {
  const handle = await open(path).catch((cause: unknown) => fail(path, unread(cause)));
  try {
    const file = await bufferOf(path, handle);
    const metadata = await footerOf(path, file);
    const leaves = leavesOf(path, metadata);
    const columns = columnsOf(path, leaves, wanted);
    let number = 1;
    for (const [index, group] of metadata.row_groups.entries()) {
      const count = Number(group.num_rows);
      checkGroup(path, { index, group, leaves, columns, size: file.byteLength });
      if (count === 0) continue;
      const options = {
        file,
        metadata,
        columns,
        compressors,
        parsers: { stringFromBytes },
        geoparquet: false,
      };
      // Rows are counted over the whole file.
      const rows = await parquetReadObjects({
        ...options,
        rowStart: number - 1,
        rowEnd: number - 1 + count,
      }).catch((cause: unknown) => fail(path, `row group ${index + 1} cannot be read: ${reasonOf(cause)}`));
      if (rows.length !== count)
        fail(path, `row group ${index + 1} has ${rows.length} rows, not ${count} as it says`);
      for (const row of rows) yield { number: number++, value: plainRow(row) };
    }
  } finally {
    await handle.close();
  }
}

function fail(file: string, reason: string): never {
  throw new DataError([{ file, reason }]);
}

function unread(cause: unknown): string {
  return `the data could not be read: ${systemReason(cause)}`;
}

function reasonOf(cause: unknown): string {
  if (cause instanceof DataError) throw cause;
  return (cause instanceof Error ? cause.message : String(cause)).replace(/^parquet /, "").slice(0, 200);
}

async function bufferOf(path: string, handle: FileHandle): Promise<AsyncBuffer> {
  const { size } = await handle.stat().catch((cause: unknown) => fail(path, unread(cause)));
  return {
    byteLength: size,
    slice: async (start, end = size) => {
      const length = end - start;
      if (!(start >= 0 && end <= size && length >= 0 && length <= largestGroup))
        fail(path, "it is no good Parquet: a place lies outside of the file");
      const bytes = new Uint8Array(length);
      let read = 0;
      while (read < length) {
        const { bytesRead } = await handle
          .read(bytes, read, length - read, start + read)
          .catch((cause: unknown) => fail(path, unread(cause)));
        if (bytesRead === 0) fail(path, "the file has become shorter");
        read += bytesRead;
      }
      return bytes.buffer;
    },
  };
}

async function footerOf(path: string, file: AsyncBuffer): Promise<FileMetaData> {
  const bad = (reason: string): never => fail(path, `it is no good Parquet: ${reason}`);
  if (file.byteLength < 12) bad(`${file.byteLength} bytes are too few`);
  const [head, tail] = [await file.slice(0, 4), await file.slice(file.byteLength - 8)];
  if (text(head) !== magic || text(tail.slice(4)) !== magic) bad(`it does not begin and end with ${magic}`);
  const footer = new DataView(tail).getUint32(0, true);
  if (footer > largestFooter || footer + 12 > file.byteLength) bad(`its footer cannot have ${footer} bytes`);
  try {
    return await parquetMetadataAsync(file, { geoparquet: false, parsers: { stringFromBytes } });
  } catch (cause) {
    return bad(reasonOf(cause));
  }
}

/** The paths of the columns that hold values, in order: a column of lists or structs has some below it. */
function leavesOf(path: string, { schema }: FileMetaData): readonly (readonly string[])[] {
  const bad = (): never => fail(path, "it is no good Parquet: its schema is no tree of columns");
  const leaves: string[][] = [];
  // The schema is a tree, written root first.
  let at = 1;
  const walk = (above: readonly string[]): void => {
    const element = schema[at++];
    if (element === undefined || above.length > deepest) return bad();
    const own = [...above, element.name];
    const children = element.num_children ?? 0;
    if (children === 0) leaves.push(own);
    if (children > schema.length) bad();
    for (let child = 0; child < children; child += 1) walk(own);
  };
  while (at < schema.length) walk([]);
  if (new Set(leaves.map((leaf) => leaf.join("\0"))).size !== leaves.length) bad();
  return leaves;
}

function columnsOf(
  path: string,
  leaves: readonly (readonly string[])[],
  wanted: readonly string[],
): string[] {
  const there = [...new Set(leaves.map(([name = ""]) => name))];
  const found = wanted.filter((name) => there.includes(name));
  if (found.length > 0) return found;
  return fail(path, `it has no column ${wanted.join(" or ")}; there are ${there.slice(0, 20).join(", ")}`);
}

/** What a file claims of one row group; `size` is the file's. */
interface Claim {
  readonly index: number;
  readonly group: FileMetaData["row_groups"][number];
  readonly leaves: readonly (readonly string[])[];
  readonly columns: readonly string[];
  readonly size: number;
}

function checkGroup(path: string, { index, group, leaves, columns, size }: Claim): void {
  const bad = (reason: string): never => fail(path, `row group ${index + 1} ${reason}`);
  const paths = group.columns.map((column) => column.meta_data?.path_in_schema ?? []);
  const isSchema = JSON.stringify(paths) === JSON.stringify(leaves);
  if (!isSchema) bad("does not have the columns of the file's schema");
  let bytes = 0;
  for (const { meta_data: column } of group.columns) {
    if (column === undefined || !columns.includes(column.path_in_schema[0] ?? "")) continue;
    const [stored, unpacked] = [Number(column.total_compressed_size), Number(column.total_uncompressed_size)];
    if (!(stored >= 0 && stored <= size && unpacked >= 0)) bad("claims a size that it cannot have");
    bytes += Math.max(stored, unpacked);
  }
  if (bytes > largestGroup)
    bad(`has ${bytes} bytes in the columns that are read, more than ${largestGroup}; write smaller groups`);
  const rows = Number(group.num_rows);
  // A run of equal values takes next to nothing, so rows are bounded for their own sake.
  if (!(rows >= 0 && rows <= mostRows))
    bad(`claims ${rows} rows, more than ${mostRows}; write smaller groups`);
}

function plainRow(row: Readonly<Record<string, unknown>>): Row {
  const entries = Object.entries(row).filter(([, value]) => value !== null && value !== undefined);
  return Object.fromEntries(entries.map(([name, value]) => [name, plain(value)]));
}

function plain(value: unknown): unknown {
  if (typeof value === "bigint") return Number(value);
  if (Array.isArray(value)) return value.map(plain);
  if (ArrayBuffer.isView(value) && !(value instanceof DataView))
    return Array.from(value as Int32Array, plain);
  if (typeof value !== "object" || value === null || value instanceof Date) return value;
  return Object.fromEntries(Object.entries(value).map(([name, inner]) => [name, plain(inner)]));
}

function stringFromBytes(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
}

function text(bytes: ArrayBuffer): string {
  return new TextDecoder("latin1").decode(bytes);
}

function atLeastOne(size: number): number {
  return Math.max(1, size);
}
