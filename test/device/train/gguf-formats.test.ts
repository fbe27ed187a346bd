// Bases held in the blocks of a GGUF file: what loading leaves on the device are the file's bytes, block by block, rows in Hugging Face's
// order; training on them is training on the numbers that they stand for; and the plan has about the file's bytes for them.
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { writeSafetensors, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { launch } from "../../../runtime/launch/session.ts";
import { load, type Loaded } from "../../../runtime/train/load.ts";
import { put } from "../../runtime/checkpoint/files.ts";
import {
  ggufFile,
  ggufName,
  randomBlocks,
  randomFrom,
  references,
  rowsInPairs,
  type Listed,
} from "../../runtime/checkpoint/gguf-file.ts";
import { normals } from "../../compiler/library/quantization.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, referenceModel, trainIn } from "./reference-job.ts";

interface Type {
  readonly name: string;
  readonly type: number;
  /** The parts of a block in order, as variables are named, and their bytes. */
  readonly parts: readonly (readonly [string, number])[];
  /** What scales of 16 bits are drawn from: numbers that are about a weight's in all, in Q6_K subnormal ones. */
  readonly halves: readonly number[];
}

const types: readonly Type[] = [
  {
    name: "q8_0",
    type: 8,
    parts: [
      ["scales", 2],
      ["codes", 32],
    ],
    halves: [0x1000],
  },
  {
    name: "q4_0",
    type: 2,
    parts: [
      ["scales", 2],
      ["codes", 16],
    ],
    halves: [0x2000],
  },
  {
    name: "q4_k",
    type: 12,
    parts: [
      ["steps", 4],
      ["scales", 12],
      ["codes", 128],
    ],
    halves: [0x0800, 0x1300],
  },
  {
    name: "q6_k",
    type: 14,
    parts: [
      ["low", 128],
      ["high", 64],
      ["scales", 16],
      ["steps", 2],
    ],
    halves: [0x0100],
  },
];

const [hidden, between, words, layers] = [256, 512, 320, 2] as const;
const heads = { q: 4, k: 2 } as const;
const matrices: readonly (readonly [string, number, number])[] = [
  ["self_attn.q_proj", hidden, hidden],
  ["self_attn.k_proj", hidden / 2, hidden],
  ["self_attn.v_proj", hidden / 2, hidden],
  ["self_attn.o_proj", hidden, hidden],
  ["mlp.gate_proj", between, hidden],
  ["mlp.up_proj", between, hidden],
  ["mlp.down_proj", hidden, between],
];

interface Made {
  readonly folder: string;
  /** The blocks of each held tensor, rows in Hugging Face's order. */
  readonly blocks: ReadonlyMap<string, Uint8Array>;
  readonly numbers: readonly TensorToWrite[];
}

/** A llama whose matrices are random blocks, as a GGUF file. `other` has layer 1's values in another type. */
function modelOf(own: Type, other: Type = own): Made {
  const folder = folderOf("llama");
  const config = JSON.parse(
    readFileSync(join(referenceModel("llama"), "base/config.json"), "utf8"),
  ) as Record<string, unknown>;
  const sizes = { hidden_size: hidden, intermediate_size: between, head_dim: hidden / heads.q };
  put(join(folder, "base"), "config.json", JSON.stringify({ ...config, ...sizes }));
  rmSync(join(folder, "base/model.safetensors"));
  const random = randomFrom(own.type);
  const listed: Listed[] = [];
  const numbers: TensorToWrite[] = [];
  const blocks = new Map<string, Uint8Array>();
  const plain = (name: string, shape: readonly number[], data: Float32Array): void => {
    const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    listed.push({ name: ggufName(name), sizes: shape.toReversed(), type: 0, data: bytes });
    numbers.push({ name, dtype: "F32", shape, data: bytes });
  };
  const normal = (count: number, seed: number): Float32Array =>
    Float32Array.from(normals(count, seed), (value) => value / 20);
  plain("model.embed_tokens.weight", [words, hidden], normal(words * hidden, 1));
  plain("lm_head.weight", [words, hidden], normal(words * hidden, 2));
  plain("model.norm.weight", [hidden], new Float32Array(hidden).fill(1));
  for (let layer = 0; layer < layers; layer += 1) {
    for (const norm of ["input_layernorm", "post_attention_layernorm"])
      plain(`model.layers.${layer}.${norm}.weight`, [hidden], new Float32Array(hidden).fill(1));
    for (const [module, rows, columns] of matrices) {
      const name = `model.layers.${layer}.${module}.weight`;
      const { type, halves } = layer === 1 && module === "self_attn.v_proj" ? other : own;
      const { data } = randomBlocks(type, rows * columns, random);
      const known = references.get(type);
      if (known === undefined) throw new RangeError(`no type ${type}`);
      const decoded: number[] = [];
      for (let at = 0; at < data.length; at += known.bytes) {
        const view = new DataView(data.buffer, data.byteOffset + at, known.bytes);
        known.halves.forEach((place, i) =>
          view.setUint16(place, (halves[i] ?? 0) + Math.floor(random() * 64), true),
        );
        decoded.push(...known.numbers(view));
      }
      blocks.set(name, data);
      numbers.push({
        name,
        dtype: "F32",
        shape: [rows, columns],
        data: new Uint8Array(Float32Array.from(decoded).buffer),
      });
      const turned = module.endsWith("q_proj") ? heads.q : module.endsWith("k_proj") ? heads.k : undefined;
      const inFile = turned === undefined ? [...Array(rows).keys()] : rowsInPairs(rows, turned);
      const row = data.length / rows;
      const file = Buffer.concat(inFile.map((at) => data.subarray(at * row, (at + 1) * row)));
      listed.push({ name: ggufName(name), sizes: [columns, rows], type, data: file });
    }
  }
  const fields = { "llama.attention.head_count": heads.q, "llama.attention.head_count_kv": heads.k };
  put(join(folder, "base"), "model.gguf", ggufFile({ "general.architecture": "llama", ...fields }, listed));
  return { folder, blocks, numbers };
}

/** The same model in safetensors of the numbers. */
async function plainOf({ numbers }: Made, own: Type): Promise<string> {
  const { folder } = modelOf(own);
  rmSync(join(folder, "base/model.gguf"));
  await writeSafetensors(join(folder, "base/model.safetensors"), numbers);
  return folder;
}

const recipe = (weights: string): string =>
  referenceRecipe(`model "base" { ${weights} }
  adapter lora { rank: 4, alpha: 8, on: [all_linear] }`).replace("20 steps", "6 steps");

/** What loading leaves: a part of a variable, and the bytes of all that is held. */
async function loaded(
  folder: string,
  weights: string,
  look: (part: (variable: string, part: number) => Promise<Uint8Array>, heldBytes: number) => Promise<void>,
  more: string = "",
): Promise<Loaded> {
  using opened = await openDevice();
  const { plan, diagnostics } = compile(recipe(weights) + more, {
    path: join(folder, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined) throw new Error(JSON.stringify(diagnostics.map(({ message }) => message)));
  const session = await launch(plan, opened.device);
  try {
    const checkpoint = await openCheckpoint(join(folder, "base"));
    const done = await load(session, { checkpoint, adapters: [], seed: 1 });
    let heldBytes = 0;
    const part = async (variable: string, at: number): Promise<Uint8Array> => {
      const pieces: Uint8Array[] = [];
      for await (const piece of session.readPart(variable, at)) pieces.push(piece.slice());
      return new Uint8Array(Buffer.concat(pieces));
    };
    for (const { tensors, names } of plan.held)
      for (const tensor of tensors)
        for (const at of names.keys()) heldBytes += (await part(tensor, at)).length;
    await look(part, heldBytes);
    expect(opened.takeErrors()).toEqual([]);
    return done;
  } finally {
    session.close();
  }
}

describe.each(types)("$name", (own) => {
  test("the device holds the file's blocks, part by part, and no more", async () => {
    const { folder, blocks } = modelOf(own);
    const block = own.parts.reduce((sum, [, bytes]) => sum + bytes, 0);
    const done = await loaded(folder, `weights: ${own.name}`, async (part, heldBytes) => {
      for (const [module] of matrices)
        for (let layer = 0; layer < layers; layer += 1) {
          const data = blocks.get(`model.layers.${layer}.${module}.weight`) ?? new Uint8Array();
          let from = 0;
          for (const [name, bytes] of own.parts) {
            const start = from;
            const wanted = data.filter((_, at) => at % block >= start && at % block < start + bytes);
            const found = await part(`model.layers.{i}.${module}.weight.${name}`, layer);
            expect(Buffer.compare(found, wanted), `${module} ${layer} ${name}`).toBe(0);
            from += bytes;
          }
        }
      expect(heldBytes).toBe([...blocks.values()].reduce((sum, { length }) => sum + length, 0));
    });
    expect(done.warnings).toEqual([]);
  });

  test("training on it is training on the numbers that it stands for", async () => {
    const made = modelOf(own);
    const plain = await plainOf(made, own);
    const onBlocks = await trainIn(made.folder, recipe(`weights: ${own.name}`));
    const onNumbers = await trainIn(plain, recipe(""));
    expect(onBlocks.lines).toHaveLength(6);
    for (const [step, { loss }] of onNumbers.lines.entries())
      expect(Math.abs((onBlocks.lines[step]?.loss ?? NaN) / (loss ?? NaN) - 1), `step ${step}`).toBeLessThan(
        1e-5,
      );
    expect(onBlocks.lines.at(-1)?.loss).toBeLessThan(onBlocks.lines[0]?.loss ?? 0);
  });
});

test("a tensor of another type is rounded again, and that is told; scales that are not finite are told", async () => {
  const [q8, , q4, q6] = types;
  if (q8 === undefined || q4 === undefined || q6 === undefined) throw new Error("no types");
  const { folder, numbers } = modelOf(q4, q6);
  const name = "model.layers.1.self_attn.v_proj.weight";
  const done = await loaded(folder, "weights: q4_k", async () => undefined);
  expect(done.warnings.map((each) => each.slice(each.indexOf(": ") + 2))).toEqual([
    `1 tensor of Q6_K, rounded again to q4_k, such as "${name}"`,
  ]);
  const stored = numbers.find((each) => each.name === name)?.data;
  if (!(stored instanceof Uint8Array)) throw new Error("no numbers");
  const values = toFloats(new Uint8Array(stored), "F32");
  expect(values.every(Number.isFinite)).toBe(true);
  const broken = modelOf({ ...q8, halves: [0x7c00] });
  const { warnings } = await loaded(broken.folder, "weights: q8_0", async () => undefined);
  expect(warnings).toHaveLength(layers * matrices.length);
  expect(warnings[0]).toMatch(/holds \d+ scales that are NaN or infinite$/);
});

test("a format that says a file's type and has other parts is refused", async () => {
  const [q8] = types;
  if (q8 === undefined) throw new Error("no types");
  const { folder } = modelOf(q8);
  const own = `
format wide {
  tensor numbers [count] as f32
  encode(x) { numbers = reshape(x, [count]) }
  decode() { reshape(numbers, shape) }
  gguf { type: "Q8_0" }
}
`;
  await expect(loaded(folder, "weights: wide", async () => undefined, own)).rejects.toThrow(
    /tensor "model\..*" has Q8_0's blocks of 34 bytes, and weights: wide has 128 for each/,
  );
});
