// Goes in: the path of a GGUF file. Comes out: its tensors under Hugging Face's names, shapes and order of rows, to be read as a safetensors
// file's are. Holds: an accepted header describes all the data, each tensor beginning where the one before it ends but for alignment;
// no more is held than the header; everything else is refused with the file's name and the reason.
// Format: "GGUF", version, counts, metadata, tensors' names, sizes, types and offsets, then the data (docs/gguf.md of ggml).
import { byteReader, type ByteReader } from "./gguf-bytes.ts";
import { blockTypes } from "./gguf-blocks.ts";
import { renaming, rowInPairs } from "./gguf-names.ts";
import { CheckpointError } from "./error.ts";
import { largestHeader, type Blocks, type Header, type TensorEntry } from "./header.ts";

/** The header, or undefined where `bytes`, the file's first, are too few to tell. */
export function parseGguf(file: string, bytes: Uint8Array, fileBytes: number): Header | undefined {
  const reader = byteReader(bytes, (reason) => new CheckpointError(file, reason));
  try {
    return readHeader(file, reader, fileBytes);
  } catch (cause) {
    if (!reader.isOver(cause)) throw cause;
    if (bytes.length >= fileBytes)
      throw new CheckpointError(file, "its header runs past the end of the file", cause);
    if (bytes.length >= largestHeader)
      throw new CheckpointError(file, `its header has more than the ${largestHeader} bytes allowed`, cause);
    return undefined;
  }
}

/** Bytes to look at first; then twice as many as long as the header is longer. */
export const firstBytes = 1024 * 1024;

interface Listed {
  readonly name: string;
  readonly sizes: readonly number[];
  readonly type: number;
  readonly offset: number;
}

function readHeader(file: string, reader: ByteReader, fileBytes: number): Header {
  const magic = [0, 1, 2, 3].map(() => String.fromCharCode(reader.u8())).join("");
  if (magic !== "GGUF") throw new CheckpointError(file, "it does not start with 'GGUF'");
  const version = reader.u32();
  if (version !== 2 && version !== 3)
    throw new CheckpointError(file, `it has version ${version} of GGUF; read are 2 and 3`);
  const [tensorCount, fieldCount] = [reader.size("its count of tensors"), reader.size("its count of fields")];
  // A tensor takes at least 24 bytes of the header, a field 13.
  if (tensorCount * 24 + fieldCount * 13 > fileBytes)
    throw new CheckpointError(file, `${tensorCount} tensors and ${fieldCount} fields do not fit in it`);
  const metadata = new Map<string, string>();
  for (let i = 0; i < fieldCount; i += 1) {
    const key = reader.string("a field's name");
    if (metadata.has(key)) throw new CheckpointError(file, `field ${JSON.stringify(key)} stands twice`);
    metadata.set(key, reader.value(key));
  }
  const listed: Listed[] = [];
  for (let i = 0; i < tensorCount; i += 1) listed.push(readListed(file, reader));
  const alignment = Number(metadata.get("general.alignment") ?? 32);
  if (!(alignment >= 8 && alignment <= 65536 && alignment % 8 === 0))
    throw new CheckpointError(file, `its general.alignment is ${alignment}; expected a multiple of 8`);
  const start = Math.ceil(reader.at() / alignment) * alignment;
  const rename = renaming(file, metadata);
  const tensors = new Map<string, TensorEntry>();
  for (const each of listed) {
    const { name, heads } = rename(each.name);
    if (tensors.has(name)) throw new CheckpointError(file, `tensor ${JSON.stringify(name)} stands twice`);
    tensors.set(name, entryOf(file, each, start, heads));
  }
  checkLayout(file, tensors, start, alignment, fileBytes);
  return { metadata, tensors };
}

function readListed(file: string, reader: ByteReader): Listed {
  const name = reader.string("a tensor's name");
  const axes = reader.u32();
  if (axes < 1 || axes > 4)
    throw new CheckpointError(file, `tensor ${JSON.stringify(name)} has ${axes} axes; expected 1 to 4`);
  const sizes: number[] = [];
  for (let i = 0; i < axes; i += 1) sizes.push(reader.size(`a size of tensor ${JSON.stringify(name)}`));
  return { name, sizes, type: reader.u32(), offset: reader.size(`the offset of ${JSON.stringify(name)}`) };
}

function entryOf(
  file: string,
  { name, sizes, type, offset }: Listed,
  start: number,
  heads: number | undefined,
): TensorEntry {
  const fail = (reason: string): never => {
    throw new CheckpointError(file, `tensor ${JSON.stringify(name)}: ${reason}`);
  };
  const known = blockTypes.get(type);
  if (known === undefined) {
    const read = [...blockTypes.values()].map((each) => each.name).join(", ");
    return fail(`its type has ggml's number ${type}; read are ${read}`);
  }
  const [columns = 1] = sizes;
  const count = sizes.reduce((product, size) => product * size, 1);
  if (!Number.isSafeInteger(count * 4))
    return fail(`the product of its sizes [${sizes.join(", ")}] is too large`);
  if (columns % known.elements !== 0)
    return fail(`its rows of ${columns} are no whole number of ${known.name}'s blocks of ${known.elements}`);
  // GGUF names the axis of neighbours first.
  const shape = sizes.toReversed();
  const [begin, bytes] = [start + offset, (count / known.elements) * known.bytes];
  if (!Number.isSafeInteger(begin + bytes)) return fail(`its offset ${offset} is too large`);
  let blocks: Blocks | undefined = known;
  if (heads !== undefined) {
    const [rows = 1] = shape;
    if (rows % (heads * 2) !== 0) return fail(`its ${rows} rows are no pairs in ${heads} heads`);
    blocks = { ...known, row: (row) => rowInPairs(row, rows / heads) };
  }
  return { dtype: known.dtype, shape, begin, end: begin + bytes, blocks };
}

function checkLayout(
  file: string,
  tensors: ReadonlyMap<string, TensorEntry>,
  start: number,
  alignment: number,
  fileBytes: number,
): void {
  const inOrder = [...tensors].sort(([, a], [, b]) => a.begin - b.begin || a.end - b.end);
  let at = start;
  for (const [name, { begin, end }] of inOrder) {
    const quoted = JSON.stringify(name);
    if (end > fileBytes)
      throw new CheckpointError(
        file,
        `tensor ${quoted} ends ${end - fileBytes} bytes behind the end of the file; is it cut off?`,
      );
    if (begin % alignment !== 0)
      throw new CheckpointError(file, `tensor ${quoted} does not begin at a multiple of ${alignment} bytes`);
    if (begin < at)
      throw new CheckpointError(file, `tensor ${quoted} overlaps what is before it by ${at - begin} bytes`);
    if (begin - at >= alignment)
      throw new CheckpointError(file, `${begin - at} bytes before tensor ${quoted} belong to no tensor`);
    at = end;
  }
  if (fileBytes - at >= alignment)
    throw new CheckpointError(file, `${fileBytes - at} bytes after the last tensor belong to no tensor`);
}
