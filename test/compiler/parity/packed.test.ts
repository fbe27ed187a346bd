// Documents that share rows train a model as those that have a row each do: losses, gradients and weights are equal, in float64, for
// every way in which architectures place positions and adapters put something in front of them.
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { batches, type Batch } from "../../../runtime/data/batches.ts";
import { layOut, type Layout } from "../../../runtime/data/rows.ts";
import { document, documentsOf } from "../../runtime/data/files.ts";
import { filled, tensorsIn } from "./reference.ts";
import { moduleIn, relative, updated } from "./train.ts";

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/reference/${name}`, import.meta.url));

const length = 40;

/** Longer than the windows of the models that have one, and such that the first two and the last two share a row. */
const documents = documentsOf(
  ...[30, 9, 5, 20].map((size, which) => {
    const ids = Array.from({ length: size }, (_, t) => 7 + ((which * 61 + t * t * 17 + t * 5) % 300));
    return document(
      ids,
      ids.map((id, t) => (which === 3 && t < 6 ? -100 : id)),
    );
  }),
);

interface Case {
  readonly folder: string;
  /** The adapter's clause; every parameter trains where it is empty. */
  readonly adapter?: string;
  readonly head?: "masked";
  /** Positions that the adapter fills in every document. */
  readonly room?: number;
}

const recipe = ({ adapter = "", head }: Case, rows: number, pack: boolean): string => `recipe packed {
  model "base"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  ${head === undefined ? "" : `head ${head}`}
  data "rows.jsonl" { format: tokens, length: ${length}, pack: ${pack} }
  batch ${rows}
  optimizer sgd { rate: 0.1 }
  training 20 steps
}`;

function batchOf(each: Case, layout: Layout): Batch {
  const learns = each.head === undefined ? "targets" : "labels";
  const room = layout === "pack" ? (each.room ?? 0) : 0;
  const rows = layOut(documents, { length, layout, learns, room });
  return batches(rows, { rows: rows.count, length: length + room, seed: 0, shuffle: false, learns }).at(1);
}

function variablesOf({ rows, ids, positions, segments, targets, learns }: Batch, module: Module) {
  const all = { ids, positions, segments, [learns]: targets };
  const tensors = Object.entries(all).map(([name, values]): [string, Tensor] => {
    return [name, { shape: [rows.length, values.length / rows.length], data: Float64Array.from(values) }];
  });
  return new Map(tensors.filter(([name]) => module.variables.some((variable) => variable.name === name)));
}

async function trained(each: Case, layout: Layout) {
  const batch = batchOf(each, layout);
  const folder = folderOf(each.folder);
  const { module, gradients } = moduleIn(folder, recipe(each, batch.rows.length, layout === "pack"));
  const plain = filled(module, await tensorsIn(`${folder}/base/model.safetensors`), new Map());
  const keys: Tensor = { shape: [1], data: Float64Array.of(3) };
  const drawn = module.programs.some(({ name }) => name === "initialize")
    ? evaluateProgram(module, "initialize", new Map([...plain, ["keys", keys]]))
    : new Map<string, Tensor>();
  const micros = [variablesOf(batch, module)];
  const trace = updated(module, new Map([...plain, ...drawn]), {
    micros,
    targets: batch.learned,
    updates: 3,
  });
  return { batch, gradients, trace };
}

const model = (name: string): string => `models/${name}`;
const cases: Readonly<Record<string, Case>> = {
  "gpt2, learned positions": { folder: model("gpt2") },
  "opt, learned positions behind two that no token uses": { folder: model("opt") },
  "llama, rotary": { folder: model("llama") },
  "falcon, one group of keys": { folder: model("falcon-7b-style") },
  "phi3, LongRoPE": { folder: model("phi3-longrope") },
  "mistral, a window": { folder: model("mistral") },
  "gemma2, a window in every other layer": { folder: model("gemma2") },
  "roberta, both sides": { folder: "tasks/mlm-roberta", head: "masked" },
  "llama, lora": { folder: model("llama"), adapter: "adapter lora { rank: 4 }" },
  "llama, llama_adapter": { folder: model("llama"), adapter: "adapter llama_adapter { tokens: 3 }" },
  ...Object.fromEntries(
    ["llama", "gpt2", "mistral", "gemma2"].flatMap((name) => [
      [`${name}, prefix`, { folder: model(name), adapter: "adapter prefix_tuning { tokens: 3 }" }],
      [`${name}, prompt`, { folder: model(name), adapter: "adapter prompt_tuning { tokens: 3 }", room: 3 }],
    ]),
  ),
  "roberta, prompt": {
    folder: "tasks/mlm-roberta",
    head: "masked",
    adapter: "adapter prompt_tuning { tokens: 3 }",
    room: 3,
  },
};

test.each(Object.entries(cases))("%s", { timeout: 240_000 }, async (_, each) => {
  const [alone, packed] = [await trained(each, "one"), await trained(each, "pack")];
  expect([alone.batch.rows.length, packed.batch.rows.length]).toEqual([4, 2]);
  expect([packed.batch.learned, packed.batch.tokens]).toEqual([alone.batch.learned, alone.batch.tokens]);
  expect(relative(packed.trace.losses, alone.trace.losses)).toBeLessThan(1e-9);
  expect(relative(packed.trace.norms, alone.trace.norms)).toBeLessThan(1e-9);
  expect(packed.trace.losses[2]).not.toBe(packed.trace.losses[0]);
  expect(alone.gradients.size).toBeGreaterThan(0);
  for (const [weight, gradient] of alone.gradients) {
    const expected = alone.trace.first.get(gradient)?.data ?? new Float64Array();
    const found = packed.trace.first.get(gradient)?.data ?? new Float64Array();
    const off = Math.hypot(...expected.map((value, at) => (found[at] ?? NaN) - value));
    expect(found.length, weight).toBe(expected.length);
    expect(off, weight).toBeLessThanOrEqual(1e-9 * Math.hypot(...expected) + 1e-12);
  }
});
