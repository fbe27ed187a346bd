// What lives in the host's memory and comes to the device to be used is trained to the same bits: losses, checkpoints in the middle of a
// run and what is left of it, whatever is offloaded, on the device that is there.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderOf, trainIn } from "./reference-job.ts";

const recipe = (model: string): string => `recipe away {
  ${model}
  data       "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  evaluation "rows.jsonl" { every: 4 steps }
  batch      2
  optimizer  adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  training   6 steps
  output     "out" { save: every 3 steps }
}`;

const full = recipe('model "base" { train: all }');
const lora = recipe('model "base", adapter lora { rank: 4, alpha: 8, dropout: 0.2, on: [all_linear] }');
const qlora = recipe(
  'model "base" { weights: nf4 { block: 64 } }, adapter lora { rank: 4, alpha: 8, on: [all_linear] }',
);

const lomo = full.replace(/optimizer .*/, "optimizer lomo { rate: 1e-2 }");
const mezo = lora
  .replace(/optimizer .*/, "optimizer sgd { rate: 1e-3 }\n  method mezo")
  .replace("dropout: 0.2, ", "");

const optimizer = "optimizer.offload=host";
const model = "model.offload=host";
const adapter = "adapter.offload=host";

const jobs: readonly (readonly [string, string, readonly (readonly string[])[]])[] = [
  ["a full model", full, [[optimizer], [optimizer, model]]],
  ["LoRA", lora, [[optimizer], [model], [adapter], [optimizer, model, adapter]]],
  ["a full model, updated during the backward pass", lomo, [[model]]],
  ["a method that moves the weights", mezo, [[model, adapter]]],
  ["QLoRA", qlora, [[optimizer, model, adapter]]],
];

test.each(jobs)("%s, to the same bits", { timeout: 300_000 }, async (_, text, offloads) => {
  const run = async (set: readonly string[]) => {
    const folder = folderOf("llama");
    const { lines } = await trainIn(folder, text, [
      ...(text === lomo ? [] : ["accumulation=2"]),
      ...(text === mezo ? [] : ["checkpoint=every 1"]),
      ...set,
    ]);
    const told = lines.map((line) => ({ ...line, seconds: 0, tokens_per_second: 0 }));
    return { told, files: filesIn(join(folder, "out")) };
  };
  const expected = await run([]);
  expect([...expected.files.keys()]).toContain("step-3/state.safetensors");
  for (const set of offloads) {
    const found = await run(set);
    expect(found.told, set.join()).toEqual(expected.told);
    expect([...found.files.keys()]).toEqual([...expected.files.keys()]);
    for (const [name, bytes] of expected.files)
      expect(found.files.get(name)?.equals(bytes), `${set.join()}: ${name}`).toBe(true);
  }
});

/** Tensors that a run has left, by their paths. */
function filesIn(folder: string): ReadonlyMap<string, Buffer> {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  const tensors = names.filter((name) => name.endsWith(".safetensors")).toSorted();
  return new Map(tensors.map((name) => [name, readFileSync(join(folder, name))]));
}
