// What a run leaves, read back: adapters, models, checkpoints of steps.
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openCheckpoint, readConfig } from "../../../runtime/checkpoint/folder.ts";
import { openAdapter } from "../../../runtime/checkpoint/peft.ts";
import { openSafetensors, readTensor, writeSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { adapterFields, targetModules } from "../../../runtime/train/peft.ts";
import { saveAdapter, saveModel } from "../../../runtime/train/save.ts";
import { writeStep } from "../../../runtime/train/steps.ts";
import { f32, fixtures, put, temporaryFolder } from "../checkpoint/files.ts";
import { tinyPlan } from "../launch/tiny.ts";
import { fakeSession } from "./fake.ts";

const plan = tinyPlan(
  [
    { name: "lora.A", shape: [2, 1, 2], stack: true, kind: "adapter" },
    { name: "w", shape: [2], kind: "weights" },
    { name: "m of lora.A", shape: [2, 1, 2], stack: true, kind: "optimizer" },
    { name: "updates", shape: [], kind: "optimizer" },
  ],
  {},
);

function sessionWithValues() {
  const session = fakeSession(plan, {});
  session.floats("lora.A").set([1, 2, 3, 4]);
  session.floats("w").set([5, 6]);
  session.floats("m of lora.A").set([7, 8, 9, 10]);
  session.floats("updates").set([3]);
  return session;
}

const saved = [
  {
    variable: "lora.A",
    keys: ["base_model.model.l.0.q.lora_A.weight", "base_model.model.l.1.q.lora_A.weight"],
  },
];
const shape = {
  fields: new Map<string, string | number>([
    ["task_type", "CAUSAL_LM"],
    ["peft_type", "LORA"],
    ["r", 1],
    ["lora_dropout", 0],
  ]),
  parts: ["l.0.q", "l.1.q"],
};

test("an adapter is PEFT's: keys, shapes and fields", async () => {
  const folder = temporaryFolder();
  const fields = adapterFields(shape, "base", ["l.0.q", "l.1.q", "l.0.k"]);
  await saveAdapter(sessionWithValues(), folder, saved, fields);
  const adapter = await openAdapter(folder);
  expect(adapter.values).toMatchObject({
    base_model_name_or_path: "base",
    peft_type: "LORA",
    r: 1,
    target_modules: ["q"],
    task_type: "CAUSAL_LM",
  });
  expect(readFileSync(adapter.configPath, "utf8")).toContain('"lora_dropout": 0.0');
  expect(adapter.weights.tensors.get("base_model.model.l.1.q.lora_A.weight")?.shape).toEqual([1, 2]);
  expect(await readTensor(adapter.weights, "base_model.model.l.1.q.lora_A.weight")).toEqual(f32(3, 4));
});

test("an adapter that was continued keeps what its file said, but for what the recipe says", async () => {
  const before = await openAdapter(join(fixtures, "reference/models/llama/adapter_init"));
  const fields = adapterFields({ ...shape, fields: new Map([["r", 2]]) }, "base", [], before.fields);
  expect(fields.get("megatron_core")).toBe("megatron.core");
  expect(fields.get("r")).toBe(2);
  expect(fields.get("lora_alpha")).toBe(8);
  expect(fields.get("target_modules")).toEqual(["l.0.q", "l.1.q"]);
});

test("modules are named by their last name where it means no other", () => {
  const modules = ["l.0.q", "l.1.q", "l.0.k", "l.1.k", "head"];
  expect(targetModules(["l.0.q", "l.1.q", "l.1.k"], modules)).toEqual(["l.1.k", "q"]);
  expect(targetModules(["head"], modules)).toEqual(["head"]);
});

test("a model keeps what was not trained byte for byte, and its config", async () => {
  const [base, folder] = [temporaryFolder(), temporaryFolder()];
  const kept = { name: "other", dtype: "BF16", shape: [2], data: Uint8Array.of(1, 2, 3, 4) } as const;
  const old = { name: "model.w", dtype: "F32", shape: [2], data: f32(0, 0) } as const;
  await writeSafetensors(join(base, "model.safetensors"), [kept, old]);
  put(base, "config.json", '{ "model_type": "llama" }');
  put(base, "tokenizer.json", "{}");
  put(base, "pytorch_model.bin", "no");
  const checkpoint = await openCheckpoint(base);
  await saveModel(sessionWithValues(), folder, [{ variable: "w", keys: ["model.w"] }], {
    folder: base,
    checkpoint,
    classes: undefined,
  });
  expect(readdirSync(folder).sort()).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
  expect((await readConfig(folder)).values["model_type"]).toBe("llama");
  const file = await openSafetensors(join(folder, "model.safetensors"));
  expect(await readTensor(file, "other")).toEqual(kept.data);
  expect(file.tensors.get("other")?.dtype).toBe("BF16");
  expect(await readTensor(file, "model.w")).toEqual(f32(5, 6));
});

test("a checkpoint of a step has everything that training changes, and a hash of each file", async () => {
  const output = temporaryFolder();
  const session = sessionWithValues();
  const work = {
    output,
    plan: { ...plan, hash: "abc" },
    seed: 9,
    keep: 2,
    trained: ["lora.A"],
    adapters: (folder: string) => saveAdapter(session, folder, saved, adapterFields(shape, "base", [])),
  };
  mkdirSync(join(output, "step-1"));
  for (const step of [2, 3, 4]) {
    const folder = await writeStep(session, { ...work, position: { step, updates: step - 1 } });
    expect(folder).toBe(join(output, `step-${step}`));
  }
  // The two newest stay, and a folder that is none of ours.
  expect(readdirSync(output).sort()).toEqual(["step-1", "step-3", "step-4"]);
  const folder = join(output, "step-4");
  const state = await openSafetensors(join(folder, "state.safetensors"));
  expect([...state.tensors.keys()].sort()).toEqual(
    ["lora.A#0", "lora.A#1", "m of lora.A#0", "m of lora.A#1", "updates#0"].sort(),
  );
  expect(await readTensor(state, "m of lora.A#1")).toEqual(f32(9, 10));
  const position = { step: 4, updates: 3, seed: 9 };
  expect(JSON.parse(readFileSync(join(folder, "state.json"), "utf8"))).toEqual({
    format: 1,
    recipe: "tiny",
    plan: "abc",
    ...position,
  });
  const manifest: unknown = JSON.parse(readFileSync(join(folder, "manifest.json"), "utf8"));
  const names = [
    "adapter/adapter_config.json",
    "adapter/adapter_model.safetensors",
    "state.json",
    "state.safetensors",
  ];
  const hash = (name: string): string =>
    createHash("sha256")
      .update(readFileSync(join(folder, name)))
      .digest("hex");
  expect(manifest).toEqual({ format: 1, files: Object.fromEntries(names.map((name) => [name, hash(name)])) });
});

test("a checkpoint that cannot be written leaves nothing, and the older one whole", async () => {
  const output = temporaryFolder();
  const session = sessionWithValues();
  const work = { output, plan, seed: 9, keep: 1, trained: [], adapters: async () => undefined };
  await writeStep(session, { ...work, position: { step: 1, updates: 1 } });
  const fails = async (): Promise<void> => {
    throw new Error("no room");
  };
  await expect(
    writeStep(session, { ...work, adapters: fails, position: { step: 2, updates: 2 } }),
  ).rejects.toThrow("no room");
  expect(readdirSync(output)).toEqual(["step-1"]);
});
