// Goes in: the header of a safetensors file as bytes, and how many bytes of data follow it. Comes out: the tensors by name.
// Always: a header that is accepted describes every byte of the data exactly once; everything else is refused with the
// file's name and the reason. Pure, so it can be fuzzed and runs in a browser.
// Format: 8 bytes little-endian header length, the header in JSON, then the data (the safetensors README).

import { CheckpointError } from "./error.ts";
import { JsonError, type JsonNode, lineOf, parseJson, wholeNumber } from "./json.ts";
import { byteLength, isStoredType, type StoredType } from "./types.ts";

/** How bytes of a file that holds a tensor in blocks become elements of its `dtype`. */
export interface Blocks {
  /** The type's name, as ggml has it. */
  readonly name: string;
  readonly elements: number;
  readonly bytes: number;
  /** Whole blocks into room for exactly their elements. */
  readonly decode: (from: Uint8Array, into: Uint8Array<ArrayBuffer>) => void;
  /** The file's row that is a row of the tensor, along its first axis; undefined where the order is the same. */
  readonly row?: (row: number) => number;
}

/**
 * `begin` and `end` are byte positions from the start of the file; `end - begin` is shape × type, or what its blocks take.
 */
export interface TensorEntry {
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
  readonly blocks?: Blocks;
}

export interface Header {
  readonly metadata: ReadonlyMap<string, string>;
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/** The reference library's limit, so that a file cannot make a reader allocate without bound. */
export const largestHeader = 100_000_000;
export const prefixBytes = 8;

/** The header's length from the first 8 bytes; `prefix` may be shorter if the file is. */
export function headerLength(file: string, prefix: Uint8Array, fileBytes: number): number {
  if (prefix.length < prefixBytes || fileBytes < prefixBytes) {
    throw new CheckpointError(
      file,
      `it has ${fileBytes} bytes, a safetensors file has at least ${prefixBytes}`,
    );
  }
  const length = new DataView(prefix.buffer, prefix.byteOffset).getBigUint64(0, true);
  if (length > BigInt(largestHeader)) {
    throw new CheckpointError(
      file,
      `its header claims ${length} bytes, more than the ${largestHeader} allowed`,
    );
  }
  if (prefixBytes + Number(length) > fileBytes) {
    throw new CheckpointError(file, `its header claims ${length} bytes and runs past the end of the file`);
  }
  return Number(length);
}

/** `bytes` is the header without the length before it. */
export function parseHeader(file: string, bytes: Uint8Array, dataBytes: number): Header {
  let text: string;
  try {
    // A byte order mark is kept: it is not `{` and must be refused as such.
    text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch (cause) {
    throw new CheckpointError(file, "its header is not UTF-8", cause);
  }
  if (!text.startsWith("{")) throw new CheckpointError(file, "its header does not start with '{'");

  let root: JsonNode;
  try {
    root = parseJson(text);
  } catch (cause) {
    if (!(cause instanceof JsonError)) throw cause;
    throw new CheckpointError(
      file,
      `its header is not good JSON: ${cause.message} (line ${lineOf(text, cause.at)}, offset ${cause.at})`,
    );
  }
  if (root.kind !== "object") throw new CheckpointError(file, "its header is not a JSON object");

  let metadata: ReadonlyMap<string, string> = new Map();
  const tensors = new Map<string, TensorEntry>();
  const dataStart = prefixBytes + bytes.length;
  for (const [name, node] of root.entries) {
    if (name === "__metadata__") metadata = readMetadata(file, node);
    else tensors.set(name, readEntry(file, name, node, dataStart));
  }
  checkLayout(file, tensors, dataStart, dataBytes);
  return { metadata, tensors };
}

function readMetadata(file: string, node: JsonNode): ReadonlyMap<string, string> {
  if (node.kind !== "object")
    throw new CheckpointError(file, "__metadata__ in its header is not a JSON object");
  const metadata = new Map<string, string>();
  for (const [name, item] of node.entries) {
    if (item.kind !== "string") {
      throw new CheckpointError(
        file,
        `__metadata__ entry ${JSON.stringify(name)} in its header is not a string`,
      );
    }
    metadata.set(name, item.value);
  }
  return metadata;
}

function readEntry(file: string, name: string, node: JsonNode, dataStart: number): TensorEntry {
  function fail(reason: string): never {
    throw new CheckpointError(file, `tensor ${JSON.stringify(name)}: ${reason}`);
  }
  if (node.kind !== "object") return fail("its header entry is not a JSON object");
  const dtype = node.entries.get("dtype");
  if (dtype?.kind !== "string") return fail("it has no dtype");
  if (!isStoredType(dtype.value)) return fail(`unknown dtype ${JSON.stringify(dtype.value)}`);
  const shape = readNumbers(node.entries.get("shape"), "shape", fail);
  const offsets = readNumbers(node.entries.get("data_offsets"), "data_offsets", fail);
  const [begin, end] = offsets;
  if (begin === undefined || end === undefined || offsets.length !== 2)
    return fail("data_offsets is not a pair");
  if (begin > end) return fail(`data_offsets [${begin}, ${end}] end before they begin`);
  const bytes = byteLength(dtype.value, shape);
  if (typeof bytes === "string") return fail(bytes);
  if (end - begin !== bytes) {
    return fail(
      `${dtype.value} of shape [${shape.join(", ")}] takes ${bytes} bytes, data_offsets give it ${end - begin}`,
    );
  }
  return { dtype: dtype.value, shape, begin: dataStart + begin, end: dataStart + end };
}

function readNumbers(node: JsonNode | undefined, field: string, fail: (reason: string) => never): number[] {
  if (node?.kind !== "array") return fail(`it has no list ${field}`);
  return node.items.map((item) => {
    const value = wholeNumber(item);
    if (value !== undefined) return value;
    const found = item.kind === "number" ? item.text : item.kind;
    return fail(`${field} holds ${found}, which is no whole number from 0 to 2^53 - 1`);
  });
}

/** Every byte of the data belongs to exactly one tensor: the rule that leaves no room for hidden or shared bytes. */
function checkLayout(
  file: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  start: number,
  dataBytes: number,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = start;
  for (const [name, { begin, end }] of inOrder) {
    const quoted = JSON.stringify(name);
    if (begin < at)
      throw new CheckpointError(file, `tensor ${quoted} overlaps the one before it by ${at - begin} bytes`);
    if (begin > at)
      throw new CheckpointError(file, `${begin - at} bytes before tensor ${quoted} belong to no tensor`);
    at = end;
  }
  const last = start + dataBytes;
  if (at > last)
    throw new CheckpointError(file, `its data ends ${at - last} bytes too early; is it cut off?`);
  if (at < last)
    throw new CheckpointError(file, `${last - at} bytes after the last tensor belong to no tensor`);
}
