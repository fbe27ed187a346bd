// Models of odd sizes, trained on the device and by the float64 interpreter from the same seed: heads that share keys, rows that end early,
// three rows, layers that segments do not divide, a tied head, a vocabulary whose logits come in several chunks.
import { mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { compile, type Compilation } from "../../../compiler/compile.ts";
import { sizeOf, type Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram, interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { batches, type Batch } from "../../../runtime/data/batches.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";
import { readJobRows } from "../../../runtime/train/data.ts";
import { runJob } from "../../../runtime/train/job.ts";

interface Case {
  readonly config: Readonly<Record<string, unknown>>;
  readonly length: number;
  readonly batch: number;
  readonly steps: number;
  /** AdamW with clipping if unsaid. */
  readonly optimizer?: string;
  /** Clauses beside the common ones. */
  readonly clauses: string;
  readonly trainAll: boolean;
}

const model = (
  type: string,
  hidden: number,
  heads: number,
  groups: number,
  inner: number,
  layers: number,
  words: number,
  tied: boolean,
): Case["config"] => ({
  model_type: type,
  hidden_size: hidden,
  num_attention_heads: heads,
  num_key_value_heads: groups,
  intermediate_size: inner,
  num_hidden_layers: layers,
  vocab_size: words,
  tie_word_embeddings: tied,
  hidden_act: "silu",
  rms_norm_eps: 1e-5,
});

const cases: Readonly<Record<string, Case>> = {
  "three rows one by one, three layers, an adapter of rank 3": {
    config: model("llama", 48, 3, 1, 80, 3, 211, false),
    length: 37,
    batch: 3,
    steps: 5,
    clauses: "accumulation 3\n  adapter lora { rank: 3, alpha: 8 }",
    trainAll: false,
  },
  "magnitudes and directions with dropout, three rows one by one": {
    config: model("llama", 24, 3, 1, 40, 3, 67, false),
    length: 13,
    batch: 3,
    steps: 4,
    clauses: "accumulation 3\n  adapter dora { rank: 3, alpha: 8, dropout: 0.2 }",
    trainAll: false,
  },
  "one layer, a tied head, every parameter": {
    config: model("qwen2", 40, 5, 5, 56, 1, 97, true),
    length: 17,
    batch: 3,
    steps: 5,
    clauses: "",
    trainAll: true,
  },
  "five layers in segments of two, rank 1": {
    config: model("qwen2", 64, 4, 2, 96, 5, 333, true),
    length: 53,
    batch: 4,
    steps: 3,
    clauses: "accumulation 2\n  checkpoint every 2\n  adapter lora { rank: 1 }",
    trainAll: false,
  },
  "four layers in segments of three, every parameter": {
    config: model("llama", 36, 2, 1, 44, 4, 130, false),
    length: 29,
    batch: 2,
    steps: 5,
    clauses: "checkpoint every 3",
    trainAll: true,
  },
  "two kinds of layers that take turns, with windows and soft caps": {
    config: {
      ...model("gemma2", 40, 4, 2, 56, 4, 97, true),
      head_dim: 12,
      hidden_activation: "gelu_pytorch_tanh",
      query_pre_attn_scalar: 10,
      sliding_window: 7,
      attn_logit_softcapping: 0.5,
      final_logit_softcapping: 2,
    },
    length: 37,
    batch: 3,
    steps: 4,
    clauses: "adapter lora { rank: 3 }",
    trainAll: false,
  },
  "one projection for all, a part of each head turned by long rope, a window, every parameter": {
    config: {
      ...model("phi3", 48, 4, 2, 40, 3, 101, false),
      partial_rotary_factor: 0.5,
      max_position_embeddings: 64,
      original_max_position_embeddings: 16,
      rope_scaling: { type: "longrope", long_factor: [1, 2, 4], short_factor: [1, 1, 1] },
      sliding_window: 9,
    },
    length: 29,
    batch: 2,
    steps: 4,
    clauses: "",
    trainAll: true,
  },
  "muon, matrices and what is none": {
    config: model("llama", 24, 2, 1, 40, 3, 61, false),
    length: 13,
    batch: 2,
    steps: 4,
    optimizer: 'muon { rate: 2e-2, clip: 1.0, group ["*norm*", "embed*"] { rate: 1e-2 } }',
    clauses: "",
    trainAll: true,
  },
  "optimizer state in bf16, an adapter of rank 3": {
    config: model("qwen2", 24, 2, 1, 40, 3, 61, true),
    length: 13,
    batch: 2,
    steps: 4,
    optimizer: "adamw { rate: 3e-3, clip: 1.0, state: bf16 }",
    clauses: "adapter lora { rank: 3 }",
    trainAll: false,
  },
  "adafactor, rows and columns": {
    config: model("qwen2", 24, 2, 1, 40, 3, 61, true),
    length: 13,
    batch: 2,
    steps: 4,
    optimizer: "adafactor",
    clauses: "checkpoint every 2",
    trainAll: true,
  },
  "lomo, gradients of one layer at a time, segments that do not divide": {
    config: model("llama", 24, 2, 1, 40, 5, 61, false),
    length: 13,
    batch: 2,
    steps: 4,
    optimizer: "lomo { rate: 0.2 }",
    clauses: "checkpoint every 2",
    trainAll: true,
  },
  "logits in two chunks": {
    config: model("llama", 8, 1, 1, 8, 1, 30_011, true),
    length: 211,
    batch: 2,
    steps: 1,
    clauses: "",
    trainAll: true,
  },
};

/** Rows of different lengths; the first two positions are not learned. */
function rowsOf({ batch, length, config }: Case): string {
  const words = Number(config["vocab_size"]);
  const lines = Array.from({ length: batch }, (_, row) => {
    const tokens = row % 2 === 1 ? length : Math.max(3, length - 5 - row);
    const ids = Array.from({ length: tokens }, (_, at) => (at * 31 + row * 17 + ((at * at) % 7)) % words);
    return JSON.stringify({ input_ids: ids, labels: ids.map((id, at) => (at < 2 ? -100 : id)) });
  });
  return `${lines.join("\n")}\n`;
}

const recipeOf = ({
  batch,
  length,
  steps,
  clauses,
  trainAll,
  optimizer = "adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }",
}: Case): string => `recipe sizes {
  model "model" { init: random { seed: 1 }${trainAll ? ", train: all" : ""} }
  data "rows.jsonl" { format: tokens, length: ${length}, shuffle: false }
  batch ${batch}
  ${clauses}
  optimizer ${optimizer}
  schedule cosine { warmup: 2 steps }
  training ${steps} steps { seed: 5 }
  output "out"
}`;

/** Losses and gradient norms of the module before any kernel is chosen, in float64. */
function interpreted(
  { plan, modules, settings }: Compilation,
  batchAt: (step: number) => Batch,
  steps: number,
): number[][] {
  const module: Module | undefined = modules.get("differentiate");
  if (plan === undefined || module === undefined || settings === undefined) throw new Error("not compiled");
  const { rows, tokens, accumulation } = plan.job;
  const zero = ({ shape }: { readonly shape: readonly number[] }): Tensor => ({
    shape,
    data: new Float64Array(sizeOf(shape)),
  });
  let variables = new Map<string, Tensor>(
    module.variables.map((variable) => {
      const [table] = variable.initial.from === "table" ? interpret(variable.initial.region, []) : [];
      return [variable.name, table ?? zero(variable)];
    }),
  );
  const run = (program: string, given: ReadonlyMap<string, Tensor> = new Map()): void => {
    variables = new Map([...variables, ...given]);
    variables = new Map([...variables, ...evaluateProgram(module, program, variables)]);
  };
  run("initialize", new Map([["keys", { shape: [1], data: Float64Array.of(settings.seed) }]]));
  return Array.from({ length: steps }, (_, index) => {
    const step = index + 1;
    const batch = batchAt(step);
    const scalars = zero({ shape: [64] });
    const numbers = { step, update: step, steps, targets: batch.learned, seed: settings.seed };
    module.scalars.forEach(
      ({ expression }, slot) => (scalars.data[slot] = evaluateScalar(expression, numbers)),
    );
    for (let micro = 0; micro < accumulation; micro += 1) {
      const part = (all: ArrayLike<number>): Tensor => {
        const data = Float64Array.from(all).slice(micro * rows * tokens, (micro + 1) * rows * tokens);
        return { shape: [rows, tokens], data };
      };
      const names = ["ids", "targets", "positions", "segments"] as const;
      const samples = { shape: [1], data: Float64Array.of(index * rows * accumulation + micro * rows) };
      const given = [
        ["scalars", scalars],
        ["samples", samples],
      ] as const;
      run("micro", new Map([...names.map((name) => [name, part(batch[name])] as const), ...given]));
    }
    run("update");
    return [...(variables.get("report")?.data ?? [])].slice(0, 2);
  });
}

let opened: OpenedDevice;
let folder: string;
beforeAll(async () => {
  opened = await openDevice();
  folder = await mkdtemp(join(tmpdir(), "ftl-sizes-"));
});
afterAll(async () => {
  opened.close();
  await rm(folder, { recursive: true });
});

test.each(Object.keys(cases))("%s", { timeout: 300_000 }, async (name) => {
  const given = cases[name];
  if (given === undefined) throw new Error("no such case");
  const own = await mkdtemp(join(folder, "job-"));
  await mkdir(join(own, "model"));
  await writeFile(join(own, "model", "config.json"), JSON.stringify(given.config));
  await writeFile(join(own, "rows.jsonl"), rowsOf(given));
  const read = (path: string): string | undefined =>
    path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined;
  const compiled = compile(recipeOf(given), {
    path: join(own, "recipe.ftl"),
    read,
    profile: profileFromDevice(opened.facts),
  });
  expect(compiled.diagnostics.map(({ message }) => message)).toEqual([]);
  const { plan, settings, facts } = compiled;
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error("no verified plan");

  await runJob({ plan, settings, facts, folder: own, device: opened.device });
  const log = (await readFile(join(own, "out", "log.jsonl"), "utf8")).trim().split("\n");
  const found = log
    .map((line): { loss?: number; grad_norm?: number } => JSON.parse(line))
    .filter(({ loss }) => loss !== undefined);
  const rows = await readJobRows(settings, plan.job, own, join(own, "model"));
  const source = batches(rows.train, {
    rows: given.batch,
    length: given.length,
    seed: settings.seed,
    shuffle: false,
    padding: 0,
  });
  const wanted = interpreted(compiled, (step) => source.at(step), given.steps);
  expect(found.length).toBe(given.steps);
  wanted.forEach(([loss = NaN, norm = NaN], step) => {
    expect(Math.abs((found[step]?.loss ?? NaN) / loss - 1), `loss of step ${step + 1}`).toBeLessThan(1e-5);
    expect(
      Math.abs((found[step]?.grad_norm ?? NaN) / norm - 1),
      `gradient norm of step ${step + 1}`,
    ).toBeLessThan(1e-4);
  });
});
