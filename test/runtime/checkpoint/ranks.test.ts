// An adapter of a range of ranks, cut to some of them: the first rows and columns, byte for byte, and PEFT's scale for that rank.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openAdapter, writeAdapter, type FieldToWrite } from "../../../runtime/checkpoint/peft.ts";
import { cutToRank, rankRange, writeRanks } from "../../../runtime/checkpoint/ranks.ts";
import { readTensor, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { f32, fixtures, temporaryFolder } from "./files.ts";

const [rows, wide, tall] = [6, 700, 900];
const numbers = (count: number, from: number): Float32Array =>
  Float32Array.from({ length: count }, (_, at) => from + at);
const module = "base_model.model.layers.0.q_proj";
const small = "base_model.model.layers.0.k_proj";

async function stored(more: readonly (readonly [string, FieldToWrite])[] = []) {
  const folder = temporaryFolder();
  const tensor = (name: string, shape: readonly number[], values: Float32Array): TensorToWrite => ({
    name,
    dtype: "F32",
    shape,
    data: f32(...values),
  });
  const tensors = [
    // B is larger than one piece that is read at a time would be, were it larger still; its rows are cut one by one.
    tensor(`${module}.lora_A.weight`, [rows, wide], numbers(rows * wide, 0)),
    tensor(`${module}.lora_B.weight`, [tall, rows], numbers(tall * rows, 0)),
    tensor(`${small}.lora_A.weight`, [2, 3], numbers(6, 0)),
    tensor(`${small}.lora_B.weight`, [3, 2], numbers(6, 0)),
    tensor("base_model.model.score.weight", [4, rows], numbers(4 * rows, 0)),
  ];
  const fields = new Map<string, FieldToWrite>([
    ["peft_type", "LORA"],
    ["r", rows],
    ["lora_alpha", 16],
    ["rank_pattern", new Map([["k_proj", 2]])],
    ["ranks", [1, rows]],
    ...more,
  ]);
  await writeAdapter(folder, { tensors, fields });
  return openAdapter(folder);
}

test("rows of A, columns of B, and what they are multiplied by", async () => {
  const adapter = await stored();
  expect(rankRange(adapter)).toEqual({ first: 1, last: rows });
  const folder = temporaryFolder();
  await writeRanks(adapter, [1, 4, rows], (rank) => join(folder, `r${rank}`));
  for (const rank of [1, 4, rows]) {
    const cut = await openAdapter(join(folder, `r${rank}`));
    expect(cut.values).toMatchObject({
      r: rank,
      lora_alpha: 16,
      rank_pattern: rank > 2 ? { k_proj: 2 } : {},
    });
    expect(cut.values).not.toHaveProperty("ranks");
    const read = async (name: string) => {
      const bytes = await readTensor(cut.weights, name);
      return { shape: cut.weights.tensors.get(name)?.shape, values: [...new Float32Array(bytes.buffer)] };
    };
    expect(await read(`${module}.lora_A.weight`)).toEqual({
      shape: [rank, wide],
      values: [...numbers(rank * wide, 0)],
    });
    expect(await read(`${module}.lora_B.weight`)).toEqual({
      shape: [tall, rank],
      values: [...numbers(tall * rows, 0)].filter((value) => value % rows < rank),
    });
    expect((await read(`${small}.lora_A.weight`)).shape).toEqual([Math.min(rank, 2), 3]);
    expect((await read("base_model.model.score.weight")).shape).toEqual([4, rows]);
  }
});

test("what is larger than a piece is cut across pieces", async () => {
  const folder = temporaryFolder();
  const [out, r] = [9001, 33];
  const tensor = { name: `${module}.lora_B.weight`, dtype: "F32", shape: [out, r] } as const;
  const fields = new Map<string, FieldToWrite>([
    ["peft_type", "LORA"],
    ["r", r],
    ["lora_alpha", 1],
    ["ranks", [1, r]],
  ]);
  const all = numbers(out * r, 0);
  await writeAdapter(folder, { tensors: [{ ...tensor, data: new Uint8Array(all.buffer) }], fields });
  await writeAdapter(join(folder, "cut"), cutToRank(await openAdapter(folder), 5));
  const cut = await openAdapter(join(folder, "cut"));
  const values = new Float32Array((await readTensor(cut.weights, tensor.name)).buffer);
  expect(values).toEqual(all.filter((_, at) => at % r < 5));
});

test("an adapter of one rank, ranks outside and scales that nobody knows are refused", async () => {
  const adapter = await stored();
  expect(() => cutToRank(adapter, 7)).toThrow(/it has the ranks 1 to 6, not 7/);
  expect(() => cutToRank(adapter, 1.5)).toThrow(/not 1.5/);
  const plain = temporaryFolder();
  cpSync(join(fixtures, "reference/models/llama/adapter_init"), plain, { recursive: true });
  const lora = await openAdapter(plain);
  expect(rankRange(lora)).toBeUndefined();
  expect(() => cutToRank(lora, 2)).toThrow(/has one rank/);
  const root = await stored([["use_rslora", true]]);
  expect(() => cutToRank(root, 2)).toThrow(/only the scale alpha \/ r/);
  const odd = await stored([["ranks", [1, 5]]]);
  expect(() => rankRange(odd)).toThrow(/"ranks" is not \[first, last\]/);
  expect(JSON.parse(readFileSync(adapter.configPath, "utf8"))).toMatchObject({ ranks: [1, 6] });
});
