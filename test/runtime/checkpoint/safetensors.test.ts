// Files of the reference library are read to the value and written to the byte; writing leaves the old file or the new one.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import {
  openSafetensors,
  readChunks,
  readTensor,
  writeSafetensors,
  type TensorToWrite,
} from "../../../runtime/checkpoint/safetensors.ts";
import { f32, fixtures, put, rawFile, temporaryFolder } from "./files.ts";

const mixed = join(fixtures, "reference/safetensors/mixed.safetensors");
const llama = join(fixtures, "reference/models/llama");

async function gather(
  path: string,
  name: string,
  chunkBytes: number,
): Promise<{ bytes: Buffer; sizes: number[] }> {
  const parts: Buffer[] = [];
  const sizes: number[] = [];
  for await (const { offset, bytes } of readChunks(await openSafetensors(path), name, chunkBytes)) {
    expect(offset).toBe(sizes.reduce((a, b) => a + b, 0));
    parts.push(Buffer.from(bytes));
    sizes.push(bytes.length);
  }
  return { bytes: Buffer.concat(parts), sizes };
}

describe("reading", () => {
  test("every type of a file of the reference library", async () => {
    const file = await openSafetensors(mixed);
    expect([...file.metadata]).toEqual([["format", "pt"]]);
    expect([...file.tensors].map(([name, t]) => [name, t.dtype, t.shape])).toEqual([
      ["b.i64", "I64", [2]],
      ["empty", "F32", [0, 4]],
      ["scalar", "F32", []],
      ["z.f32", "F32", [2, 3]],
      ["a.bf16", "BF16", [4]],
      ["a.f16", "F16", [3]],
      ["é.u8", "U8", [5]],
    ]);
    expect([...toFloats(await readTensor(file, "z.f32"), "F32")]).toEqual([0, 1, 2, 3, 4, 5]);
    expect([...toFloats(await readTensor(file, "scalar"), "F32")]).toEqual([7]);
    expect([...toFloats(await readTensor(file, "a.bf16"), "BF16")]).toEqual([0, 1, 2, 3]);
    expect([...toFloats(await readTensor(file, "a.f16"), "F16")]).toEqual([0, 1, 2]);
    expect([...(await readTensor(file, "é.u8"))]).toEqual([0, 1, 2, 3, 4]);
    expect([...(await readTensor(file, "empty"))]).toEqual([]);
  });

  test("a model: the values PyTorch stored", async () => {
    const file = await openSafetensors(join(llama, "base/model.safetensors"));
    expect(file.tensors.size).toBe(21);
    expect(file.tensors.get("lm_head.weight")).toMatchObject({ dtype: "F32", shape: [320, 64] });
    const norm = toFloats(await readTensor(file, "model.norm.weight"), "F32");
    const head = toFloats(await readTensor(file, "lm_head.weight"), "F32");
    expect([norm.length, head.length]).toEqual([64, 20480]);
    expect(Array.from(head.subarray(0, 3))).toEqual([
      0.0729362741112709, 0.12031903117895126, -0.01164969615638256,
    ]);
    expect(norm[63]).toBe(0.9817112684249878);
  });

  test("chunks hold what was asked for, rounded down to whole elements, and add up to the tensor", async () => {
    const path = join(llama, "base/model.safetensors");
    const whole = await readTensor(await openSafetensors(path), "lm_head.weight");
    const { bytes, sizes } = await gather(path, "lm_head.weight", 30_003);
    expect(bytes.equals(Buffer.from(whole))).toBe(true);
    expect(sizes).toEqual([30_000, 30_000, 21_920]);
    expect((await gather(path, "lm_head.weight", 1 << 30)).sizes).toEqual([81_920]);
    expect((await gather(mixed, "empty", 64)).sizes).toEqual([]);
    await expect(gather(path, "lm_head.weight", 7)).rejects.toThrow(RangeError);
  });

  test("a name that is not there", async () => {
    await expect(readTensor(await openSafetensors(mixed), "toString")).rejects.toThrow(
      /holds no tensor "toString"/,
    );
  });

  test("a file that became shorter since it was opened", async () => {
    const folder = temporaryFolder();
    const path = put(
      folder,
      "a.safetensors",
      rawFile('{"w":{"dtype":"U8","shape":[8],"data_offsets":[0,8]}}', 8),
    );
    const file = await openSafetensors(path);
    put(folder, "a.safetensors", "short");
    await expect(readTensor(file, "w")).rejects.toThrow(/became shorter/);
  });
});

describe("writing", () => {
  const inAnyOrder: readonly TensorToWrite[] = [
    { name: "é.u8", dtype: "U8", shape: [5], data: Uint8Array.of(0, 1, 2, 3, 4) },
    { name: "z.f32", dtype: "F32", shape: [2, 3], data: () => [f32(0, 1), f32(), f32(2, 3, 4, 5)] },
    {
      name: "a.f16",
      dtype: "F16",
      shape: [3],
      data: new Uint8Array(Uint16Array.of(0, 0x3c00, 0x4000).buffer),
    },
    { name: "scalar", dtype: "F32", shape: [], data: f32(7) },
    {
      name: "a.bf16",
      dtype: "BF16",
      shape: [4],
      data: new Uint8Array(Uint16Array.of(0, 0x3f80, 0x4000, 0x4040).buffer),
    },
    { name: "b.i64", dtype: "I64", shape: [2], data: new Uint8Array(BigInt64Array.of(0n, 1n).buffer) },
    { name: "empty", dtype: "F32", shape: [0, 4], data: f32() },
  ];

  test("is byte for byte the reference library's file, whatever order the tensors come in", async () => {
    const path = join(temporaryFolder(), "out.safetensors");
    await writeSafetensors(path, inAnyOrder);
    expect(readFileSync(path).equals(readFileSync(mixed))).toBe(true);
    await writeSafetensors(path, inAnyOrder.toReversed());
    expect(readFileSync(path).equals(readFileSync(mixed))).toBe(true);
  });

  test("makes the folders it needs and leaves nothing else in them", async () => {
    const folder = join(temporaryFolder(), "a/b");
    await writeSafetensors(join(folder, "out.safetensors"), inAnyOrder);
    expect(readdirSync(folder)).toEqual(["out.safetensors"]);
  });

  test("that fails half-way keeps the old file", async () => {
    const folder = temporaryFolder();
    const path = put(folder, "out.safetensors", "old");
    const failing: TensorToWrite = {
      name: "w",
      dtype: "U8",
      shape: [8],
      data: function* () {
        yield new Uint8Array(4);
        throw new Error("the device is lost");
      },
    };
    await expect(writeSafetensors(path, [failing])).rejects.toThrow("the device is lost");
    const short: TensorToWrite = { ...failing, data: new Uint8Array(7) };
    await expect(writeSafetensors(path, [short])).rejects.toThrow(/"w" takes 8 bytes, 7 were given/);
    expect(readFileSync(path, "utf8")).toBe("old");
    expect(readdirSync(folder)).toEqual(["out.safetensors"]);
  });

  test("where a file stands in the way of the folder", async () => {
    const path = put(temporaryFolder(), "file", "");
    const error = await writeSafetensors(join(path, "out.safetensors"), []).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toMatch(/could not be written/);
  });

  test.for([
    ["the same name twice", ["w", "w"], /two tensors to write are named "w"/],
    ["the name of the metadata", ["__metadata__"], /cannot be named "__metadata__"/],
    ["a name without a UTF-8 form", ["\ud800"], /cannot be named/],
  ] as const)("refuses %s", async ([, names, reason]) => {
    const path = join(temporaryFolder(), "out.safetensors");
    const tensors = names.map((name): TensorToWrite => ({ name, dtype: "U8", shape: [0], data: f32() }));
    await expect(writeSafetensors(path, tensors)).rejects.toThrow(reason);
  });

  test("reads back as written, whatever the names, types and sizes", async () => {
    const folder = temporaryFolder();
    const tensor = fc.record({
      name: fc.string({ unit: "binary" }).filter((n) => n !== "__metadata__"),
      dtype: fc.constantFrom("U8", "F16", "BF16", "F32", "F64", "I64"),
      data: fc.uint8Array({ maxLength: 40 }),
    });
    const size = { U8: 1, F16: 2, BF16: 2, F32: 4, F64: 8, I64: 8 } as const;
    const metadata = fc.dictionary(fc.string(), fc.string());
    await fc.assert(
      fc.asyncProperty(fc.uniqueArray(tensor, { selector: (t) => t.name }), metadata, async (list, notes) => {
        const path = join(folder, "any.safetensors");
        const tensors = list.map(({ name, dtype, data }): TensorToWrite => {
          const count = Math.floor(data.length / size[dtype]);
          return { name, dtype, shape: [count], data: data.slice(0, count * size[dtype]) };
        });
        await writeSafetensors(path, tensors, new Map(Object.entries(notes)));
        const file = await openSafetensors(path);
        expect(file.metadata).toEqual(new Map(Object.entries(notes)));
        expect(file.tensors.size).toBe(tensors.length);
        for (const { name, dtype, shape, data } of tensors) {
          expect(file.tensors.get(name)).toMatchObject({ dtype, shape });
          expect(Buffer.from(await readTensor(file, name))).toEqual(Buffer.from(data as Uint8Array));
        }
      }),
      { numRuns: 60 },
    );
  });
});
