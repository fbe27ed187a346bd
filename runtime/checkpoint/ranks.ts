// An adapter that was trained for a range of ranks, cut to one of them on the host. Comes in: the adapter as it is stored, at its largest
// rank, its range in the field `ranks`. Goes out: a plain LoRA of the rank that is wanted: the first rows of A and columns of B.
// Holds: bytes are copied as they are, in pieces of bounded size; `lora_alpha` stays, so that PEFT's scale, alpha / r, is the one that the rank
// was trained with; a module whose own rank is smaller keeps that.
import { CheckpointError } from "./error.ts";
import type { JsonValue } from "./json.ts";
import { writeAdapter, type AdapterToWrite, type FieldToWrite, type StoredAdapter } from "./peft.ts";
import { readChunks, type TensorToWrite } from "./safetensors.ts";
import { byteLength } from "./types.ts";

export interface RankRange {
  readonly first: number;
  readonly last: number;
}

/** The range that an adapter was trained for; undefined for one that has a single rank. */
export function rankRange({ values, configPath }: StoredAdapter): RankRange | undefined {
  const { ranks, r } = values;
  if (ranks === undefined || ranks === null) return undefined;
  const [first, last] = Array.isArray(ranks) ? ranks.map((rank: JsonValue) => Number(rank)) : [];
  const isRange = first !== undefined && last !== undefined && first >= 1 && first <= last && last === r;
  if (!isRange || !Number.isInteger(first))
    throw new CheckpointError(configPath, 'field "ranks" is not [first, last] with "r" as its last');
  return { first, last };
}

/** What the adapter is at a rank of its range. */
export function cutToRank(adapter: StoredAdapter, rank: number): AdapterToWrite {
  const range = rankRange(adapter);
  if (range === undefined)
    throw new CheckpointError(adapter.configPath, 'it has one rank: field "ranks" names no range');
  if (!Number.isInteger(rank) || rank < range.first || rank > range.last)
    throw new CheckpointError(
      adapter.configPath,
      `it has the ranks ${range.first} to ${range.last}, not ${rank}`,
    );
  if (adapter.values["use_dora"] === true || adapter.values["use_rslora"] === true)
    throw new CheckpointError(adapter.configPath, "only the scale alpha / r is known at other ranks");
  const tensors = [...adapter.weights.tensors.keys()].map((name) => cutTensor(adapter, name, rank));
  return { tensors, fields: cutFields(adapter.fields, rank) };
}

/** Writes the adapter at several ranks, each into a folder of its own. */
export async function writeRanks(
  adapter: StoredAdapter,
  ranks: readonly number[],
  folderOf: (rank: number) => string,
): Promise<void> {
  // All are known to be possible before the first is written.
  const cuts = ranks.map((rank) => ({ rank, cut: cutToRank(adapter, rank) }));
  for (const { rank, cut } of cuts) await writeAdapter(folderOf(rank), cut);
}

function cutFields(
  fields: ReadonlyMap<string, FieldToWrite>,
  rank: number,
): ReadonlyMap<string, FieldToWrite> {
  const own = [...fields].flatMap(([name, value]): [string, FieldToWrite][] => {
    if (name === "ranks") return [];
    if (name === "r") return [[name, rank]];
    if (name !== "rank_pattern" || !(value instanceof Map)) return [[name, value]];
    // Modules of a rank above the wanted one are as all others now.
    return [[name, new Map([...value].filter(([, each]) => typeof each === "number" && each < rank))]];
  });
  return new Map(own);
}

/** How many of a tensor's elements stay along its ranks: the first axis of A, the last of B. Others stay whole. */
function cutTensor({ weights }: StoredAdapter, name: string, rank: number): TensorToWrite {
  const entry = weights.tensors.get(name);
  if (entry === undefined) throw new RangeError(`no tensor '${name}'`);
  const { dtype, shape } = entry;
  const side = /\.lora_(?:embedding_)?([AB])(?:\.weight)?$/.exec(name)?.[1];
  const axis = shape.length === 2 && side !== undefined ? (side === "A" ? 0 : 1) : undefined;
  const from = shape[axis ?? 0] ?? 1;
  const kept = axis === undefined ? from : Math.min(rank, from);
  const cut = axis === undefined ? shape : shape.with(axis, kept);
  const bytes = byteLength(dtype, shape);
  if (typeof bytes === "string")
    throw new CheckpointError(weights.path, `tensor ${JSON.stringify(name)}: ${bytes}`);
  // A run of bytes that stays, in every run of the tensor: all of A is one, each row of B is one.
  const run = axis === 1 ? bytes / (shape[0] ?? 1) : bytes;
  const stays = (run / from) * kept;
  return { name, dtype, shape: cut, data: () => keptRuns(weights, name, run, stays) };
}

async function* keptRuns(
  file: StoredAdapter["weights"],
  name: string,
  run: number,
  stays: number,
): AsyncGenerator<Uint8Array> {
  for await (const { offset, bytes } of readChunks(file, name, 1024 * 1024)) {
    const end = offset + bytes.length;
    for (let start = Math.floor(offset / run) * run; start < end; start += run) {
      const [from, to] = [Math.max(start, offset), Math.min(start + stays, end)];
      if (from < to) yield bytes.slice(from - offset, to - offset);
    }
  }
}
