// Training a llama from a GGUF file is training it from safetensors of the numbers that its blocks stand for, rows of queries and keys in
// Hugging Face's order; int8 in blocks of 32 holds what llama.cpp writes as Q8_0.
import { rmSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { readTensor, writeSafetensors, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { put } from "../../runtime/checkpoint/files.ts";
import {
  ggufFile,
  ggufName,
  references,
  rowsInPairs,
  type Listed,
} from "../../runtime/checkpoint/gguf-file.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, referenceModel, trainIn } from "./reference-job.ts";

const [q40, q80] = [2, 8] as const;
/** Blocks as llama.cpp's reference quantizer rounds to them. */
function quantize(type: number, data: Float32Array): Uint8Array {
  const known = references.get(type);
  if (known === undefined) throw new RangeError(`no type ${type}`);
  const out = new Uint8Array((data.length / 32) * known.bytes);
  for (let block = 0; block < data.length / 32; block += 1) {
    const x = data.subarray(block * 32, block * 32 + 32);
    const view = new DataView(out.buffer, block * known.bytes, known.bytes);
    const extreme = x.reduce((most, each) => (Math.abs(each) > Math.abs(most) ? each : most), 0);
    const d = type === q80 ? Math.abs(extreme) / 127 : extreme / -8;
    view.setUint16(0, halfBits(d), true);
    const code = (i: number): number => (d === 0 ? 0 : (x[i] ?? 0) / d);
    if (type === q80) for (let i = 0; i < 32; i += 1) view.setInt8(2 + i, Math.round(code(i)));
    else
      for (let i = 0; i < 16; i += 1) {
        const [low, high] = [i, i + 16].map((at) => Math.min(15, Math.floor(code(at) + 8.5)));
        view.setUint8(2 + i, (low ?? 0) | ((high ?? 0) << 4));
      }
  }
  return out;
}

/** Normal numbers of f16, rounded. */
function halfBits(value: number): number {
  if (value === 0) return 0;
  const exponent = Math.floor(Math.log2(Math.abs(value)));
  const fraction = Math.round((Math.abs(value) / 2 ** exponent - 1) * 1024);
  return (value < 0 ? 0x8000 : 0) + ((exponent + 15) << 10) + fraction;
}

/** Rows of numbers as llama.cpp turns them. */
function inPairs(data: Float32Array, heads: number, columns: number): Float32Array {
  const rows = rowsInPairs(data.length / columns, heads);
  return Float32Array.from(rows.flatMap((row) => [...data.subarray(row * columns, (row + 1) * columns)]));
}

/** The reference model as a GGUF file, and in another folder the numbers that its blocks stand for. */
async function both(): Promise<{ readonly gguf: string; readonly plain: string }> {
  const init = { adapter_init: join(referenceModel("llama"), "adapter_init") };
  const [gguf, plain] = [folderOf("llama", init), folderOf("llama", init)];
  const { tensors } = await openCheckpoint(join(gguf, "base"));
  const listed: Listed[] = [];
  const numbers: TensorToWrite[] = [];
  for (const [name, { file, shape }] of tensors) {
    const stored = await readTensor(file, name);
    const data = toFloats(stored, "F32");
    const heads = name.includes("q_proj") ? 4 : name.includes("k_proj") ? 2 : undefined;
    const sizes = shape.toReversed();
    if (shape.length === 1) {
      listed.push({ name: ggufName(name), sizes, type: 0, data: stored });
      numbers.push({ name, dtype: "F32", shape, data: stored });
      continue;
    }
    const type = /lm_head|embed/.test(name) ? q40 : q80;
    const turned = heads === undefined ? data : inPairs(data, heads, sizes[0] ?? 1);
    listed.push({ name: ggufName(name), sizes, type, data: quantize(type, turned) });
    // Blocks lie within rows, so that the order of rows changes none.
    const known = references.get(type);
    if (known === undefined) throw new RangeError(`no type ${type}`);
    const blocks = quantize(type, data);
    const back = Array.from({ length: data.length / 32 }, (_, block) =>
      known.numbers(new DataView(blocks.buffer, block * known.bytes, known.bytes)),
    );
    numbers.push({ name, dtype: "F32", shape, data: new Uint8Array(Float32Array.from(back.flat()).buffer) });
  }
  await writeSafetensors(join(plain, "base/model.safetensors"), numbers);
  rmSync(join(gguf, "base/model.safetensors"));
  const fields = { "llama.attention.head_count": 4, "llama.attention.head_count_kv": 2 };
  put(join(gguf, "base"), "model.gguf", ggufFile({ "general.architecture": "llama", ...fields }, listed));
  return { gguf, plain };
}

const recipe = (weights: string): string =>
  referenceRecipe(`model "base" { ${weights} }
  adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }`).replace(
    "20 steps",
    "8 steps",
  );

test.each(["", "weights: int8 { block: 32 }"])("training on a GGUF file { %s }", async (weights) => {
  const { gguf, plain } = await both();
  const [onFile, onNumbers] = [await trainIn(gguf, recipe(weights)), await trainIn(plain, recipe(""))];
  expect(onNumbers.lines).toHaveLength(onFile.lines.length);
  for (const [step, { loss }] of onNumbers.lines.entries())
    expect(Math.abs((onFile.lines[step]?.loss ?? NaN) / (loss ?? NaN) - 1), `step ${step}`).toBeLessThan(
      1e-5,
    );
  expect(onFile.lines.at(-1)?.loss).toBeLessThan(onFile.lines[0]?.loss ?? 0);
});
