// Tensors that a GGUF file holds in blocks of the type that the recipe's format has: they go to the device as they are. Comes in: a session
// and a file's tensor. Goes out: a reading, checked before it is carried out. Holds: a block's parts, such as scales and codes, lie apart on
// the device, each side by side with those of other blocks, because blocks of 18, 34 or 210 bytes are no whole words; rows stand in the
// order of the tensor; the host has a few megabytes at a time.
import type { PlanHeld } from "../../compiler/plan/plan.ts";
import { countNonFinite } from "../checkpoint/convert.ts";
import { CheckpointError } from "../checkpoint/error.ts";
import type { Checkpoint, StoredTensor } from "../checkpoint/folder.ts";
import { readBlocks } from "../checkpoint/safetensors.ts";
import { packedBytes, windowsOf } from "../launch/extent.ts";
import type { Session } from "../launch/session.ts";

/** The bytes of each block that go to one variable. */
interface Slot {
  readonly variable: string;
  /** The first byte in a block, and how many. */
  readonly from: number;
  readonly bytes: number;
  readonly isHalf: boolean;
}

export interface BlocksReading {
  readonly slots: readonly Slot[];
  readonly part: number;
  readonly name: string;
  readonly tensor: StoredTensor;
  readonly block: number;
  readonly bytes: number;
}

/** Undefined where the file has the tensor in another type, or shape: then it is read as numbers. */
export function blocksReading(
  { plan }: Session,
  { names, shape, format, blocks, tensors }: PlanHeld,
  part: number,
  checkpoint: Checkpoint,
): BlocksReading | undefined {
  const name = names[part] ?? "";
  const tensor = checkpoint.tensors.get(name);
  if (tensor?.blocks === undefined || tensor.blocks.name !== blocks) return undefined;
  if (tensor.shape.join() !== shape.join()) return undefined;
  const block = tensor.blocks.bytes;
  const bytes = tensor.end - tensor.begin;
  let from = 0;
  const slots = tensors.map((variable): Slot => {
    const own = plan.variables.find((each) => each.name === variable);
    const windows = own === undefined ? [] : windowsOf(plan, own, part);
    const [room] = windows;
    if (room === undefined) throw new RangeError(`the plan has no part ${part} of '${variable}'`);
    const held = windows.reduce((sum, tensor) => sum + packedBytes(tensor), 0);
    const width = (held * block) / bytes;
    from += width;
    return { variable, from: from - width, bytes: width, isHalf: room.type === "f16" };
  });
  if (from !== block || slots.some((each) => !Number.isInteger(each.bytes)))
    throw new CheckpointError(
      tensor.file.path,
      `tensor ${JSON.stringify(name)} has ${blocks}'s blocks of ${block} bytes, and weights: ${format} has ${from} for each`,
    );
  return { slots, part, name, tensor, block, bytes };
}

const chunkBytes = 4 * 1024 * 1024;

/** Carries a reading out; the result is what to tell of its values. */
export async function copyBlocks(
  session: Session,
  { slots, part, name, tensor, block }: BlocksReading,
  onChunk: (bytes: number) => void,
): Promise<string[]> {
  // Four blocks' parts are whole words, so that each chunk begins at one.
  const chunkBlocks = Math.floor(chunkBytes / block / 4) * 4;
  let notFinite = 0;
  for await (const { offset, bytes } of readBlocks(tensor.file, name, chunkBlocks)) {
    const first = offset / block;
    for (const slot of slots) {
      const own = gathered(bytes, block, slot);
      if (slot.isHalf) notFinite += countNonFinite(own, "F16");
      await session.writePart(slot.variable, part, first * slot.bytes, own);
    }
    onChunk(bytes.length);
  }
  const where = `${tensor.file.path}: tensor ${JSON.stringify(name)}`;
  return notFinite === 0 ? [] : [`${where} holds ${notFinite} scales that are NaN or infinite`];
}

function gathered(blocks: Uint8Array, block: number, { from, bytes }: Slot): Uint8Array<ArrayBuffer> {
  const made = new Uint8Array((blocks.length / block) * bytes);
  for (let at = from, to = 0; to < made.length; at += block, to += bytes)
    for (let i = 0; i < bytes; i += 1) made[to + i] = blocks[at + i] ?? 0;
  return made;
}

/** What to tell where files hold tensors in blocks of other types than that of the recipe's format: they are rounded again. */
export function roundedAgain(held: readonly PlanHeld[], { tensors }: Checkpoint): string[] {
  const found = new Map<string, { readonly first: string; readonly path: string; count: number }>();
  for (const { names, blocks, format } of held) {
    for (const name of blocks === undefined ? [] : names) {
      const stored = tensors.get(name);
      const theirs = stored?.blocks;
      if (stored === undefined || theirs === undefined || theirs.elements === 1 || theirs.name === blocks)
        continue;
      const key = `${theirs.name}, rounded again to ${format}`;
      const known = found.get(key) ?? { first: name, path: stored.file.path, count: 0 };
      known.count += 1;
      found.set(key, known);
    }
  }
  return [...found].map(
    ([what, { first, path, count }]) =>
      `${path}: ${count} tensor${count === 1 ? "" : "s"} of ${what}, such as ${JSON.stringify(first)}`,
  );
}
