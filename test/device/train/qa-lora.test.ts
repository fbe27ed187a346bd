// QA-LoRA on a base in int4, trained and merged: merged weights differ from the base's by a constant for each group, and lose nothing in 4 bits.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { mergeModel } from "../../../runtime/export/merged.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, trainIn } from "./reference-job.ts";

const group = 32;
const recipe = (start: string): string =>
  referenceRecipe(`model "base" { weights: int4 { block: ${group} } }
  adapter qa_lora { rank: 4, alpha: 8, block: ${group}, on: [all_linear]${start} }`).replace(
    "20 steps",
    "8 steps",
  );

async function weights(folder: string): Promise<Map<string, Float32Array>> {
  const found = new Map<string, Float32Array>();
  for (const [name, { file }] of (await openCheckpoint(folder)).tensors)
    if (name.endsWith("_proj.weight")) found.set(name, toFloats(await readTensor(file, name), "F32"));
  return found;
}

test("merged weights differ from the base's by a constant for each group, and training learns", async () => {
  const folder = folderOf("llama");
  const { lines } = await trainIn(folder, recipe(""));
  expect(lines.at(-1)?.loss).toBeLessThan(lines[0]?.loss ?? 0);
  using opened = await openDevice();
  const { plan, settings, facts, diagnostics } = compile(recipe(', start: "out/adapter"'), {
    path: join(folder, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
    purposes: ["merge"],
  });
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
  const output = join(folder, "merged");
  await mergeModel({ plan, settings, facts, folder, device: opened.device, output });
  const [was, is] = [await weights(join(folder, "base")), await weights(output)];
  let moved = 0;
  for (const [name, base] of was) {
    const merged = is.get(name) ?? new Float32Array();
    expect(merged.length).toBe(base.length);
    for (let start = 0; start < base.length; start += group) {
      const shift = (merged[start] ?? NaN) - (base[start] ?? NaN);
      moved = Math.max(moved, Math.abs(shift));
      for (let at = start; at < start + group; at += 1)
        expect(Math.abs((merged[at] ?? NaN) - (base[at] ?? NaN) - shift)).toBeLessThan(1e-6);
    }
  }
  expect(moved).toBeGreaterThan(1e-3);

  // In 4 bits again, the merged model is the base in 4 bits with its adapter.
  const adapted = await trainIn(folder, recipe(', start: "out/adapter"'), ["training=1 steps"]);
  const alone = await trainIn(folder, recipe("").replace('"base"', '"merged"'), ["training=1 steps"]);
  expect(Math.abs((alone.lines[0]?.loss ?? NaN) / (adapted.lines[0]?.loss ?? NaN) - 1)).toBeLessThan(1e-5);
}, 60_000);
