// Loading into a session in memory: the right bytes in the right parts and types, and every kind of wrong file refused by name.
import { join } from "node:path";
import { expect, test } from "vitest";
import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { openAdapter, writeAdapter, type FieldToWrite } from "../../../runtime/checkpoint/peft.ts";
import { readTensor, writeSafetensors, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { load } from "../../../runtime/train/load.ts";
import { f32, fixtures, temporaryFolder } from "../checkpoint/files.ts";
import { tinyPlan, type TinyVariable } from "../launch/tiny.ts";
import { fakeSession } from "./fake.ts";

const from = "checkpoint";

async function checkpointOf(...tensors: TensorToWrite[]) {
  const folder = temporaryFolder();
  await writeSafetensors(join(folder, "model.safetensors"), tensors);
  return openCheckpoint(folder);
}

function tensor(name: string, shape: readonly number[], data: Uint8Array): TensorToWrite {
  return { name, dtype: "F32", shape, data };
}

function sessionOf(...variables: TinyVariable[]) {
  return fakeSession(tinyPlan(variables, {}), {});
}

test("each part takes its own tensor, in the stored type", async () => {
  const checkpoint = await checkpointOf(
    tensor("layers.0.w", [2, 2], f32(1, 2, 3, 4)),
    tensor("layers.1.w", [2, 2], f32(5, 6, 7, -8)),
    {
      name: "norm",
      dtype: "BF16",
      shape: [3],
      data: new Uint8Array(Uint16Array.of(0x3f80, 0x4000, 0xc040).buffer),
    },
    tensor("unused", [1], f32(9)),
  );
  const session = sessionOf(
    {
      name: "w",
      shape: [2, 2, 2],
      stack: true,
      type: "f16",
      initial: { from, names: ["layers.0.w", "layers.1.w"] },
    },
    { name: "norm", shape: [3], initial: { from, names: ["norm"] } },
    {
      name: "table",
      shape: [2],
      initial: { from: "table", data: Buffer.from(f32(0.5, 1)).toString("base64") },
    },
    { name: "keys", shape: [1], type: "u32", initial: { from: "host" } },
    { name: "state", shape: [2] },
  );
  const seen: number[] = [];
  const loaded = await load(
    session,
    { checkpoint, adapters: [], seed: 7 },
    { onLoaded: (done, total) => seen.push(done / total) },
  );
  expect(loaded).toEqual({ bytes: 38, warnings: [] });
  const halves = [0x3c00, 0x4000, 0x4200, 0x4400, 0x4500, 0x4600, 0x4700, 0xc800];
  expect([...new Uint16Array(session.bytes("w").buffer)]).toEqual(halves);
  expect([...session.floats("norm")]).toEqual([1, 2, -3]);
  expect([...session.floats("table")]).toEqual([0.5, 1]);
  expect([...session.floats("state")]).toEqual([0, 0]);
  expect([...session.integers("keys")]).toEqual([7]);
  expect([seen[0], seen.at(-1)]).toEqual([0, 1]);
});

test("a tensor larger than a chunk arrives whole", async () => {
  const count = 3 * 1024 * 1024 + 5;
  const values = Float32Array.from({ length: count }, (_, index) => index % 4096);
  const checkpoint = await checkpointOf(tensor("w", [count], new Uint8Array(values.buffer)));
  const session = sessionOf({ name: "w", shape: [count], initial: { from, names: ["w"] } });
  await load(session, { checkpoint, adapters: [], seed: 1 });
  expect(session.calls.filter((call) => call === "write w#0").length).toBeGreaterThan(2);
  expect(Buffer.compare(session.bytes("w"), new Uint8Array(values.buffer))).toBe(0);
});

test("what is not a number is told, and what a smaller type makes infinite", async () => {
  const checkpoint = await checkpointOf(tensor("w", [4], f32(NaN, 1e30, -Infinity, 70000)));
  const session = sessionOf({ name: "w", shape: [4], type: "f16", initial: { from, names: ["w"] } });
  const { warnings } = await load(session, { checkpoint, adapters: [], seed: 1 });
  expect(warnings).toEqual([
    expect.stringMatching(/model\.safetensors: tensor "w" holds 2 values that are NaN or infinite$/),
    expect.stringMatching(/"w" holds 2 values beyond f16, which become infinite$/),
  ]);
});

test("all missing and misshapen tensors are told at once, before anything is written", async () => {
  const checkpoint = await checkpointOf(tensor("a", [2, 3], new Uint8Array(24)), {
    name: "c",
    dtype: "I64",
    shape: [1],
    data: new Uint8Array(8),
  });
  const session = sessionOf(
    { name: "a", shape: [3, 2], initial: { from, names: ["a"] } },
    { name: "b", shape: [2, 4], stack: true, initial: { from, names: ["layers.0.b", "layers.1.b"] } },
    { name: "c", shape: [1], initial: { from, names: ["c"] } },
  );
  const failed = await load(session, { checkpoint, adapters: [], seed: 1 }).catch((cause: unknown) => cause);
  expect(failed).toBeInstanceOf(CheckpointError);
  expect(failed).toMatchObject({
    file: join(checkpoint.folder, "model.safetensors"),
    reason: [
      'tensor "a" has shape [2, 3]; a tensor of shape [3, 2] was expected',
      'it holds no tensor "layers.0.b"; a tensor of shape [4] was expected',
      'it holds no tensor "layers.1.b"; a tensor of shape [4] was expected',
      'tensor "c" is stored as I64; weights are read from F32, F16 and BF16',
    ].join("\n  "),
  });
  expect(session.calls).toEqual([]);
});

const lora = new Map<string, FieldToWrite>([
  ["peft_type", "LORA"],
  ["r", 4],
  ["lora_alpha", 8],
  ["lora_dropout", 0],
]);

test("an adapter of PEFT is read into its variables, and only one that is the recipe's", async () => {
  const folder = join(fixtures, "reference/models/llama/adapter_init");
  const adapter = await openAdapter(folder);
  const keys = [...adapter.weights.tensors.keys()];
  const variables = keys.map((name, index): TinyVariable => {
    const shape = adapter.weights.tensors.get(name)?.shape ?? [];
    return { name: `lora.${index}`, shape, kind: "adapter", initial: { from: "adapter", names: [name] } };
  });
  const session = sessionOf(...variables);
  const parts = ["model.layers.0.self_attn.q_proj", "model.layers.0.self_attn.v_proj"];
  const continued = { alias: "lora", adapter, fields: lora, parts };
  const { warnings } = await load(session, { checkpoint: undefined, adapters: [continued], seed: 1 });
  expect(warnings).toEqual([]);
  for (const [index, key] of keys.entries())
    expect(session.bytes(`lora.${index}`)).toEqual(await readTensor(adapter.weights, key));

  const with8 = { ...continued, fields: new Map([...lora, ["r", 8] as const]) };
  await expect(load(session, { checkpoint: undefined, adapters: [with8], seed: 1 })).rejects.toThrow(
    `adapter_config.json: field "r" is 4 for model.layers.0.self_attn.q_proj; adapter 'lora' of the recipe has 8`,
  );
  const pattern = (key: string, rank: number) =>
    load(session, {
      checkpoint: undefined,
      adapters: [
        { ...continued, fields: new Map([...lora, ["rank_pattern", new Map([[key, rank]])] as const]) },
      ],
      seed: 1,
    });
  await expect(pattern("v_proj", 8)).rejects.toThrow(
    `field "r" is 4 for model.layers.0.self_attn.v_proj; adapter 'lora' of the recipe has 8`,
  );
  // Patterns that come to the same are the same, and a name means whole parts of a path.
  expect((await pattern("self_attn.v_proj", 4)).warnings).toEqual([]);
  expect((await pattern("proj", 8)).warnings).toEqual([]);
  const other = { ...continued, fields: new Map([...lora, ["lora_alpha", 16] as const]) };
  const loaded = await load(session, { checkpoint: undefined, adapters: [other], seed: 1 });
  expect(loaded.warnings).toEqual([
    expect.stringContaining('field "lora_alpha" is 8 for model.layers.0.self_attn.q_proj; adapter'),
  ]);
  const fewer = sessionOf(...variables.slice(1));
  await expect(load(fewer, { checkpoint: undefined, adapters: [continued], seed: 1 })).rejects.toThrow(
    `it holds ${JSON.stringify(keys[0])}, which adapter 'lora' of the recipe does not have`,
  );
});

test("an adapter with a scaling of its own is refused by the field", async () => {
  const folder = temporaryFolder();
  await writeAdapter(folder, { tensors: [], fields: new Map([...lora, ["use_rslora", true] as const]) });
  const continued = { alias: "lora", adapter: await openAdapter(folder), fields: lora, parts: [] };
  await expect(
    load(sessionOf({ name: "w", shape: [1] }), { checkpoint: undefined, adapters: [continued], seed: 1 }),
  ).rejects.toThrow(`field "use_rslora" is true; adapter 'lora' of the recipe has absent`);
});

test("an interruption stops loading", async () => {
  const checkpoint = await checkpointOf(tensor("w", [1], f32(1)));
  const session = sessionOf({ name: "w", shape: [1], initial: { from, names: ["w"] } });
  const signal = AbortSignal.abort(new Error("enough"));
  await expect(load(session, { checkpoint, adapters: [], seed: 1 }, { signal })).rejects.toThrow("enough");
});

test("what files may bring takes the place of what was drawn: an adapter's before the model's", async () => {
  const optional = (name: string): TinyVariable => ({
    name,
    shape: [2],
    initial: { from: "optional", names: [name] },
  });
  const names = ["head.a", "head.b", "head.c"];
  const plan = tinyPlan(names.map(optional), { initialize: [{ name: "draw", wgsl: "", binds: names }] });
  const drawing = () =>
    fakeSession(plan, { initialize: (session) => names.forEach((name) => session.floats(name).fill(7)) });
  const checkpoint = await checkpointOf(
    tensor("head.a", [2], f32(1, 2)),
    tensor("head.b", [2], f32(3, 4)),
    tensor("other", [1], f32(0)),
  );
  const folder = temporaryFolder();
  await writeAdapter(folder, {
    tensors: [tensor("base_model.model.head.b", [2], f32(5, 6))],
    fields: new Map<string, FieldToWrite>([["peft_type", "LORA"]]),
  });
  const fields = new Map<string, FieldToWrite>([["peft_type", "LORA"]]);
  const continued = { alias: "lora", adapter: await openAdapter(folder), fields, parts: [] };
  const session = drawing();
  await load(session, { checkpoint, adapters: [continued], seed: 1 });
  expect(names.map((name) => [...session.floats(name)])).toEqual([
    [1, 2],
    [5, 6],
    [7, 7],
  ]);
  const misshapen = await checkpointOf(tensor("head.a", [3], f32(1, 2, 3)));
  await expect(load(drawing(), { checkpoint: misshapen, adapters: [], seed: 1 })).rejects.toThrow(
    'tensor "head.a" has shape [3]; a tensor of shape [2] was expected',
  );
});
