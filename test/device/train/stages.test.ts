// A recipe in stages on the device that is there: what one stage learns the next goes on from, the log tells them apart, and each leaves its
// results in a folder of its own.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileStages } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openSafetensors, readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { runStages } from "../../../runtime/train/stages.ts";
import { fixtures, put, temporaryFolder } from "../../runtime/checkpoint/files.ts";

interface Line {
  readonly stage: string;
  readonly step: number;
  readonly loss?: number;
  readonly eval_loss?: number;
}

/** Runs a recipe whose model is that of a reference task; the lines of its log by stage. */
async function run(folder: string, clauses: string): Promise<ReadonlyMap<string, readonly Line[]>> {
  cpSync(join(fixtures, "reference/tasks/mlm-roberta/base"), join(folder, "base"), { recursive: true });
  const rows = Array.from({ length: 6 }, (_, row) => {
    const ids = Array.from({ length: 5 + row }, (_, at) => 5 + ((row * 31 + at * 7) % 300));
    return JSON.stringify({ input_ids: [0, ...ids, 2], label: row % 3 });
  });
  put(folder, "rows.jsonl", rows.join("\n"));
  const text = `recipe two {
  ${clauses}
  head       classify { labels: 3 }
  data       "rows.jsonl" { format: label, length: 16 }
  evaluation "rows.jsonl"
  batch      3
  optimizer  adamw { rate: 3e-3 }
  training   2 steps
  output     "out"
}`;
  using opened = await openDevice();
  const compiled = compileStages(text, {
    path: join(folder, "two.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  const stages = compiled.map(({ stage: name, plan, settings, facts, diagnostics }) => {
    if (plan === undefined || settings === undefined || facts === undefined)
      throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
    return { name, plan, settings, facts, folder, device: opened.device, evaluateFirst: true };
  });
  await runStages(stages, join(folder, "out"));
  expect(opened.takeErrors()).toEqual([]);
  const log = readFileSync(join(folder, "out/log.jsonl"), "utf8").trimEnd().split("\n");
  return Map.groupBy(
    log.map((line) => JSON.parse(line) as Line),
    ({ stage }) => stage,
  );
}

async function tensorsIn(model: string): Promise<ReadonlyMap<string, Uint8Array>> {
  const file = await openSafetensors(join(model, "model.safetensors"));
  const names = [...file.tensors.keys()];
  return new Map(await Promise.all(names.map(async (name) => [name, await readTensor(file, name)] as const)));
}

/** Losses on the held-out rows, before and after a stage. */
function evaluations(lines: readonly Line[] | undefined): readonly number[] {
  return (lines ?? []).flatMap(({ eval_loss }) => eval_loss ?? []);
}

test("linear probing, then everything (Kumar et al., 2022)", { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const log = await run(
    folder,
    'model "base"\n stage probe { model.train: ["classifier"], training: 3 steps }\n stage tune { model.train: all }',
  );
  expect([...log.keys()]).toEqual(["probe", "tune"]);
  const steps = (stage: string): unknown =>
    log.get(stage)?.flatMap(({ step, loss }) => (loss === undefined ? [] : step));
  expect([steps("probe"), steps("tune")]).toEqual([
    [1, 2, 3],
    [1, 2],
  ]);
  const [probe, tune] = [evaluations(log.get("probe")), evaluations(log.get("tune"))];
  expect(probe[1]).not.toBe(probe[0]);
  expect(tune[0]).toBeCloseTo(probe[1] ?? NaN, 5);
  expect(tune[1]).not.toBe(tune[0]);
  // The first stage changes the head alone, the second everything that the head computes with.
  const [base, probed, tuned] = await Promise.all(
    ["base", "out/probe/model", "out/tune/model"].map((name) => tensorsIn(join(folder, name))),
  );
  for (const [name, values] of base ?? []) {
    expect(probed?.get(name), name).toEqual(values);
    if (name.includes("query.weight")) expect(tuned?.get(name), name).not.toEqual(values);
  }
  expect(probed?.has("classifier.out_proj.weight")).toBe(true);
});
