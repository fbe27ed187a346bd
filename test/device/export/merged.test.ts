// Merged models on the device that is there: what PEFT trained, put into the weights, scores words as the base with its adapter does; the
// folder is one that Transformers reads: types as the base has them, files of bounded size, an index.
import { cpSync, readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, type CompileOptions } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { fromFloats, toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { readTensor, writeSafetensors } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";
import { mergeModel, type Merged } from "../../../runtime/export/merged.ts";
import { openTuned } from "../../../runtime/train/tuned.ts";
import { fromNf4, nf4 } from "../../compiler/library/quantization.ts";
import { batchOf, methodFolder, tensorsIn } from "../../compiler/parity/reference.ts";
import { temporaryFolder } from "../../runtime/checkpoint/files.ts";
import { referenceModel } from "../train/reference-job.ts";

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.close());

const recipe = (base: string, adapter: string, held = ""): string => `recipe merged {
  model     "${base}"${held}
  adapter   ${adapter}
  data      "rows.jsonl" { format: tokens, length: 48 }
  batch     2
  optimizer adamw { rate: 3e-3 }
  training  1 steps
}`;

function planned(text: string, options: Pick<CompileOptions, "purposes" | "tuned">) {
  const { plan, settings, facts, diagnostics } = compile(text, {
    path: "/recipe.ftl",
    read: (path) => (path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined),
    profile: profileFromDevice(opened.facts),
    ...options,
  });
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  return { plan, settings, facts, folder: "/", device: opened.device };
}

/** Scores of the reference batch, at positions that are no padding. */
async function logits(
  text: string,
  model: string,
  tuned: NonNullable<CompileOptions["tuned"]>,
): Promise<Float32Array> {
  const session = await openTuned(planned(text, { purposes: ["score"], tuned }));
  try {
    const batch = batchOf(model, 0, 2);
    for (const [name, { data }] of batch)
      if (session.find(name) !== undefined) await session.write(name, Int32Array.from(data));
    await session.run("logits");
    const all = await session.read("logits");
    const segments = batch.get("segments")?.data ?? new Float64Array();
    const words = all.length / segments.length;
    return all.filter((_, at) => segments[Math.floor(at / words)] !== 0);
  } finally {
    session.close();
  }
}

const apart = (a: Float32Array, b: Float32Array): number =>
  a.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? NaN))),
    a.length === b.length ? 0 : 1,
  );

async function merge(
  base: string,
  adapter: string,
  from: string,
  output: string,
  { limit, held }: { readonly limit?: number; readonly held?: string } = {},
): Promise<Merged> {
  const alias = adapter.split(" ", 1)[0] ?? "";
  const tuned = { adapters: new Map([[alias, from]]) };
  const input = planned(recipe(base, adapter, held), { purposes: ["merge"], tuned });
  const merged = await mergeModel({ ...input, output, ...(limit === undefined ? {} : { limit }) });
  expect(opened.takeErrors()).toEqual([]);
  return merged;
}

const lora = "lora { rank: 4, alpha: 8, on: [all_linear] }";
const cases: readonly (readonly [string, string, string])[] = [
  ...["llama", "gpt2", "phi3", "gpt-neox", "opt"].map(
    (model) => [model, lora, join(referenceModel(model), "adapter_final")] as const,
  ),
  ["llama", "dora { rank: 4, alpha: 8, on: [all_linear] }", join(methodFolder("dora"), "adapter_final")],
  ["llama", "ia3 { on: [k_proj, v_proj, down_proj] }", join(methodFolder("ia3"), "adapter_final")],
  [
    "llama",
    "lora { rank: 4, alpha: 8, on: [all_linear], rslora: true }",
    join(methodFolder("rslora"), "adapter_final"),
  ],
];

describe.each(cases)("%s, %s", (model, adapter, from) => {
  test("the merged model's logits are the adapted one's within 1e-4", { timeout: 120_000 }, async () => {
    const base = join(referenceModel(model), "base");
    const output = join(temporaryFolder(), "merged");
    const merged = await merge(base, adapter, from, output);
    expect(merged).toMatchObject({ types: ["F32"], rounding: { most: 0, mean: 0 } });
    const text = recipe(base, adapter);
    const alias = adapter.split(" ", 1)[0] ?? "";
    const wanted = await logits(text, model, { adapters: new Map([[alias, from]]) });
    const found = await logits(text, model, { model: output, adapters: new Map() });
    const plain = await logits(text, model, { adapters: new Map() });
    expect(apart(wanted, plain)).toBeGreaterThan(1e-2);
    expect(apart(wanted, found)).toBeLessThan(1e-4);

    const [was, is] = await Promise.all([openCheckpoint(base), openCheckpoint(output)]);
    expect([...is.tensors.keys()].toSorted()).toEqual([...was.tensors.keys()].toSorted());
    for (const name of ["config.json"])
      expect(readFileSync(join(output, name), "utf8")).toBe(readFileSync(join(base, name), "utf8"));
  });
});

test(
  "says how far the weights lie from what a format held of them while training",
  { timeout: 120_000 },
  async () => {
    const base = join(referenceModel("llama"), "base");
    const from = join(referenceModel("llama"), "adapter_final");
    // The folder stands in quotes, and the option behind it.
    const held = `${base}" { weights: nf4 { block: 64, double: true } } //"`;
    const merged = await merge(held, lora, from, join(temporaryFolder(), "merged"));
    let [squares, all, most] = [0, 0, 0];
    for (const [name, { data }] of await tensorsIn(join(base, "model.safetensors"))) {
      if (!/(_proj)\.weight$/.test(name)) continue;
      const kept = fromNf4(nf4(data, 64, true, Math.fround), 64, Math.fround);
      data.forEach((value, at) => {
        const off = Math.abs(value - (kept[at] ?? NaN));
        squares += off * off;
        all += value * value;
        most = Math.max(most, off);
      });
    }
    expect(merged.fromHeld?.relative).toBeCloseTo(Math.sqrt(squares / all), 6);
    expect(merged.fromHeld?.most).toBeCloseTo(most, 6);
    const plain = await merge(base, lora, from, join(temporaryFolder(), "merged"));
    expect(plain.fromHeld).toBeUndefined();
  },
);

test("files of bounded size have an index, as Transformers writes it", { timeout: 120_000 }, async () => {
  const base = join(referenceModel("llama"), "base");
  const from = join(referenceModel("llama"), "adapter_final");
  const folder = temporaryFolder();
  await merge(base, lora, from, join(folder, "one"));
  await merge(base, lora, from, join(folder, "many"), { limit: 100_000 });
  const names = readdirSync(join(folder, "many")).filter((name) => name.endsWith(".safetensors"));
  const count = String(names.length).padStart(5, "0");
  expect(names.length).toBeGreaterThan(2);
  expect(names.toSorted()[1]).toBe(`model-00002-of-${count}.safetensors`);
  const [one, many] = await Promise.all(["one", "many"].map((name) => openCheckpoint(join(folder, name))));
  const text = readFileSync(join(folder, "many/model.safetensors.index.json"), "utf8");
  const index = JSON.parse(text) as { metadata: object; weight_map: Record<string, string> };
  let [bytes, elements] = [0, 0];
  for (const [name, { file, shape }] of one?.tensors ?? []) {
    const stored = many?.tensors.get(name);
    if (stored === undefined) throw new Error(`${name} is missing`);
    const [a, b] = [await readTensor(file, name), await readTensor(stored.file, name)];
    expect(Buffer.compare(a, b)).toBe(0);
    bytes += a.length;
    elements += shape.reduce((product, size) => product * size, 1);
    expect(stored.file.path.endsWith(index.weight_map[name] ?? "?")).toBe(true);
  }
  expect(index.metadata).toEqual({ total_parameters: elements, total_size: bytes });
  expect(Object.keys(index.weight_map)).toEqual(Object.keys(index.weight_map).toSorted());
  // A folder that holds files is left alone.
  await expect(merge(base, lora, from, join(folder, "one"))).rejects.toThrow(
    "it is there already and holds files",
  );
  expect(readdirSync(folder).toSorted()).toEqual(["many", "one"]);
});

test(
  "merged weights are stored in the base's type, and how far that moved them is told",
  { timeout: 120_000 },
  async () => {
    const folder = temporaryFolder();
    const base = join(folder, "base");
    const from = join(referenceModel("llama"), "adapter_final");
    const exact = join(folder, "exact");
    const original = await openCheckpoint(join(referenceModel("llama"), "base"));
    const narrow = await Promise.all(
      [...original.tensors].map(async ([name, { file, shape }]) => {
        const values = toFloats(await readTensor(file, name), "F32");
        return { name, shape, values, bytes: fromFloats(values, "BF16") };
      }),
    );
    const write = (to: string, dtype: "BF16" | "F32"): Promise<void> =>
      writeSafetensors(
        join(to, "model.safetensors"),
        narrow.map(({ name, shape, bytes }) => ({
          name,
          shape,
          dtype,
          data: dtype === "BF16" ? bytes : fromFloats(toFloats(bytes, "BF16"), "F32"),
        })),
      );
    for (const to of [base, exact])
      cpSync(join(referenceModel("llama"), "base/config.json"), join(to, "config.json"), { recursive: true });
    await write(base, "BF16");
    await write(exact, "F32");
    const merged = await merge(base, lora, from, join(folder, "merged"));
    await merge(exact, lora, from, join(folder, "wide"));
    const [stored, wide] = await Promise.all(
      ["merged", "wide"].map((name) => openCheckpoint(join(folder, name))),
    );
    let [most, sum, count] = [0, 0, 0];
    for (const [name, { file, dtype }] of stored?.tensors ?? []) {
      expect(dtype).toBe("BF16");
      const full = wide?.tensors.get(name);
      if (full === undefined || !/proj/.test(name)) continue;
      const values = toFloats(await readTensor(file, name), "BF16");
      const computed = toFloats(await readTensor(full.file, name), "F32");
      for (const [at, value] of values.entries()) {
        const off = Math.abs(value - (computed[at] ?? NaN));
        most = Math.max(most, off);
        sum += off;
        count += 1;
      }
    }
    expect(merged).toMatchObject({ types: ["BF16"], elements: count });
    expect(most).toBeGreaterThan(0);
    expect(merged.rounding.most).toBe(most);
    expect(merged.rounding.mean).toBeCloseTo(sum / count, 12);
  },
);
