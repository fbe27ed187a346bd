import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderOf, referenceModel, trainIn } from "./reference-job.ts";
const models = (process.env["MODELS"] ?? "llama").split(",");
const recipe = (what: string, type: string): string => `
recipe parity {
  ${what}
  precision mixed { compute: ${type}${process.env["EXTRA"] ?? ""}${process.env["SCALE"] ?? ""} }
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  20 steps
  output    "out"
}`;
for (const model of models) for (const kind of (process.env["KINDS"] ?? "lora,full").split(",")) for (const type of (process.env["TYPES"] ?? "f16,bf16").split(","))
test(`${model} ${kind} ${type}`, async () => {
  const from = referenceModel(model);
  const folder = folderOf(model, { adapter_init: join(from, "adapter_init") });
  const what = kind === "full" ? 'model "base" { train: all }' : `model "base", adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }`;
  const t = Date.now();
  const { lines } = await trainIn(folder, recipe(what, type));
  const expected = JSON.parse(readFileSync(join(from, "expected.json"), "utf8"))[kind].losses as number[];
  const off = expected.map((v, i) => Math.abs((lines[i]?.loss ?? NaN) / v - 1));
  console.log(model, kind, type, Math.max(...off).toExponential(2), `${Date.now() - t} ms`, off.map((o) => o.toExponential(0)).join(" "));
  expect(Math.max(...off)).toBeLessThan(1e-2);
}, 600000);
