// A tiny job for tests of the command line: the reference's llama, its batch as rows, its adapters, and a recipe in a folder that goes away.
import { cpSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fixtures, temporaryFolder } from "../../cli/run.ts";

export const reference = join(fixtures, "reference/models/llama");

export const recipe = `
recipe tiny {
  model      "base"
  adapter    lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }
  precision  f32
  data       "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  evaluation "rows.jsonl" { every: 10 steps }
  batch      2
  optimizer  adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule   constant { warmup: 4 steps }
  training   20 steps
  output     "out"
}
`;

interface Batch {
  readonly input_ids: readonly (readonly number[])[];
  readonly attention_mask?: readonly (readonly number[])[];
  readonly labels: readonly (readonly number[])[];
}

/** A folder with the reference's model ("base"), its adapters, its batch as rows ("rows.jsonl"), and "tiny.ftl". */
export function job(text = recipe): string {
  const folder = temporaryFolder();
  for (const name of ["base", "adapter_init", "adapter_final"])
    cpSync(join(reference, name), join(folder, name), { recursive: true });
  const batch = JSON.parse(readFileSync(join(reference, "batch.json"), "utf8")) as Batch;
  const rows = batch.input_ids.map((ids, row) => {
    const real = (_: number, at: number): boolean => (batch.attention_mask?.[row]?.[at] ?? 1) === 1;
    return JSON.stringify({ input_ids: ids.filter(real), labels: batch.labels[row]?.filter(real) });
  });
  writeFileSync(join(folder, "rows.jsonl"), `${rows.join("\n")}\n`);
  writeFileSync(join(folder, "tiny.ftl"), text);
  return folder;
}

/** Makes the job one of classes ("classes.jsonl"), on a model with a head of three; the folder of what PEFT made of it. */
export function classes(folder: string): string {
  const task = join(fixtures, "reference/tasks/classify-llama");
  const batch = JSON.parse(readFileSync(join(task, "batch.json"), "utf8")) as {
    readonly input_ids: readonly (readonly number[])[];
    readonly attention_mask: readonly (readonly number[])[];
    readonly labels: readonly number[];
  };
  const rows = batch.input_ids.map((ids, row) => {
    const own = ids.filter((_, at) => batch.attention_mask[row]?.[at] === 1);
    return JSON.stringify({ input_ids: own, label: batch.labels[row] });
  });
  writeFileSync(join(folder, "classes.jsonl"), `${rows.join("\n")}\n`);
  const text = recipe
    .replace('"base"', JSON.stringify(join(task, "base")))
    .replace(', start: "adapter_init"', "")
    .replaceAll('"rows.jsonl"', '"classes.jsonl"')
    .replace("format: tokens", "format: label")
    .replace("  precision", "  head       classify { labels: 3 }\n  precision");
  writeFileSync(join(folder, "tiny.ftl"), text);
  return task;
}
