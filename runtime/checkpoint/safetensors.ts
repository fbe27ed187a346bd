// Goes in: the path of a safetensors or a GGUF file, or tensors to write to one of safetensors. Comes out: its tensors by name, read whole
// or in chunks of bounded size; or the file, laid out byte for byte as the reference library lays it out.
// Always: only what `parseHeader` accepted is read, and no more memory is held than the header and one chunk.

import { constants } from "node:fs";
import { open, type FileHandle } from "node:fs/promises";

import { writeAside } from "./aside.ts";
import { CheckpointError, systemReason } from "./error.ts";
import { firstBytes, parseGguf } from "./gguf.ts";
import {
  headerLength,
  largestHeader,
  parseHeader,
  prefixBytes,
  type Blocks,
  type Header,
  type TensorEntry,
} from "./header.ts";
import { byteLength, typeOrder, type StoredType } from "./types.ts";

/** A GGUF file is one too once it is open: its tensors are read as the numbers that they stand for. */
export interface SafetensorsFile extends Header {
  readonly path: string;
}

export async function openSafetensors(path: string): Promise<SafetensorsFile> {
  const handle = await openToRead(path);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CheckpointError(path, "it is not a regular file");
    const prefix = new Uint8Array(Math.min(prefixBytes, stat.size));
    await readFully(path, handle, prefix, 0);
    const bytes = new Uint8Array(headerLength(path, prefix, stat.size));
    await readFully(path, handle, bytes, prefixBytes);
    return { path, ...parseHeader(path, bytes, stat.size - prefixBytes - bytes.length) };
  } finally {
    await handle.close();
  }
}

export async function openGguf(path: string): Promise<SafetensorsFile> {
  const handle = await openToRead(path);
  try {
    const stat = await handle.stat();
    if (!stat.isFile()) throw new CheckpointError(path, "it is not a regular file");
    for (let size = firstBytes; ; size *= 2) {
      const bytes = new Uint8Array(Math.min(size, stat.size, largestHeader));
      await readFully(path, handle, bytes, 0);
      const header = parseGguf(path, bytes, stat.size);
      if (header !== undefined) return { path, ...header };
    }
  } finally {
    await handle.close();
  }
}

export function findTensor(file: SafetensorsFile, name: string): TensorEntry {
  const entry = file.tensors.get(name);
  if (entry === undefined) throw new CheckpointError(file.path, `it holds no tensor ${JSON.stringify(name)}`);
  return entry;
}

/** The whole tensor's bytes, at offset 0 of a buffer of their own, so that any typed array can view them. */
export async function readTensor(file: SafetensorsFile, name: string): Promise<Uint8Array<ArrayBuffer>> {
  const entry = findTensor(file, name);
  if (entry.blocks !== undefined) {
    const whole = new Uint8Array(decodedBytes(entry));
    for await (const { offset, bytes } of readChunks(file, name, wholeChunk)) whole.set(bytes, offset);
    return whole;
  }
  const { begin, end } = entry;
  const bytes = new Uint8Array(end - begin);
  const handle = await openToRead(file.path);
  try {
    await readFully(file.path, handle, bytes, begin);
  } finally {
    await handle.close();
  }
  return bytes;
}

export interface Chunk {
  /** Bytes from the start of the tensor. */
  readonly offset: number;
  /** Valid until the next chunk is asked for: one buffer serves the whole tensor. */
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * The tensor from its first byte to its last, `chunkBytes` at a time (rounded down to a multiple of 8, so that no element is
 * split, and up to a whole block where the file has blocks), in one buffer of that size. A tensor without elements gives no chunk.
 */
export async function* readChunks(
  file: SafetensorsFile,
  name: string,
  chunkBytes: number,
): AsyncGenerator<Chunk> {
  const entry = findTensor(file, name);
  const { begin, end } = entry;
  const size = Math.floor(chunkBytes / 8) * 8;
  if (!(size >= 8)) throw new RangeError(`a chunk has at least 8 bytes, ${chunkBytes} were asked for`);
  if (entry.blocks !== undefined) {
    yield* decodedChunks(file.path, entry, entry.blocks, size);
    return;
  }
  const buffer = new Uint8Array(Math.min(size, end - begin));
  if (buffer.length === 0) return;
  const handle = await openToRead(file.path);
  try {
    for (let offset = 0; offset < end - begin; offset += size) {
      const bytes = buffer.subarray(0, Math.min(size, end - begin - offset));
      await readFully(file.path, handle, bytes, begin + offset);
      yield { offset, bytes };
    }
  } finally {
    await handle.close();
  }
}

const wholeChunk = 4 * 1024 * 1024;

function decodedBytes({ dtype, shape }: TensorEntry): number {
  const bytes = byteLength(dtype, shape);
  if (typeof bytes === "string") throw new RangeError(bytes);
  return bytes;
}

/** Blocks as the file has them, whole blocks in the order of the tensor's rows; `chunkBlocks` at a time, but for the last. */
export async function* readBlocks(
  file: SafetensorsFile,
  name: string,
  chunkBlocks: number,
): AsyncGenerator<Chunk> {
  const entry = findTensor(file, name);
  if (entry.blocks === undefined) throw new RangeError(`tensor ${JSON.stringify(name)} has no blocks`);
  yield* storedBlocks(file.path, entry, entry.blocks, chunkBlocks);
}

/** Blocks that lie together in the file are read at once: all of a chunk's, or those of a row where rows are moved. */
async function* storedBlocks(
  path: string,
  { begin, end, shape }: TensorEntry,
  blocks: Blocks,
  chunkBlocks: number,
): AsyncGenerator<Chunk> {
  const total = end - begin;
  const run = blocks.row === undefined ? total : total / (shape[0] ?? 1);
  const buffer = new Uint8Array(Math.min(chunkBlocks * blocks.bytes, total));
  if (buffer.length === 0) return;
  const handle = await openToRead(path);
  try {
    for (let offset = 0; offset < total; offset += buffer.length) {
      const bytes = buffer.subarray(0, Math.min(buffer.length, total - offset));
      for (let done = 0; done < bytes.length;) {
        const row = Math.floor((offset + done) / run);
        const inRow = offset + done - row * run;
        const length = Math.min(run - inRow, bytes.length - done);
        const at = (blocks.row?.(row) ?? row) * run + inRow;
        await readFully(path, handle, bytes.subarray(done, done + length), begin + at);
        done += length;
      }
      yield { offset, bytes };
    }
  } finally {
    await handle.close();
  }
}

async function* decodedChunks(
  path: string,
  entry: TensorEntry,
  blocks: Blocks,
  size: number,
): AsyncGenerator<Chunk> {
  const perBlock = decodedBytes({ ...entry, shape: [blocks.elements] });
  const chunkBlocks = Math.max(1, Math.floor(size / perBlock));
  const buffer = new Uint8Array(Math.min(chunkBlocks * perBlock, decodedBytes(entry)));
  for await (const { offset, bytes } of storedBlocks(path, entry, blocks, chunkBlocks)) {
    const decoded = buffer.subarray(0, (bytes.length / blocks.bytes) * perBlock);
    blocks.decode(bytes, decoded);
    yield { offset: (offset / blocks.bytes) * perBlock, bytes: decoded };
  }
}

async function openToRead(path: string): Promise<FileHandle> {
  try {
    // Without O_NONBLOCK, opening a named pipe would wait for a writer for ever.
    return await open(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new CheckpointError(path, `it could not be opened: ${systemReason(cause)}`, cause);
  }
}

async function readFully(
  path: string,
  handle: FileHandle,
  into: Uint8Array,
  position: number,
): Promise<void> {
  for (let done = 0; done < into.length;) {
    let got: number;
    try {
      got = (await handle.read(into, done, into.length - done, position + done)).bytesRead;
    } catch (cause) {
      throw new CheckpointError(path, `it could not be read: ${systemReason(cause)}`, cause);
    }
    if (got === 0) throw new CheckpointError(path, "it became shorter while it was read");
    done += got;
  }
}

/** `data` may be streamed: it is asked for once, when its turn comes. */
export interface TensorToWrite {
  readonly name: string;
  readonly dtype: StoredType;
  readonly shape: readonly number[];
  readonly data: Uint8Array | (() => AsyncIterable<Uint8Array> | Iterable<Uint8Array>);
}

/** Written aside, synced and renamed. PyTorch's libraries look for `format: pt` in the metadata. */
export async function writeSafetensors(
  path: string,
  tensors: Iterable<TensorToWrite>,
  metadata: ReadonlyMap<string, string> = new Map([["format", "pt"]]),
): Promise<void> {
  const inOrder = fileOrder(path, tensors);
  await writeAside(path, fileBytes(path, inOrder, metadata));
}

interface Sized extends TensorToWrite {
  readonly bytes: number;
}

/** The reference library's order: larger alignment first, then names by their UTF-8 bytes. */
function fileOrder(path: string, tensors: Iterable<TensorToWrite>): Sized[] {
  const seen = new Set<string>();
  const sized = [...tensors].map((tensor) => {
    const quoted = JSON.stringify(tensor.name);
    if (seen.has(tensor.name)) throw new CheckpointError(path, `two tensors to write are named ${quoted}`);
    seen.add(tensor.name);
    // A lone surrogate has no UTF-8 form: two such names could become one in the file.
    if (tensor.name === "__metadata__" || !tensor.name.isWellFormed()) {
      throw new CheckpointError(path, `a tensor to write cannot be named ${quoted}`);
    }
    const bytes = byteLength(tensor.dtype, tensor.shape);
    if (typeof bytes === "string") throw new CheckpointError(path, `tensor ${quoted}: ${bytes}`);
    return { ...tensor, bytes };
  });
  return sized.sort(
    (a, b) =>
      typeOrder(b.dtype) - typeOrder(a.dtype) || Buffer.compare(Buffer.from(a.name), Buffer.from(b.name)),
  );
}

async function* fileBytes(
  path: string,
  tensors: readonly Sized[],
  metadata: ReadonlyMap<string, string>,
): AsyncGenerator<Uint8Array> {
  const fields: string[] = [];
  if (metadata.size > 0) fields.push(`"__metadata__":${JSON.stringify(Object.fromEntries(metadata))}`);
  let end = 0;
  for (const { name, dtype, shape, bytes } of tensors) {
    const entry = { dtype, shape, data_offsets: [end, (end += bytes)] };
    fields.push(`${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  }
  const header = Buffer.from(`{${fields.join(",")}}`);
  // Spaces up to a multiple of 8 keep the data aligned for readers that map the file.
  const padded = Buffer.alloc(Math.ceil(header.length / 8) * 8, " ");
  padded.set(header);
  const prefix = Buffer.alloc(prefixBytes);
  prefix.writeBigUInt64LE(BigInt(padded.length));
  yield prefix;
  yield padded;
  for (const { name, bytes, data } of tensors) {
    let written = 0;
    for await (const piece of typeof data === "function" ? data() : [data]) {
      written += piece.length;
      yield piece;
    }
    if (written !== bytes) {
      throw new CheckpointError(
        path,
        `tensor ${JSON.stringify(name)} takes ${bytes} bytes, ${written} were given`,
      );
    }
  }
}
