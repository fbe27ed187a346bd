// Classification and masked words against PyTorch's values, interpreted in float64: scores, losses, gradient norms, and for adapters
// the final adapter with the head that trained beside it.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";
import type { Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { filled, tensorsIn, type Expected } from "./reference.ts";
import { distances, moduleIn, relative, updated } from "./train.ts";

const folderOf = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/reference/tasks/${name}`, import.meta.url));

interface Case {
  readonly head: string;
  readonly format: "label" | "tokens";
  /** The adapter of the reference; none where it has none. */
  readonly adapter: string | undefined;
}

const cases: Readonly<Record<string, Case>> = {
  "classify-llama": {
    head: "classify { labels: 3 }",
    format: "label",
    adapter: 'adapter lora { rank: 4, alpha: 8, start: "adapter_init" }',
  },
  "classify-roberta": {
    head: "classify { labels: 3 }",
    format: "label",
    adapter: 'adapter lora { rank: 4, alpha: 8, on: [query, value], start: "adapter_init" }',
  },
  "mlm-roberta": { head: "masked", format: "tokens", adapter: undefined },
};

const recipe = ({ head, format }: Case, adapter: string): string => `recipe task {
  model "base"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  head ${head}
  data "rows.jsonl" { format: ${format}, length: 48 }
  batch 2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule constant { warmup: 4 steps }
  training 20 steps
}`;

/** The reference batch as the variables that the module reads. */
function batchOf(name: string, module: Module): { micros: Map<string, Tensor>[]; targets: number } {
  const batch: { input_ids: number[][]; attention_mask: number[][]; labels: number[] | number[][] } =
    JSON.parse(readFileSync(`${folderOf(name)}/batch.json`, "utf8"));
  const matrix = (lists: number[][]): Tensor => {
    return { shape: [2, lists[0]?.length ?? 0], data: Float64Array.from(lists.flat()) };
  };
  const labels = Float64Array.from(batch.labels.flat());
  const learned: Tensor = { shape: labels.length === 2 ? [2] : [2, labels.length / 2], data: labels };
  const all = new Map([
    ["ids", matrix(batch.input_ids)],
    ["segments", matrix(batch.attention_mask)],
    ["positions", matrix(batch.input_ids.map((row) => row.map((_, at) => at)))],
    ["classes", learned],
    ["labels", learned],
  ]);
  const used = new Set(module.variables.map((variable) => variable.name));
  const given = new Map([...all].filter(([variable]) => used.has(variable)));
  return { micros: [given], targets: labels.filter((label) => label >= 0).length };
}

/** PyTorch's losses are no closer than its scores, which are rounded in their seventh digit. */
const rounding = 3e-7;

test.each(Object.entries(cases))(
  "%s: scores and full training are PyTorch's",
  { timeout: 120_000 },
  async (name, each) => {
    const expected: { full: Expected } = JSON.parse(readFileSync(`${folderOf(name)}/expected.json`, "utf8"));
    const { module } = moduleIn(folderOf(name), recipe(each, ""));
    const batch = batchOf(name, module);
    const start = filled(module, await tensorsIn(`${folderOf(name)}/base/model.safetensors`), new Map());
    const scores = evaluateProgram(module, "logits", new Map([...start, ...(batch.micros[0] ?? [])])).get(
      "logits",
    );
    const wanted =
      (await tensorsIn(`${folderOf(name)}/logits.safetensors`)).get("logits")?.data ?? new Float64Array();
    expect(scores?.data.length).toBe(wanted.length);
    const segments = batch.micros[0]?.get("segments")?.data ?? new Float64Array();
    const width = wanted.length / segments.length;
    wanted.forEach((value, at) => {
      if (width < 1 || segments[Math.floor(at / width)] !== 0)
        expect(Math.abs((scores?.data[at] ?? NaN) - value)).toBeLessThan(1e-4);
    });
    const { losses, norms } = updated(module, start, { ...batch, updates: 4 });
    expect(relative(losses, expected.full.losses)).toBeLessThan(3e-5);
    expect(relative(norms, expected.full.total_grad_norms)).toBeLessThan(1e-4);
  },
);

test.each(Object.entries(cases).filter(([, { adapter }]) => adapter !== undefined))(
  "%s: an adapter and the head train as PEFT has them",
  { timeout: 120_000 },
  async (name, each) => {
    const folder = folderOf(name);
    const expected: { lora: Expected } = JSON.parse(readFileSync(`${folder}/expected.json`, "utf8"));
    const { module } = moduleIn(folder, recipe(each, each.adapter ?? ""));
    const adapter = await tensorsIn(`${folder}/adapter_init/adapter_model.safetensors`);
    const start = filled(module, await tensorsIn(`${folder}/base/model.safetensors`), adapter);
    const { losses, norms, last } = updated(module, start, { ...batchOf(name, module), updates: 20 });
    expect(relative(losses, expected.lora.losses, rounding)).toBeLessThan(1e-5);
    expect(relative(norms, expected.lora.total_grad_norms)).toBeLessThan(1e-4);
    const final = await tensorsIn(`${folder}/adapter_final/adapter_model.safetensors`);
    // The head has the names of the model in the plan, those of PEFT in the file.
    const plain = [...final].map(([key, tensor]) => [key.replace("base_model.model.", ""), tensor] as const);
    const named = new Map([...final, ...plain]);
    let compared = 0;
    for (const { name: weight, initial } of module.variables) {
      if (initial.from !== "adapter" && initial.from !== "optional") continue;
      expect(Math.max(...distances(module, weight, last.get(weight), named)), weight).toBeLessThan(1e-3);
      compared += initial.names.length;
    }
    expect(compared).toBe(final.size);
  },
);
