// What PyTorch computed for the tiny reference models, as tensors; and the variables of a module filled from such a model's files.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { toFloats } from "../../../runtime/checkpoint/convert.ts";
import { openSafetensors, readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import { sizeOf, type Module, type Variable } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";

/** Folder of one reference model, as a file path. */
export function modelFolder(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/reference/models/${name}`, import.meta.url));
}

/** Folder of one way to adapt the model "llama", as a file path. */
export function methodFolder(name: string): string {
  return fileURLToPath(new URL(`../../fixtures/reference/methods/${name}`, import.meta.url));
}

/** What PyTorch computed for one way to adapt. */
export function methodExpected(name: string): Expected {
  return JSON.parse(readFileSync(`${methodFolder(name)}/expected.json`, "utf8"));
}

export interface Expected {
  readonly loss: number;
  readonly losses: readonly number[];
  readonly total_grad_norms: readonly number[];
  readonly grad_norms?: Readonly<Record<string, number>>;
}

export function expectedOf(name: string): { readonly full: Expected; readonly lora: Expected } {
  return JSON.parse(readFileSync(`${modelFolder(name)}/expected.json`, "utf8"));
}

/** All tensors of a safetensors file in float64. */
export async function tensorsIn(path: string): Promise<Map<string, Tensor>> {
  const file = await openSafetensors(path);
  const tensors = new Map<string, Tensor>();
  for (const [name, { dtype, shape }] of file.tensors) {
    if (dtype !== "F32" && dtype !== "F16" && dtype !== "BF16") continue;
    tensors.set(name, { shape, data: Float64Array.from(toFloats(await readTensor(file, name), dtype)) });
  }
  return tensors;
}

/** The reference batch as the variables of a micro-batch of `rows` rows from row `first`. */
export function batchOf(name: string, first: number, rows: number): Map<string, Tensor> {
  const batch: { input_ids: number[][]; labels: number[][]; attention_mask: number[][] } = JSON.parse(
    readFileSync(`${modelFolder(name)}/batch.json`, "utf8"),
  );
  const pick = (lists: number[][]): number[][] => lists.slice(first, first + rows);
  const tokens = batch.input_ids[0]?.length ?? 0;
  const tensor = (lists: number[][]): Tensor => ({
    shape: [rows, tokens],
    data: Float64Array.from(lists.flat()),
  });
  return new Map([
    ["ids", tensor(pick(batch.input_ids))],
    ["targets", tensor(pick(batch.labels).map((labels) => [...labels.slice(1), -100]))],
    ["positions", tensor(pick(batch.input_ids).map((row) => row.map((_, at) => at)))],
    ["segments", tensor(pick(batch.attention_mask))],
  ]);
}

/** Learned targets of the whole reference batch. */
export function learnedTargets(name: string): number {
  const targets = batchOf(name, 0, 2).get("targets");
  return [...(targets?.data ?? [])].filter((target) => target >= 0).length;
}

/** First values of every variable that does not come from the host. */
export function filled(
  module: Module,
  checkpoint: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
): Map<string, Tensor> {
  return new Map(
    module.variables.map((variable) => [variable.name, firstValue(variable, checkpoint, adapter)]),
  );
}

function firstValue(
  variable: Variable,
  checkpoint: ReadonlyMap<string, Tensor>,
  adapter: ReadonlyMap<string, Tensor>,
): Tensor {
  const { shape, initial } = variable;
  if (initial.from === "table") {
    const [table] = interpret(initial.region, []);
    if (table !== undefined) return table;
  }
  const data = new Float64Array(sizeOf(shape));
  if ("names" in initial) {
    const files = initial.from === "adapter" ? adapter : checkpoint;
    const beside = initial.from === "optional" ? adapter : new Map<string, Tensor>();
    initial.names.forEach((name, index) => {
      const part = beside.get(`base_model.model.${name}`) ?? files.get(name);
      if (part === undefined) throw new Error(`no tensor ${name}`);
      data.set(part.data, (index * data.length) / initial.names.length);
    });
  }
  return { shape, data };
}
