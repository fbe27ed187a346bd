// Classification and masked words on the device that is there, against PyTorch's values: losses of 20 updates, the final adapter with
// its head, what evaluation tells; and a head that no file has.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openSafetensors, readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { runJob } from "../../../runtime/train/job.ts";
import { fixtures, put, temporaryFolder } from "../../runtime/checkpoint/files.ts";

interface Batch {
  readonly input_ids: readonly number[][];
  readonly attention_mask: readonly number[][];
  readonly labels: readonly (number | number[])[];
}

interface Line {
  readonly loss?: number;
  readonly eval_loss?: number;
  readonly accuracy?: number;
  readonly macro_f1?: number;
}

/** A folder with a reference task's model, its adapter and its batch as rows. */
function prepared(name: string): string {
  const folder = temporaryFolder();
  const from = join(fixtures, "reference/tasks", name);
  cpSync(from, folder, { recursive: true });
  const batch = JSON.parse(readFileSync(join(from, "batch.json"), "utf8")) as Batch;
  const rows = batch.input_ids.map((ids, row) => {
    const label = batch.labels[row];
    const common = { input_ids: ids, attention_mask: batch.attention_mask[row] };
    return JSON.stringify(typeof label === "number" ? { ...common, label } : { ...common, labels: label });
  });
  put(folder, "rows.jsonl", rows.join("\n"));
  return folder;
}

/** Trains in the folder; the lines of the log. */
async function run(folder: string, clauses: string, format: string, steps = 20): Promise<readonly Line[]> {
  const text = `recipe task {
  ${clauses}
  data       "rows.jsonl" { format: ${format}, length: 48, shuffle: false }
  evaluation "rows.jsonl"
  batch      2
  optimizer  adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule   constant { warmup: 4 steps }
  training   ${steps} steps { seed: 3 }
  output     "out"
}`;
  using opened = await openDevice();
  const compiled = compile(text, {
    path: join(folder, "task.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  const { plan, settings, facts } = compiled;
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(JSON.stringify(compiled.diagnostics.map(({ message }) => message)));
  await runJob({ plan, settings, facts, folder, device: opened.device, evaluateFirst: true });
  expect(opened.takeErrors()).toEqual([]);
  const log = readFileSync(join(folder, "out/log.jsonl"), "utf8").trimEnd().split("\n");
  return log.map((line) => JSON.parse(line) as Line);
}

async function tensorsIn(path: string): Promise<Map<string, Float32Array>> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, Float32Array>();
  for (const name of [...file.tensors.keys()].sort())
    tensors.set(name, toFloats(await readTensor(file, name), "F32"));
  return tensors;
}

/** Losses are differences of scores, which f32 holds to seven digits. */
const rounding = 5e-7;

function compareLosses(
  folder: string,
  lines: readonly Line[],
  what: "lora" | "full",
  tolerance: number,
): void {
  const expected = JSON.parse(readFileSync(join(folder, "expected.json"), "utf8")) as Record<
    string,
    { losses: number[] }
  >;
  const losses = lines.flatMap(({ loss }) => loss ?? []);
  const wanted = expected[what]?.losses ?? [];
  expect(losses).toHaveLength(wanted.length);
  losses.forEach((loss, at) => {
    const off = Math.abs(loss - (wanted[at] ?? NaN));
    expect(off, `loss ${at + 1}`).toBeLessThan(tolerance * (wanted[at] ?? NaN) + rounding);
  });
}

test.each([
  ["classify-llama", "lora { rank: 4, alpha: 8"],
  ["classify-roberta", "lora { rank: 4, alpha: 8, on: [query, value]"],
] as const)(
  "%s: an adapter and its head train as PEFT has them",
  { timeout: 300_000 },
  async (name, adapter) => {
    const folder = prepared(name);
    const clauses = `model "base", adapter ${adapter}, start: "adapter_init" }, head classify { labels: 3 }`;
    const lines = await run(folder, clauses, "label");
    compareLosses(folder, lines, "lora", 1e-5);
    const [before, after] = [lines[0], lines.at(-1)];
    expect(before?.eval_loss).toBeCloseTo(lines[1]?.loss ?? NaN, 5);
    // One row is of class 1, the other of class 0.
    expect([after?.accuracy, after?.macro_f1]).toEqual([1, 1]);
    const made = await tensorsIn(join(folder, "out/adapter/adapter_model.safetensors"));
    const final = await tensorsIn(join(folder, "adapter_final/adapter_model.safetensors"));
    expect([...made.keys()]).toEqual([...final.keys()]);
    for (const [key, values] of final) {
      const off = Math.hypot(...values.map((value, at) => value - (made.get(key)?.[at] ?? NaN)));
      expect(off, key).toBeLessThan(1e-3 * Math.hypot(...values));
    }
    const config = JSON.parse(
      readFileSync(join(folder, "out/adapter/adapter_config.json"), "utf8"),
    ) as unknown;
    expect(config).toMatchObject({ task_type: "SEQ_CLS", modules_to_save: ["classifier", "score"] });
  },
);

test("mlm-roberta: all parameters train as PyTorch has it", { timeout: 300_000 }, async () => {
  const folder = prepared("mlm-roberta");
  const lines = await run(folder, 'model "base" { train: all }, head masked', "tokens");
  compareLosses(folder, lines, "full", 3e-5);
});

test(
  "a head that the model lacks is drawn, trained alone and saved with the model",
  { timeout: 300_000 },
  async () => {
    const folder = prepared("classify-roberta");
    const clauses = 'model "base" { train: ["classifier"] }, head classify { labels: 3 }';
    cpSync(join(fixtures, "reference/tasks/mlm-roberta/base"), join(folder, "base"), { recursive: true });
    const lines = await run(folder, clauses, "label", 3);
    const losses = lines.flatMap(({ loss }) => loss ?? []);
    expect(losses[2]).toBeLessThan(losses[0] ?? NaN);
    const saved = await tensorsIn(join(folder, "out/model/model.safetensors"));
    const base = await tensorsIn(join(folder, "base/model.safetensors"));
    expect(saved.get("classifier.out_proj.weight")).toHaveLength(3 * 64);
    for (const [key, values] of base) expect(saved.get(key), key).toEqual(values);
    const config = JSON.parse(readFileSync(join(folder, "out/model/config.json"), "utf8")) as Record<
      string,
      unknown
    >;
    expect(config["id2label"]).toEqual({ "0": "LABEL_0", "1": "LABEL_1", "2": "LABEL_2" });
    // What was saved is a model to go on from: its head is read, not drawn.
    cpSync(join(folder, "out/model"), join(folder, "base"), { recursive: true });
    const again = await run(folder, clauses, "label", 1);
    expect(again[0]?.eval_loss).toBeCloseTo(lines.at(-1)?.eval_loss ?? NaN, 5);
  },
);
