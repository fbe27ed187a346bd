// A whole job on the device that is there: data from a file, a model's folder, training, what is left on disk; and two runs alike.
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Settings } from "../../../compiler/language/settings.ts";
import { openSafetensors, readTensor, writeSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { runJob, type JobEvent, type JobInput } from "../../../runtime/train/job.ts";
import { f32, put, temporaryFolder } from "../../runtime/checkpoint/files.ts";
import { trainingPlan, verified } from "../../runtime/launch/tiny.ts";

const span = { source: { path: "recipe.ftl", text: "" }, start: 0, end: 0 };

function said<T>(value: T) {
  return { value, span };
}

/** A folder with a model of four weights, six rows to learn and two held out, and the settings that name them. */
async function prepared(): Promise<Pick<JobInput, "folder" | "settings" | "plan" | "facts">> {
  const folder = temporaryFolder();
  await writeSafetensors(join(folder, "base/model.safetensors"), [
    { name: "model.w", dtype: "F32", shape: [4], data: f32(2, 3, 4, 5) },
  ]);
  put(folder, "base/config.json", '{ "vocab_size": 4 }');
  const row = (ids: readonly number[]): string => JSON.stringify({ input_ids: ids });
  const rows = [
    [0, 1, 2],
    [3, 2, 1],
    [1, 1],
    [2, 2, 2, 2],
    [0, 3, 0],
    [3, 3],
  ].map(row);
  put(folder, "rows.jsonl", rows.join("\n"));
  put(
    folder,
    "held.jsonl",
    [
      [0, 1, 2, 3],
      [3, 0],
    ]
      .map(row)
      .join("\n"),
  );
  const data = {
    path: said("rows.jsonl"),
    format: "tokens",
    length: said(4),
    pack: false,
    learn: "all",
    shuffle: true,
    split: 0,
    span,
  } as const;
  const chosen = { name: said("any"), options: new Map(), span };
  const settings: Settings = {
    name: "tiny",
    documentation: "",
    span,
    model: {
      path: said("base"),
      architecture: undefined,
      weights: undefined,
      init: undefined,
      train: said("all"),
      offload: false,
    },
    adapters: [],
    head: chosen,
    precision: said("f32"),
    data,
    evaluation: { ...data, path: said("held.jsonl"), every: 2, ranks: [] },
    batch: said(2),
    accumulation: said(2),
    checkpoint: said("none"),
    keep: [],
    method: undefined,
    optimizer: chosen,
    state: said({ kind: "type" as const, type: "f32" as const }),
    offload: false,
    groups: [],
    clip: undefined,
    schedule: chosen,
    training: said({ kind: "epochs", count: 2 }),
    seed: 3,
    output: said("out"),
    save: { every: 4, keep: 2 },
    memory: undefined,
    device: undefined,
    devices: undefined,
    sweep: [],
    stages: [],
  };
  const plan = verified(trainingPlan({ batch: 2, rows: 1, accumulation: 2 }, "model.w"));
  const facts = { adapters: [], model: [{ variable: "w", keys: ["model.w"] }], rate: 0.25 };
  return { folder, settings, plan, facts };
}

function linesOf(folder: string): Record<string, unknown>[] {
  const text = readFileSync(join(folder, "out/log.jsonl"), "utf8").trimEnd();
  return text.split("\n").map((line) => JSON.parse(line) as Record<string, unknown>);
}

async function weightsOf(folder: string): Promise<Uint8Array> {
  return readTensor(await openSafetensors(join(folder, "out/model/model.safetensors")), "model.w");
}

test("a job trains, evaluates, saves, logs, and does it the same way twice", async () => {
  const logs: unknown[] = [];
  const weights: Uint8Array[] = [];
  for (let run = 0; run < 2; run += 1) {
    using opened = await openDevice();
    const input = await prepared();
    const events: JobEvent[] = [];
    const planFiles = new Map([["plan.json", "{}"]]);
    const device = opened.device;
    const result = await runJob({
      ...input,
      device,
      planFiles,
      evaluateFirst: true,
      onEvent: (event) => events.push(event),
    });
    expect(opened.takeErrors()).toEqual([]);
    expect(result).toMatchObject({ ended: "done", step: 6, updates: 6, output: join(input.folder, "out") });
    expect(result.saved).toEqual([join(input.folder, "out/step-4"), join(input.folder, "out/model")]);
    expect(existsSync(join(input.folder, "out/plan/plan.json"))).toBe(true);
    expect(existsSync(join(input.folder, "out/model/config.json"))).toBe(true);
    const lines = linesOf(input.folder);
    expect(lines.map(({ step }) => step)).toEqual([0, 1, 2, 2, 3, 4, 4, 5, 6, 6]);
    // Before: (1 + 4 + 9 + 16) / 4 over the held-out rows; what is predicted from is learned.
    expect(lines[0]?.["eval_loss"]).toBe((1 + 4 + 9 + 16) / 4);
    expect(Number(lines.at(-1)?.["eval_loss"])).toBeLessThan(2);
    expect(events.map(({ kind }) => kind)).toContain("ready");
    const timeless = lines.map((line) => ({ ...line, seconds: 0, tokens_per_second: 0 }));
    logs.push(timeless);
    weights.push(await weightsOf(input.folder));
  }
  expect(logs[1]).toEqual(logs[0]);
  expect(weights[1]).toEqual(weights[0]);
});

test("an interrupted job leaves a checkpoint of its last step and no result", async () => {
  using opened = await openDevice();
  const input = await prepared();
  const controller = new AbortController();
  const onEvent = (event: JobEvent): void => {
    if (event.kind === "step" && event.line.step === 2) controller.abort();
  };
  const result = await runJob({ ...input, device: opened.device, onEvent, signal: controller.signal });
  expect(result.ended).toBe("interrupted");
  expect(result.saved).toEqual([join(input.folder, `out/step-${result.step}`)]);
  expect(existsSync(join(input.folder, `out/step-${result.step}/manifest.json`))).toBe(true);
  expect(existsSync(join(input.folder, "out/model"))).toBe(false);
  expect(linesOf(input.folder).at(-1)).toMatchObject({ step: result.step });
});

test("what is wrong with files is told before the device has work", async () => {
  using opened = await openDevice();
  const { device } = opened;
  const input = await prepared();
  Object.defineProperty(device, "createBuffer", {
    value: () => {
      throw new Error("the device was given work");
    },
  });
  put(input.folder, "rows.jsonl", '{ "input_ids": [0, 4] }');
  await expect(runJob({ ...input, device })).rejects.toThrow('rows.jsonl:1: field "input_ids" holds token 4');
  put(input.folder, "rows.jsonl", '{ "input_ids": [0] }');
  await expect(runJob({ ...input, device })).rejects.toThrow("nothing of its rows is learned");
  const other = await prepared();
  put(other.folder, "base/model.safetensors", "short");
  await expect(runJob({ ...other, device })).rejects.toThrow("model.safetensors");
});
