// Mixed precision on the device: training in 16 bits follows PyTorch's losses in f32 within a hundredth over 20 updates.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { folderOf, referenceModel, referenceRecipe, trainIn } from "./reference-job.ts";

const adapted = 'model "base", adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }';
const whole = 'model "base" { train: all }';

interface Expected {
  readonly lora: { readonly losses: readonly number[] };
  readonly full: { readonly losses: readonly number[] };
}

test.each([
  { model: "llama", kind: "lora", type: "f16" },
  { model: "llama", kind: "full", type: "f16" },
  { model: "gpt2", kind: "lora", type: "bf16" },
] as const)("$model $kind in $type", async ({ model, kind, type }) => {
  const from = referenceModel(model);
  const folder = folderOf(model, { adapter_init: join(from, "adapter_init") });
  const { lines } = await trainIn(
    folder,
    referenceRecipe(kind === "full" ? whole : adapted, `mixed { compute: ${type} }`),
  );
  const expected = JSON.parse(readFileSync(join(from, "expected.json"), "utf8")) as Expected;
  const off = expected[kind].losses.map((loss, step) =>
    Math.abs((lines[step]?.loss ?? Number.NaN) / loss - 1),
  );
  expect(Math.max(...off)).toBeLessThan(1e-2);
});
