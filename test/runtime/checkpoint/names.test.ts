// Checkpoints of a model's body, whose names lack their first part, read under the names that a plan asks for.
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { underFullNames } from "../../../runtime/checkpoint/names.ts";
import { readTensor, writeSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { f32, temporaryFolder } from "./files.ts";

const wanted = ["transformer.h.0.ln_1.weight", "transformer.wte.weight", "lm_head.weight"];

/** Each name and its value under the names wanted; the tensors of a list make one file. */
async function read(...files: readonly (readonly string[])[]): Promise<Record<string, number>> {
  const folder = temporaryFolder();
  for (const [at, names] of files.entries()) {
    const tensors = names.map((name) => ({
      name,
      dtype: "F32" as const,
      shape: [1],
      data: f32(name.length),
    }));
    await writeSafetensors(join(folder, `part-${at}.safetensors`), tensors);
  }
  const { tensors } = underFullNames(await openCheckpoint(folder), wanted);
  const entries = [...tensors].map(async ([name, { file }]): Promise<[string, number]> => {
    return [name, new Float32Array((await readTensor(file, name)).buffer)[0] ?? NaN];
  });
  return Object.fromEntries(await Promise.all(entries));
}

test("names without their first part get it, with what stands beside them", async () => {
  expect(await read(["h.0.ln_1.weight", "h.0.attn.bias", "lm_head.weight"], ["wte.weight"])).toEqual({
    "transformer.h.0.ln_1.weight": 15,
    "transformer.h.0.attn.bias": 13,
    "transformer.wte.weight": 10,
    "lm_head.weight": 14,
  });
});

test("a checkpoint that has the first part anywhere is left as it is", async () => {
  const found = await read(["transformer.wte.weight", "h.0.ln_1.weight"]);
  expect(Object.keys(found)).toEqual(["h.0.ln_1.weight", "transformer.wte.weight"]);
});

test("a name that is nowhere stays missing", async () => {
  expect(await read(["weight", "other.weight"])).toEqual({ weight: 6, "other.weight": 12 });
});
