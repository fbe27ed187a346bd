// Hugging Face folders: whole, sharded with and without an index, and the indexes of strangers.
import { cpSync, mkdirSync, symlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { configType, openCheckpoint, readConfig } from "../../../runtime/checkpoint/folder.ts";
import { readTensor, writeSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { f32, fixtures, put, temporaryFolder } from "./files.ts";

const models = join(fixtures, "reference/models");
const index = "model.safetensors.index.json";

async function shard(folder: string, name: string, tensors: Readonly<Record<string, number>>): Promise<void> {
  const list = Object.entries(tensors).map(([tensor, value]) => ({
    name: tensor,
    dtype: "F32" as const,
    shape: [1],
    data: f32(value),
  }));
  await writeSafetensors(join(folder, name), list);
}

function putIndex(folder: string, map: unknown): string {
  return put(folder, index, JSON.stringify({ metadata: { total_size: 8 }, weight_map: map }, null, 2));
}

async function values(folder: string): Promise<Record<string, number>> {
  const { tensors } = await openCheckpoint(folder);
  const out: Record<string, number> = {};
  for (const [name, tensor] of tensors) {
    out[name] = new Float32Array((await readTensor(tensor.file, name)).buffer)[0] ?? NaN;
  }
  return out;
}

describe("config.json", () => {
  test.for(["llama", "qwen2", "llama3-scaled-rope"])("%s", async (name) => {
    const config = await readConfig(join(models, name, "base"));
    expect(config.values["vocab_size"]).toBe(320);
    expect(config.dtype).toBe("float32");
    expect(configType(config)).toBe("F32");
  });

  test.for([
    ['{"torch_dtype": "bfloat16"}', "BF16"],
    ['{"dtype": "float16", "torch_dtype": "float32"}', "F16"],
    ['{"torch_dtype": "torch.float16"}', "F16"],
    ['{"dtype": null}', undefined],
    ["{}", undefined],
  ] as const)("the type of %s is %s", async ([text, type]) => {
    const folder = temporaryFolder();
    put(folder, "config.json", text);
    expect(configType(await readConfig(folder))).toBe(type);
  });

  test("a type that is not known is refused where it is needed", async () => {
    const folder = temporaryFolder();
    put(folder, "config.json", '{"dtype": "float8_e4m3fn"}');
    const config = await readConfig(folder);
    expect(() => configType(config)).toThrow(
      /field "dtype" is "float8_e4m3fn"; expected one of float32, float16, bfloat16/,
    );
  });

  test.for([
    ['{\n  "model_type": 3\n}', /config\.json: line 2: field "model_type" is 3; expected a string/],
    ['{"vocab_size": 0}', /field "vocab_size" is 0; expected a whole number from 1/],
    ['{"vocab_size": 32000.0}', /field "vocab_size" is 32000/],
    ['{"eos_token_id": "</s>"}', /field "eos_token_id"/],
    ['{"dtype": 16}', /field "dtype" is 16; expected a string, or null/],
    ['{"a": 1,\n"a": 2}', /config\.json: line 2: the name "a" appears twice/],
    ['{"a": 1,', /config\.json: line 1: a name in quotes was expected/],
    ["[1]", /holds no JSON object/],
  ] as const)("%j is refused", async ([text, message]) => {
    const folder = temporaryFolder();
    put(folder, "config.json", text);
    await expect(readConfig(folder)).rejects.toThrow(message);
    await expect(readConfig(folder)).rejects.toBeInstanceOf(CheckpointError);
  });

  test("a list of end tokens, padding -1 and names like __proto__ are legal", async () => {
    const folder = temporaryFolder();
    put(folder, "config.json", '{"eos_token_id": [1, 2], "pad_token_id": -1, "__proto__": {"x": 1}}');
    const { values: read } = await readConfig(folder);
    expect(read["eos_token_id"]).toEqual([1, 2]);
    expect(read["x"]).toBeUndefined();
  });

  test("what is missing is named", async () => {
    const folder = temporaryFolder();
    await expect(readConfig(join(folder, "none"))).rejects.toThrow(
      /none: the model's folder could not be opened: there is no such/,
    );
    await expect(readConfig(folder)).rejects.toThrow(
      /config\.json: it could not be read: there is no such file/,
    );
    const file = put(folder, "file", "");
    await expect(readConfig(file)).rejects.toThrow(/it is a file; a model is a folder/);
    await expect(openCheckpoint(folder)).rejects.toThrow(/holds no \*\.safetensors or \*\.gguf file$/);
    put(folder, "pytorch_model.bin", "");
    await expect(openCheckpoint(folder)).rejects.toThrow(
      /pytorch_model\.bin is in a format that is not read/,
    );
  });
});

describe("weights", () => {
  test("one file", async () => {
    const { tensors, files } = await openCheckpoint(join(models, "qwen2/base"));
    expect(files.length).toBe(1);
    expect(tensors.get("model.layers.0.self_attn.q_proj.bias")).toMatchObject({ dtype: "F32", shape: [64] });
  });

  test("several files without an index, an adapter beside them left alone", async () => {
    const folder = temporaryFolder();
    await shard(folder, "b.safetensors", { y: 2 });
    await shard(folder, "a.safetensors", { x: 1 });
    await shard(folder, "adapter_model.safetensors", { z: 3 });
    expect(await values(folder)).toEqual({ x: 1, y: 2 });
  });

  test("model.safetensors alone, where other files are only other forms of it", async () => {
    const folder = temporaryFolder();
    await shard(folder, "model.safetensors", { x: 1 });
    await shard(folder, "consolidated.safetensors", { x: 9 });
    expect(await values(folder)).toEqual({ x: 1 });
  });

  test("the same name in two files without an index is refused", async () => {
    const folder = temporaryFolder();
    await shard(folder, "a.safetensors", { x: 1 });
    await shard(folder, "b.safetensors", { x: 2 });
    await expect(openCheckpoint(folder)).rejects.toThrow(
      /b\.safetensors: tensor "x" is also in a\.safetensors/,
    );
  });

  test("an index says which files, and which of two tensors of a name", async () => {
    const folder = temporaryFolder();
    await shard(folder, "model-00001-of-00002.safetensors", { x: 1, y: 9 });
    await shard(folder, "model-00002-of-00002.safetensors", { y: 2, z: 3 });
    await shard(folder, "other.safetensors", { w: 4 });
    putIndex(folder, { x: "model-00001-of-00002.safetensors", y: "model-00002-of-00002.safetensors" });
    expect(await values(folder)).toEqual({ x: 1, y: 2, z: 3 });
  });

  test("a folder named by a relative path with dots is the user's own choice", async () => {
    const folder = temporaryFolder();
    await shard(folder, "a.safetensors", { x: 1 });
    putIndex(folder, { x: "a.safetensors" });
    mkdirSync(join(folder, "sub"));
    expect(await values(`${folder}/sub/..`)).toEqual({ x: 1 });
  });
});

describe("an index", () => {
  test.for([
    ["../evil.safetensors", /leaves the folder by ".."/],
    ["sub/../../evil.safetensors", /leaves the folder by ".."/],
    ["sub/../a.safetensors", /leaves the folder by ".."/],
    ["..\\evil.safetensors", /leaves the folder by ".."/],
    ["/etc/passwd", /path is absolute/],
    ["C:\\evil.safetensors", /path is absolute/],
    ["C:evil.safetensors", /path is absolute/],
    ["\\\\host\\share\\evil.safetensors", /path is absolute/],
    ["", /no file name/],
    ["a\0.safetensors", /no file name/],
    [".", /leads outside/],
    ["out.safetensors", /a link that leads outside/],
    ["linked/evil.safetensors", /a link that leads outside/],
  ] as const)("that names %j is refused", async ([name, reason]) => {
    const around = temporaryFolder();
    const folder = join(around, "model");
    mkdirSync(join(folder, "sub"), { recursive: true });
    await shard(around, "evil.safetensors", { x: 6 });
    await shard(folder, "a.safetensors", { x: 1 });
    symlinkSync(join(around, "evil.safetensors"), join(folder, "out.safetensors"));
    symlinkSync("..", join(folder, "linked"));
    const path = putIndex(folder, { x: name });
    const error = await openCheckpoint(folder).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(CheckpointError);
    if (!(error instanceof CheckpointError)) return;
    expect(error.file).toBe(path);
    expect(error.reason).toMatch(/line 6: field "weight_map\.x"/);
    expect(error.reason).toMatch(reason);
  });

  test("may name files in folders of its own, and links inside it", async () => {
    const folder = temporaryFolder();
    await shard(folder, "parts/a.safetensors", { x: 1 });
    symlinkSync("parts/a.safetensors", join(folder, "link.safetensors"));
    putIndex(folder, { x: "link.safetensors" });
    expect(await values(folder)).toEqual({ x: 1 });
  });

  test("may follow the links of the Hugging Face cache to its own blobs, and to no others", async () => {
    const cache = temporaryFolder();
    const folder = join(cache, "models--a--b/snapshots/0123");
    await shard(join(cache, "models--a--b/blobs"), "cafe", { x: 1 });
    await shard(join(cache, "models--c--d/blobs"), "cafe", { x: 2 });
    mkdirSync(folder, { recursive: true });
    symlinkSync("../../blobs/cafe", join(folder, "own.safetensors"));
    symlinkSync("../../../models--c--d/blobs/cafe", join(folder, "other.safetensors"));
    putIndex(folder, { x: "own.safetensors" });
    expect(await values(folder)).toEqual({ x: 1 });
    putIndex(folder, { x: "other.safetensors" });
    await expect(openCheckpoint(folder)).rejects.toThrow(/leads outside/);
  });

  test.for([
    ["{}", /field "weight_map" is missing; expected an object/],
    ['{"weight_map": []}', /field "weight_map" is \[\]; expected an object/],
    ['{"weight_map": {}}', /names no file/],
    ['{"weight_map": {"x": 1}}', /field "weight_map.x" is 1; expected a file name/],
    ['{"weight_map": {"x": "none.safetensors"}}', /none\.safetensors: named in .*: there is no such file/],
    ['{"weight_map": {"y": "a.safetensors"}}', /tensor "y" is not in a\.safetensors/],
    ['{"weight_map": {"x": "a.safetensors", "x": "b"}}', /"x" appears twice/],
  ] as const)("%s is refused", async ([text, reason]) => {
    const folder = temporaryFolder();
    await shard(folder, "a.safetensors", { x: 1 });
    put(folder, index, text);
    await expect(openCheckpoint(folder)).rejects.toThrow(reason);
    await expect(openCheckpoint(folder)).rejects.toBeInstanceOf(CheckpointError);
  });

  test("counts even where a complete model.safetensors stands beside it", async () => {
    const folder = temporaryFolder();
    cpSync(join(models, "llama/base"), folder, { recursive: true });
    putIndex(folder, { "lm_head.weight": "../base/model.safetensors" });
    await expect(openCheckpoint(folder)).rejects.toThrow(/leaves the folder/);
  });
});
