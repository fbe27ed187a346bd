// PiSSA on the device that is there: A and B begin as the principal part of each weight, against singular values computed here in float64;
// the model begins as it was; what is saved is a plain LoRA that goes on alike.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { expectedOf, tensorsIn } from "../../compiler/parity/reference.ts";
import { put, temporaryFolder } from "../../runtime/checkpoint/files.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, trainIn } from "./reference-job.ts";

type Matrix = readonly Float64Array[];

function rowsOf({ shape: [rows = 0, columns = 0], data }: Tensor): Matrix {
  return Array.from({ length: rows }, (_, row) => data.slice(row * columns, (row + 1) * columns));
}

const dot = (a: Float64Array, b: Float64Array): number =>
  a.reduce((sum, value, at) => sum + value * (b[at] ?? NaN), 0);

/** Squared singular values, the largest first, by one-sided Jacobi (Hestenes, 1958): rows are turned in pairs until all are orthogonal. */
function squaredSingularValues(matrix: Matrix): number[] {
  const rows = matrix.map((row) => row.slice());
  for (let largest = 1; largest > 1e-12;) {
    largest = 0;
    rows.forEach((a, at) =>
      rows.slice(at + 1).forEach((b) => {
        const [aa, bb, ab] = [dot(a, a), dot(b, b), dot(a, b)];
        const cosine = Math.abs(ab) / Math.sqrt(aa * bb);
        if (cosine < 1e-12) return;
        largest = Math.max(largest, cosine);
        const half = (bb - aa) / (2 * ab);
        const tangent = (half < 0 ? -1 : 1) / (Math.abs(half) + Math.hypot(half, 1));
        const c = 1 / Math.hypot(tangent, 1);
        a.forEach((x, k) => {
          const y = b[k] ?? NaN;
          a[k] = c * (x - tangent * y);
          b[k] = c * (y + tangent * x);
        });
      }),
    );
  }
  return rows.map((row) => dot(row, row)).toSorted((a, b) => b - a);
}

/** B A of the rows from `first` of A [rows, in] and the columns of B [out, rows], `count` of them. */
function product(B: Matrix, A: Matrix, first: number, count: number): Matrix {
  return B.map((b) =>
    A.slice(first, first + count).reduce(
      (sum, a, at) => sum.map((value, k) => value + (b[first + at] ?? NaN) * (a[k] ?? NaN)),
      new Float64Array(A[0]?.length ?? 0),
    ),
  );
}

const squares = (matrix: Matrix): number => matrix.reduce((sum, row) => sum + dot(row, row), 0);

/** What the adapter began with stays in its second half; the part W − scale · B A that is left, against the least that any rank leaves. */
function compare(
  W: Matrix,
  A: Matrix,
  B: Matrix,
  rank: number,
  scale: number,
): { left: number; least: number } {
  const kept = product(B, A, rank, rank);
  const left = squares(W.map((row, at) => row.map((value, k) => value + scale * (kept[at]?.[k] ?? NaN))));
  const columns = W[0]?.length ?? 0;
  const turned = Array.from({ length: columns }, (_, k) => Float64Array.from(W, (row) => row[k] ?? NaN));
  // Of both ways to see a matrix, the one with fewer rows.
  const values = squaredSingularValues(W.length <= columns ? W : turned);
  const least = values.slice(rank).reduce((sum, value) => sum + value, 0);
  A.slice(rank).forEach((row, at) => {
    expect(Math.abs((dot(row, row) * scale) / Math.sqrt(values[at] ?? NaN) - 1)).toBeLessThan(2e-2);
  });
  return { left, least };
}

const adapter = (init: string): string =>
  `model "base", adapter lora { rank: 4, alpha: 8, on: [all_linear]${init} }`;

test("begins as the model and ends as a LoRA of twice the rank", { timeout: 240_000 }, async () => {
  const folder = folderOf("llama");
  const { lines } = await trainIn(folder, referenceRecipe(adapter(', init: "pissa"')), ["training=3 steps"]);
  const { full } = expectedOf("llama");
  expect(Math.abs((lines[0]?.loss ?? NaN) / full.loss - 1)).toBeLessThan(1e-6);
  expect(lines[2]?.loss).toBeLessThan((lines[0]?.loss ?? 0) - 0.01);

  const base = await tensorsIn(join(folder, "base/model.safetensors"));
  const saved = await tensorsIn(join(folder, "out/adapter/adapter_model.safetensors"));
  let compared = 0;
  for (const [name, a] of saved) {
    if (!name.endsWith("lora_A.weight")) continue;
    const path = name.slice("base_model.model.".length, -".lora_A.weight".length);
    const [W, b] = [base.get(`${path}.weight`), saved.get(name.replace("lora_A", "lora_B"))];
    if (W === undefined || b === undefined) throw new Error(`${path} has no weight`);
    const [A, B] = [rowsOf(a), rowsOf(b)];
    expect([A.length, B[0]?.length]).toEqual([8, 8]);
    const { left, least } = compare(rowsOf(W), A, B, 4, 2);
    expect(left / least - 1, path).toBeLessThan(1e-6);
    // The first half has learned; it began as the second.
    expect(squares(product(B, A, 0, 4)), path).not.toBe(squares(product(B, A, 4, 4)));
    compared += 1;
  }
  expect(compared).toBe(14);
  expect(JSON.parse(readFileSync(join(folder, "out/adapter/adapter_config.json"), "utf8"))).toMatchObject({
    peft_type: "LORA",
    r: 8,
    lora_alpha: 16,
    init_lora_weights: true,
  });

  cpSync(join(folder, "out/adapter"), join(folder, "first"), { recursive: true });
  const plain = adapter(', start: "first"').replace("rank: 4, alpha: 8", "rank: 8, alpha: 16");
  const one = ["training=1 steps"];
  const gone = await trainIn(folder, referenceRecipe(plain), one);
  const again = await trainIn(folder, referenceRecipe(adapter(', init: "pissa", start: "first"')), one);
  expect(gone.lines[0]?.loss).toBe(again.lines[0]?.loss);
  expect(gone.lines[0]?.loss).toBeLessThan(lines[2]?.loss ?? 0);
});

test("of larger weights nearly the best part is found", { timeout: 240_000 }, async () => {
  const folder = temporaryFolder();
  const config = {
    model_type: "llama",
    vocab_size: 64,
    hidden_size: 144,
    intermediate_size: 160,
    num_hidden_layers: 1,
    num_attention_heads: 2,
    num_key_value_heads: 2,
    hidden_act: "silu",
    rms_norm_eps: 1e-5,
    max_position_embeddings: 64,
    initializer_range: 0.1,
    dtype: "float32",
  };
  put(folder, "config.json", JSON.stringify(config));
  put(folder, "rows.jsonl", JSON.stringify({ input_ids: [3, 1, 4, 1, 5, 9, 2, 6] }));
  const text = `recipe large {
  model     "." { init: random { seed: 2 } }
  adapter   lora { rank: 4, alpha: 8, on: [down_proj], init: "pissa" }
  data      "rows.jsonl" { format: tokens, length: 8 }
  batch     1
  optimizer adamw { rate: 1e-3 }
  training  1 steps
  output    "out"
}`;
  await trainIn(folder, text);
  const base = await tensorsIn(join(folder, "out/model/model.safetensors"));
  const saved = await tensorsIn(join(folder, "out/adapter/adapter_model.safetensors"));
  const of = (tensors: ReadonlyMap<string, Tensor>, end: string): Matrix => {
    const found = [...tensors].find(([name]) => name.endsWith(end))?.[1];
    if (found === undefined) throw new Error(`no ${end}`);
    return rowsOf(found);
  };
  const [A, B] = [of(saved, "lora_A.weight"), of(saved, "lora_B.weight")];
  const { left, least } = compare(of(base, "down_proj.weight"), A, B, 4, 2);
  expect(left / least - 1).toBeLessThan(1e-3);
});

test("weights that are held in nf4 stay what they are", { timeout: 240_000 }, async () => {
  const folder = folderOf("llama");
  const held = (init: string): string =>
    referenceRecipe(adapter(init).replace('"base"', '"base" { weights: nf4 }'));
  const before = await trainIn(folder, held(""), ["training=1 steps"]);
  const { lines } = await trainIn(folder, held(', rslora: true, init: "pissa"'), ["training=3 steps"]);
  expect(Math.abs((lines[0]?.loss ?? NaN) / (before.lines[0]?.loss ?? NaN) - 1)).toBeLessThan(1e-5);
  expect(lines[2]?.loss).toBeLessThan(lines[0]?.loss ?? NaN);
});
