// Recipes in stages on the device that is there: what one stage learns the next goes on from, the log tells them apart, and each leaves
// its results in a folder of its own.
import { cpSync, existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compileStages } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
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
  expect(log.get("probe")?.flatMap(({ step, loss }) => (loss === undefined ? [] : step))).toEqual([1, 2, 3]);
  expect(log.get("tune")?.flatMap(({ step, loss }) => (loss === undefined ? [] : step))).toEqual([1, 2]);
  const [probe, tune] = [evaluations(log.get("probe")), evaluations(log.get("tune"))];
  expect(probe[1]).toBeLessThan(probe[0] ?? NaN);
  expect(tune[0]).toBeCloseTo(probe[1] ?? NaN, 5);
  expect(tune[1]).toBeLessThan(tune[0] ?? NaN);
  for (const name of ["probe", "tune"])
    for (const file of ["config.json", "model.safetensors"])
      expect(existsSync(join(folder, "out", name, "model", file)), `${name} ${file}`).toBe(true);
});

test("an adapter and its head go on in the next stage", { timeout: 300_000 }, async () => {
  const folder = temporaryFolder();
  const log = await run(
    folder,
    'model "base"\n adapter lora { rank: 2 }\n stage one { training: 3 steps }\n stage two { optimizer.rate: 1e-3 }',
  );
  const [one, two] = [evaluations(log.get("one")), evaluations(log.get("two"))];
  expect(two[0]).toBeCloseTo(one[1] ?? NaN, 5);
  expect(two[1]).toBeLessThan(two[0] ?? NaN);
  expect(existsSync(join(folder, "out/two/adapter/adapter_model.safetensors"))).toBe(true);
  expect(existsSync(join(folder, "out/two/model"))).toBe(false);
});
