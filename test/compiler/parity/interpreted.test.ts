// The whole front and middle of the compiler against PyTorch, without a device: the module of a parity recipe is run by the float64
// interpreter. Losses, gradients, updates and the final adapter must be PyTorch's.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import type { Module } from "../../../compiler/ir/graph.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { stages } from "../../../compiler/stages.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { batchOf, expectedOf, filled, learnedTargets, modelFolder, tensorsIn } from "./reference.ts";

const recipe = (adapter: string, extra = ""): string => `recipe parity {
  model     "base"${adapter === "" ? " { train: all }" : ""}
  ${adapter}
  precision f32
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  ${extra}
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  20 steps
}`;
const lora = 'adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }';

/** The module after every stage, each validated. */
function moduleOf(model: string, text: string): { module: Module; gradients: Map<string, string> } {
  const read = (path: string): string | undefined => {
    try {
      return readFileSync(path, "utf8");
    } catch {
      return undefined;
    }
  };
  const front = readRecipe({ path: `${modelFolder(model)}/recipe.ftl`, text }, read);
  expect(front.diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (front.input === undefined) throw new Error("no input");
  const { elaborated, diagnostics } = elaborate({ ...front.input, logits: true });
  expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  if (elaborated === undefined) throw new Error("not elaborated");
  const policy = front.settings?.checkpoint.value ?? "none";
  const checkpoint = policy === "sqrt" || policy === "auto" ? "none" : policy;
  let { module } = elaborated;
  for (const stage of stages) {
    module = stage.run(module, {
      trained: elaborated.trained,
      checkpoint,
      kernelGradients,
      profile: desktop,
    });
    expect(validate(module), stage.name).toEqual([]);
  }
  return { module, gradients: new Map(elaborated.trained.map(({ weight, gradient }) => [weight, gradient])) };
}

interface Trace {
  readonly losses: number[];
  readonly norms: number[];
  readonly first: Map<string, Tensor>;
  readonly last: Map<string, Tensor>;
}

/** Runs updates on the reference batch, split into micro-batches as the module was built for. */
async function run(model: string, module: Module, updates: number, adapter: boolean): Promise<Trace> {
  const folder = modelFolder(model);
  const base = await tensorsIn(`${folder}/base/model.safetensors`);
  const start = adapter
    ? await tensorsIn(`${folder}/adapter_init/adapter_model.safetensors`)
    : new Map<string, Tensor>();
  let variables = filled(module, base, start);
  let first = variables;
  const losses: number[] = [];
  const norms: number[] = [];
  const rows = module.variables.find(({ name }) => name === "ids")?.shape[0] ?? 2;
  const targets = learnedTargets(model);
  for (let step = 1; step <= updates; step += 1) {
    const numbers = { step, update: step, steps: 20, targets, seed: 0 };
    const scalars = new Float64Array(64);
    module.scalars.forEach(({ expression }, index) => (scalars[index] = evaluateScalar(expression, numbers)));
    for (let row = 0; row < 2; row += rows) {
      const given = new Map([
        ...variables,
        ...batchOf(model, row, rows),
        ["scalars", { shape: [64], data: scalars }] as const,
      ]);
      variables = new Map([...given, ...evaluateProgram(module, "micro", given)]);
    }
    if (step === 1) first = variables;
    variables = new Map([...variables, ...evaluateProgram(module, "update", variables)]);
    const [loss = NaN, norm = NaN] = variables.get("report")?.data ?? [];
    losses.push(loss);
    norms.push(norm);
  }
  return { losses, norms, first, last: variables };
}

function relative(actual: readonly number[], expected: readonly number[]): number {
  return Math.max(
    ...actual.map(
      (value, index) => Math.abs(value - (expected[index] ?? NaN)) / Math.abs(expected[index] ?? NaN),
    ),
  );
}

/** Distance of a stack's slices from the tensors of a file, relative to each tensor's norm. */
function distances(
  module: Module,
  name: string,
  stack: Tensor | undefined,
  file: ReadonlyMap<string, Tensor>,
): number[] {
  const { initial } = module.variables.find((variable) => variable.name === name) ?? {};
  if (initial === undefined || !("names" in initial) || stack === undefined)
    throw new Error(`nothing known of ${name}`);
  const size = stack.data.length / initial.names.length;
  return initial.names.map((key, index) => {
    const wanted = file.get(key)?.data ?? new Float64Array(size).fill(NaN);
    let off = 0;
    let norm = 0;
    wanted.forEach((value, at) => {
      off += ((stack.data[index * size + at] ?? NaN) - value) ** 2;
      norm += value ** 2;
    });
    return Math.sqrt(off) / (Math.sqrt(norm) || 1);
  });
}

/** The models, and for how many updates each is followed; those of the device tests go on to the last. */
const models: Readonly<Record<string, number>> = {
  llama: 20,
  qwen2: 20,
  "llama3-scaled-rope": 3,
  "llama-linear-rope": 3,
  "llama-dynamic-rope": 3,
  "llama-yarn": 3,
  qwen3: 3,
  mistral: 3,
  gemma: 3,
  gemma2: 20,
  phi3: 3,
  "phi3-longrope": 3,
  gpt2: 20,
  "gpt-neox": 3,
  "falcon-7b-style": 3,
  "falcon-40b-style": 3,
  opt: 3,
};

describe.each(Object.entries(models))("%s, interpreted", (model, updates) => {
  test("LoRA: losses, gradients and the final adapter are PyTorch's", async () => {
    const { module, gradients } = moduleOf(model, recipe(lora));
    const { losses, norms, first, last } = await run(model, module, updates, true);
    const expected = expectedOf(model).lora;
    expect(relative(losses, expected.losses)).toBeLessThan(1e-5);
    expect(relative(norms, expected.total_grad_norms)).toBeLessThan(1e-4);
    const wanted = await tensorsIn(`${modelFolder(model)}/lora_grads.safetensors`);
    const final = await tensorsIn(`${modelFolder(model)}/adapter_final/adapter_model.safetensors`);
    for (const [weight, gradient] of gradients) {
      expect(Math.max(...distances(module, weight, first.get(gradient), wanted)), weight).toBeLessThan(1e-4);
      if (updates === 20)
        expect(Math.max(...distances(module, weight, last.get(weight), final)), weight).toBeLessThan(1e-3);
    }
  });

  test("the logits of the base model are PyTorch's", async () => {
    const { module } = moduleOf(model, recipe(""));
    const base = await tensorsIn(`${modelFolder(model)}/base/model.safetensors`);
    const given = new Map([...filled(module, base, new Map()), ...batchOf(model, 0, 2)]);
    const found = evaluateProgram(module, "logits", given).get("logits")?.data ?? new Float64Array();
    const wanted =
      (await tensorsIn(`${modelFolder(model)}/logits.safetensors`)).get("logits")?.data ?? new Float64Array();
    expect(found.length).toBe(wanted.length);
    const segments = given.get("segments")?.data ?? new Float64Array();
    const width = wanted.length / segments.length;
    const off = [...segments].flatMap((segment, at) =>
      segment === 0
        ? []
        : [...wanted.subarray(at * width, (at + 1) * width)].map((value, word) =>
            Math.abs(value - (found[at * width + word] ?? NaN)),
          ),
    );
    expect(Math.max(...off)).toBeLessThan(1e-4);
  });

  test("full training: the first losses and gradient norms are PyTorch's", async () => {
    const { module } = moduleOf(model, recipe(""));
    const { losses, norms } = await run(model, module, Math.min(updates, 4), false);
    const expected = expectedOf(model).full;
    expect(relative(losses, expected.losses)).toBeLessThan(3e-5);
    expect(relative(norms, expected.total_grad_norms)).toBeLessThan(1e-4);
  });
});

test("accumulation and checkpointing change nothing but rounding", async () => {
  const whole = await run("llama", moduleOf("llama", recipe(lora)).module, 3, true);
  for (const extra of ["accumulation 2", "checkpoint every 1", "checkpoint every 2"]) {
    const { losses, norms } = await run("llama", moduleOf("llama", recipe(lora, extra)).module, 3, true);
    expect(relative(losses, whole.losses), extra).toBeLessThan(1e-9);
    expect(relative(norms, whole.norms), extra).toBeLessThan(1e-9);
  }
});
