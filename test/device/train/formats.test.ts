// Bases in formats on the device: what loading leaves there is bit for bit what the published algorithm gives in f32; files that hold the
// same bits load to the same; and training on it is training on the numbers that it stands for.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import {
  openSafetensors,
  readTensor,
  writeSafetensors,
  type TensorToWrite,
} from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { launch, type Session } from "../../../runtime/launch/session.ts";
import { load } from "../../../runtime/train/load.ts";
import { dynamicMap, fromInt8, fromNf4, int8, nf4, packed4 } from "../../compiler/library/quantization.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, referenceModel, trainIn } from "./reference-job.ts";

const recipe = (weights: string, start = ', start: "adapter_init"'): string =>
  referenceRecipe(`model "base" { ${weights === "" ? "" : `weights: ${weights}`} }
  adapter lora { rank: 4, alpha: 8, on: [all_linear]${start} }`);

const adapterInit = { adapter_init: join(referenceModel("llama"), "adapter_init") };
const isHeld = (name: string): boolean => name.endsWith("_proj.weight");

/** The model's tensors in f32. */
async function tensorsOf(
  folder: string,
): Promise<Map<string, { shape: readonly number[]; data: Float32Array }>> {
  const { tensors } = await openCheckpoint(folder);
  const read = new Map<string, { shape: readonly number[]; data: Float32Array }>();
  for (const [name, { file, shape, dtype }] of tensors) {
    if (dtype !== "F32") throw new Error(`${name} is ${dtype}`);
    read.set(name, { shape, data: toFloats(await readTensor(file, name), dtype) });
  }
  return read;
}

const bytes = (data: Float32Array | Uint8Array): Uint8Array =>
  new Uint8Array(data.buffer, data.byteOffset, data.byteLength);

/** What loading a recipe's model leaves in its variables. */
async function loaded(
  folder: string,
  weights: string,
  look: (part: (variable: string, part: number) => Promise<Uint8Array>, session: Session) => Promise<void>,
): Promise<void> {
  using opened = await openDevice();
  const { plan, diagnostics } = compile(recipe(weights, ""), {
    path: join(folder, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
  const session = await launch(plan, opened.device);
  try {
    await load(session, {
      checkpoint: await openCheckpoint(join(folder, "base")),
      adapters: [],
      seed: 1,
    });
    await look(async (variable, part) => {
      const pieces: number[] = [];
      for await (const piece of session.readPart(variable, part)) pieces.push(...piece);
      return Uint8Array.from(pieces);
    }, session);
    expect(opened.takeErrors()).toEqual([]);
  } finally {
    session.close();
  }
}

/** The tensor as bitsandbytes' files hold it. */
function encoded(
  name: string,
  { shape, data }: { shape: readonly number[]; data: Float32Array },
): TensorToWrite[] {
  const { codes, nested } = nf4(data, 64, true, Math.fround);
  if (nested === undefined) throw new Error("not nested");
  const state = {
    quant_type: "nf4",
    blocksize: 64,
    dtype: "float32",
    shape,
    nested_blocksize: 256,
    nested_dtype: "float32",
    nested_offset: nested.offset,
  };
  const json = new TextEncoder().encode(JSON.stringify(state));
  const f32 = (values: readonly number[]): Uint8Array => bytes(Float32Array.from(values));
  const quantiles = fromNf4(
    { codes: [...Array(16).keys()], scales: [1], nested: undefined },
    16,
    Math.fround,
  );
  return [
    { name, dtype: "U8", shape: [codes.length / 2, 1], data: packed4(codes) },
    {
      name: `${name}.absmax`,
      dtype: "U8",
      shape: [nested.codes.length],
      data: Uint8Array.from(nested.codes),
    },
    { name: `${name}.quant_map`, dtype: "F32", shape: [16], data: f32(quantiles) },
    { name: `${name}.nested_absmax`, dtype: "F32", shape: [nested.scales.length], data: f32(nested.scales) },
    { name: `${name}.nested_quant_map`, dtype: "F32", shape: [256], data: f32(dynamicMap(true)) },
    { name: `${name}.quant_state.bitsandbytes__nf4`, dtype: "U8", shape: [json.length], data: json },
  ];
}

/** The model's folder with other tensors in the places of those that are held. */
async function rewritten(
  change: (name: string, tensor: { shape: readonly number[]; data: Float32Array }) => TensorToWrite[],
): Promise<string> {
  const folder = folderOf("llama", adapterInit);
  const tensors = await tensorsOf(join(folder, "base"));
  const list = [...tensors].flatMap(([name, tensor]): TensorToWrite[] =>
    isHeld(name)
      ? change(name, tensor)
      : [{ name, dtype: "F32", shape: tensor.shape, data: bytes(tensor.data) }],
  );
  await writeSafetensors(join(folder, "base/model.safetensors"), list);
  return folder;
}

const apart = (a: number | null | undefined, b: number | null): number =>
  Math.abs((a ?? NaN) / (b ?? NaN) - 1);

const projections = ["q_proj", "k_proj", "v_proj", "o_proj"].map((name) => `self_attn.${name}`);
const held = [...projections, ...["gate_proj", "up_proj", "down_proj"].map((name) => `mlp.${name}`)];
const places = held.flatMap((module) => [0, 1].map((layer) => ({ module, layer })));

test("nf4: the device encodes what it loads to bitsandbytes' bits", async () => {
  const folder = folderOf("llama");
  const tensors = await tensorsOf(join(folder, "base"));
  await loaded(folder, "nf4", async (part, { plan }) => {
    expect(plan.held.map(({ programs }) => programs.length)).toEqual(held.map(() => 2));
    for (const { module, layer } of places) {
      const name = `model.layers.{i}.${module}.weight`;
      const { data = new Float32Array() } = tensors.get(name.replace("{i}", String(layer))) ?? {};
      const [offset = NaN] = new Float32Array((await part(`${name}.offset`, layer)).buffer);
      const { codes, scales, nested } = nf4(data, 64, true, Math.fround, offset);
      expect(offset / (scales.reduce((sum, scale) => sum + scale, 0) / scales.length)).toBeCloseTo(1, 6);
      expect(await part(`${name}.codes`, layer)).toEqual(packed4(codes));
      expect([...new Float32Array((await part(`${name}.group_scales`, layer)).buffer)]).toEqual(
        nested?.scales,
      );
      const own = [...(await part(`${name}.scale_codes`, layer))];
      expect(own.slice(0, nested?.codes.length)).toEqual(nested?.codes);
    }
  });
});

test("int8: the device encodes what it loads to whole numbers of 8 bits", async () => {
  const folder = folderOf("llama");
  const tensors = await tensorsOf(join(folder, "base"));
  await loaded(folder, "int8 { block: 32 }", async (part) => {
    for (const { module, layer } of places) {
      const name = `model.layers.{i}.${module}.weight`;
      const { data = new Float32Array() } = tensors.get(name.replace("{i}", String(layer))) ?? {};
      const { codes, scales } = int8(data, 32, Math.fround);
      expect([...(await part(`${name}.codes`, layer))]).toEqual(codes);
      expect([...new Float32Array((await part(`${name}.scales`, layer)).buffer)]).toEqual(scales);
    }
  });
});

test("files of bitsandbytes load as they are, beside tensors that are not encoded yet", async () => {
  const folder = await rewritten((name, tensor) =>
    name.includes("layers.1.mlp")
      ? [{ name, dtype: "F32", shape: tensor.shape, data: bytes(tensor.data) }]
      : encoded(name, tensor),
  );
  const { tensors } = await openCheckpoint(join(folder, "base"));
  await loaded(folder, "nf4", async (part) => {
    for (const { module, layer } of places.filter(
      ({ module, layer }) => layer === 0 || !module.includes("mlp"),
    )) {
      const name = `model.layers.{i}.${module}.weight`;
      const own = name.replace("{i}", String(layer));
      for (const [variable, file] of [
        ["codes", own],
        ["scale_codes", `${own}.absmax`],
        ["group_scales", `${own}.nested_absmax`],
      ] as const) {
        const stored = tensors.get(file);
        if (stored === undefined) throw new Error(file);
        const wanted = await readTensor(stored.file, file);
        expect((await part(`${name}.${variable}`, layer)).subarray(0, wanted.length)).toEqual(wanted);
      }
    }
  });
  for (const [weights, message] of [
    [
      "nf4 { block: 128 }",
      /stored encoded; its blocksize is 64, .* has 128; give the option 'block' the file's value/,
    ],
    ["nf4 { double: false }", /its nested_blocksize is 256, .* has none; give the option 'double'/],
    ["int8", /stored encoded; as nf4, and the recipe says weights: int8; write weights: nf4/],
    ["f32", /is stored as U8; .* write weights: nf4/],
  ] as const)
    await expect(
      loaded(folder, weights, async () => undefined),
      weights,
    ).rejects.toThrow(message);
});

test.each([
  {
    weights: "nf4",
    back: (data: Float32Array) => fromNf4(nf4(data, 64, true, Math.fround), 64, Math.fround),
  },
  { weights: "int8", back: (data: Float32Array) => fromInt8(int8(data, 64, Math.fround), 64, Math.fround) },
])("$weights: LoRA on it is LoRA on the numbers that it stands for", async ({ weights, back }) => {
  const plain = await rewritten((name, { shape, data }) => [
    { name, dtype: "F32", shape, data: bytes(Float32Array.from(back(data))) },
  ]);
  const folder = folderOf("llama", adapterInit);
  const [onFormat, onNumbers] = [await trainIn(folder, recipe(weights)), await trainIn(plain, recipe(""))];
  for (const [step, line] of onNumbers.lines.entries()) {
    const own = onFormat.lines[step];
    expect(apart(own?.loss, line.loss), `step ${step}`).toBeLessThan(1e-5);
    expect(apart(own?.grad_norm, line.grad_norm), `step ${step}`).toBeLessThan(1e-4);
  }
  expect(onFormat.lines.at(-1)?.loss).toBeLessThan(onFormat.lines[0]?.loss ?? 0);
});

const stateRecipe = (state: string): string => `
recipe parity {
  model     "base" { train: all }
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0, state: ${state}, group "*norm*" { weight_decay: 0 } }
  schedule  constant { warmup: 4 steps }
  training  20 steps
  output    "out" { save: every 10 steps }
}`;

test("adamw with states in int8 and bf16 follows the losses of f32 over 20 updates", async () => {
  const expected = JSON.parse(readFileSync(join(referenceModel("llama"), "expected.json"), "utf8")) as {
    readonly full: { readonly losses: readonly number[] };
  };
  for (const state of ["int8", "bf16"]) {
    const folder = folderOf("llama");
    const { lines } = await trainIn(folder, stateRecipe(state));
    const apartMost = Math.max(...lines.map(({ loss }, at) => apart(loss, expected.full.losses[at] ?? null)));
    expect(apartMost, state).toBeLessThan(0.05);
    // Checkpoints on the way hold the states as they are.
    const { tensors } = await openSafetensors(join(folder, "out/step-10/state.safetensors"));
    const name = "model.layers.{i}.mlp.up_proj.weight";
    const kept = state === "int8" ? [`codes of m of ${name}#1`, "U32"] : [`m of ${name}#1`, "BF16"];
    expect(tensors.get(kept[0] ?? "")?.dtype).toBe(kept[1]);
  }
});

test("a device that decodes in its products gives the same losses", async () => {
  const folder = folderOf("llama", adapterInit);
  const [apartFirst, together] = [
    await trainIn(folder, recipe("nf4").replace("20 steps", "3 steps")),
    await trainIn(folder, recipe("nf4").replace("20 steps", "3 steps"), [], { decodedRows: 4096 }),
  ];
  for (const [step, line] of apartFirst.lines.entries())
    expect(apart(together.lines[step]?.loss, line.loss), `step ${step}`).toBeLessThan(1e-5);
});
