import { readFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "vitest";
import { folderOf, referenceModel, trainIn } from "./reference-job.ts";
const recipe = (scale: string): string => `
recipe parity {
  model "base", adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }
  precision mixed { compute: f16${scale} }
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  20 steps
  output    "out"
}`;
for (const scale of ["", ", loss_scale: 1e30"])
test(`llama ${scale}`, async () => {
  const from = referenceModel("llama");
  const folder = folderOf("llama", { adapter_init: join(from, "adapter_init") });
  try {
  const { lines } = await trainIn(folder, recipe(scale));
  const expected = JSON.parse(readFileSync(join(from, "expected.json"), "utf8")).lora.losses as number[];
  console.log(lines.map((l, i) => `${l.loss} ${expected[i]} ${l.grad_norm} ${l.skipped} ${l.loss_scale}`).join("\n"));
  } catch (e) { console.log(String(e)); }
}, 600000);
