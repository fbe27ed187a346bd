// GGUF files: every type's numbers against a decoder of its own, bit for bit, in chunks of any size; names and rows as Hugging Face has
// them; and what strangers' files may hold instead, refused by name.
import { describe, expect, test } from "vitest";
import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { parseGguf } from "../../../runtime/checkpoint/gguf.ts";
import { openGguf, readChunks, readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import { f32, put, temporaryFolder } from "./files.ts";
import { ggufFile, randomBlocks, randomFrom, type Listed } from "./gguf-file.ts";

const llama = { "general.architecture": "llama", "llama.attention.head_count": 2 };

async function opened(tensors: readonly Listed[], fields: Parameters<typeof ggufFile>[0] = llama) {
  const folder = temporaryFolder();
  put(folder, "model.gguf", ggufFile(fields, tensors));
  return openCheckpoint(folder);
}

const asFloats = (bytes: Uint8Array<ArrayBuffer>): Float32Array => new Float32Array(bytes.buffer);

test.each([
  ["Q4_0", 2],
  ["Q8_0", 8],
  ["Q4_K", 12],
  ["Q6_K", 14],
])("%s gives the numbers of a decoder in float64, bit for bit", async (_, type) => {
  const { data, numbers } = randomBlocks(type, 6 * 512, randomFrom(type));
  const name = "model.layers.3.mlp.down_proj.weight";
  const { tensors, files } = await opened([{ name: "blk.3.ffn_down.weight", sizes: [512, 6], type, data }]);
  expect(tensors.get(name)).toMatchObject({ dtype: "F32", shape: [6, 512] });
  const [file] = files;
  if (file === undefined) throw new Error("no file");
  const whole = await readTensor(file, name);
  expect(whole).toEqual(new Uint8Array(numbers.buffer));
  for (const size of [8, 1500, 5000]) {
    const pieces: number[] = [];
    for await (const { offset, bytes } of readChunks(file, name, size)) {
      expect(offset).toBe(pieces.length);
      expect(bytes.length).toBeLessThanOrEqual(Math.max(size, 1024));
      pieces.push(...bytes);
    }
    expect(Uint8Array.from(pieces)).toEqual(whole);
  }
});

test("F32, F16 and BF16 stay as they are stored", async () => {
  const data = Uint8Array.from({ length: 16 }, (_, i) => i);
  const { tensors } = await opened([
    { name: "output_norm.weight", sizes: [4], type: 0, data },
    { name: "output.weight", sizes: [4, 2], type: 1, data },
    { name: "token_embd.weight", sizes: [2, 4], type: 30, data },
  ]);
  const found = [...tensors].map(([name, { dtype, shape }]) => [name, dtype, shape]);
  expect(found).toEqual([
    ["model.norm.weight", "F32", [4]],
    ["lm_head.weight", "F16", [2, 4]],
    ["model.embed_tokens.weight", "BF16", [4, 2]],
  ]);
  for (const [name, { file }] of tensors) expect(await readTensor(file, name)).toEqual(data);
});

test("llama's queries and keys get back their order of rows; qwen2's have it", async () => {
  // 2 heads of 4 rows: llama.cpp has turned [head, half, pair] into [head, pair, half].
  const stored = [0, 2, 1, 3, 4, 6, 5, 7];
  const data = f32(...stored);
  const q = { name: "blk.0.attn_q.weight", sizes: [1, 8], type: 0, data };
  const v = { name: "blk.0.attn_v.weight", sizes: [1, 8], type: 0, data };
  const read = async (fields: Parameters<typeof ggufFile>[0], name: string) => {
    const file = (await opened([q, v], fields)).files[0];
    if (file === undefined) throw new Error("no file");
    return [...asFloats(await readTensor(file, `model.layers.0.self_attn.${name}_proj.weight`))];
  };
  expect(await read(llama, "q")).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
  expect(await read(llama, "v")).toEqual(stored);
  expect(await read({ "general.architecture": "qwen2" }, "q")).toEqual(stored);
});

test("a header of several megabytes is read", async () => {
  const words = Array.from({ length: 200_000 }, (_, i) => `word ${i}`);
  const fields = { ...llama, "tokenizer.ggml.tokens": words };
  const { tensors } = await opened(
    [{ name: "output_norm.weight", sizes: [1], type: 0, data: f32(7) }],
    fields,
  );
  const tensor = tensors.get("model.norm.weight");
  if (tensor === undefined) throw new Error("no tensor");
  expect([...asFloats(await readTensor(tensor.file, "model.norm.weight"))]).toEqual([7]);
});

const one = { name: "a.weight", sizes: [8], type: 0, data: new Uint8Array(32) };
const file = (tensors: readonly Listed[], fields: Parameters<typeof ggufFile>[0] = llama) =>
  ggufFile(fields, tensors);
const patched = (at: number, ...bytes: number[]): Buffer => {
  const made = file([one]);
  made.set(bytes, at);
  return made;
};
const large = [255, 255, 255, 255, 255, 255, 255, 255];

describe("refused by name", () => {
  test.each<[string, Buffer, RegExp]>([
    ["magic", patched(0, 71, 71, 77, 76), /does not start with 'GGUF'/],
    ["version", ggufFile(llama, [one], 1), /version 1 of GGUF/],
    ["tensors", patched(8, ...large), /its count of tensors is 18446744073709551615, which is too large/],
    ["fields", patched(16, 0, 0, 0, 1), /1 tensors and 16777216 fields do not fit/],
    ["length of a name", patched(24, 0, 0, 1), /its header runs past the end of the file/],
    ["type of a field", patched(24 + 8 + 20, 13), /field "general.architecture" has type 13/],
    ["architecture", file([one], { "general.architecture": "rwkv" }), /is "rwkv"; read are llama, qwen2/],
    ["no architecture", file([one], {}), /general.architecture is null/],
    ["alignment", file([one], { ...llama, "general.alignment": 12 }), /general.alignment is 12/],
    ["heads", file([one], { ...llama, "llama.attention.head_count": 0 }), /head_count is 0/],
    ["unknown type", file([{ ...one, type: 10 }]), /"a.weight": its type has ggml's number 10; read are F32/],
    ["axes", file([{ ...one, sizes: [] }]), /has 0 axes/],
    ["block", file([{ ...one, type: 8 }]), /rows of 8 are no whole number of Q8_0's blocks of 32/],
    ["sizes", file([{ ...one, sizes: [2 ** 40, 2 ** 40] }]), /product of its sizes .* is too large/],
    ["twice", file([one, one]), /tensor "a.weight" stands twice/],
    ["beyond", file([{ ...one, sizes: [80] }]), /"a.weight" ends 288 bytes behind the end/],
    ["overlap", file([one, { ...one, name: "b", offset: 0 }]), /overlaps what is before it by 32 bytes/],
    ["unaligned", file([one, { ...one, name: "b", offset: 28 }]), /does not begin at a multiple of 32/],
    ["gap", file([{ ...one, sizes: [1], offset: 32, data: new Uint8Array(64) }]), /32 bytes before tensor/],
    ["rest", file([{ ...one, data: new Uint8Array(64) }]), /32 bytes after the last tensor/],
    [
      "rows",
      file([{ ...one, name: "blk.0.attn_q.weight", sizes: [1, 6] }]),
      /6 rows are no pairs in 2 heads/,
    ],
  ])("%s", async (_, bytes, reason) => {
    const path = put(temporaryFolder(), "model.gguf", bytes);
    const error = await openGguf(path).catch((cause: unknown) => cause);
    expect(error).toBeInstanceOf(CheckpointError);
    expect(String(error)).toMatch(reason);
    expect(String(error)).toContain(path);
  });

  test("every file that is cut short, and files with bytes of their own choice, fail as such", () => {
    const whole = file([one, { ...one, name: "blk.0.attn_k.weight", sizes: [2, 4] }]);
    for (let length = 0; length < whole.length - 31; length += 1)
      expect(() => parseGguf("f", whole.subarray(0, length), length)).toThrow(CheckpointError);
    const random = randomFrom(5);
    for (let turn = 0; turn < 3000; turn += 1) {
      const changed = Buffer.from(whole);
      for (let i = 0; i < 3; i += 1)
        changed[Math.floor(random() * whole.length)] = Math.floor(random() * 256);
      try {
        parseGguf("f", changed, changed.length);
      } catch (cause) {
        expect(cause).toBeInstanceOf(CheckpointError);
      }
    }
  });

  test("several files in a folder", async () => {
    const folder = temporaryFolder();
    for (const name of ["a.gguf", "b.gguf"]) put(folder, name, file([one]));
    await expect(openCheckpoint(folder)).rejects.toThrow(/2 \*\.gguf files; one was expected/);
  });
});
