// Many different correct plans: small models of every architecture under recipes whose clauses are drawn. Comes in: a seed. Goes out: a plan
// and the recipe it is of. Holds: the same seed gives the same plan; what the compiler refuses is drawn again.
import { readFileSync, readdirSync } from "node:fs";
import { compile } from "../../../compiler/compile.ts";
import type { Purpose } from "../../../compiler/language/purposes.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import {
  desktop,
  desktopTiles,
  softwareTiles,
  webgpuLimits,
  webgpuTiles,
} from "../../../compiler/profile/builtin.ts";
import { randomFrom, type Random } from "./draft.ts";

const models = new URL("../../fixtures/reference/models/", import.meta.url);
const configs = readdirSync(models).map(
  (name) => [name, readFileSync(new URL(`${name}/base/config.json`, models), "utf8")] as const,
);

const profiles: readonly DeviceProfile[] = [
  desktop,
  { ...desktop, name: "webgpu", limits: webgpuLimits, tiles: webgpuTiles, features: [], decodedRows: 1 },
  { ...desktop, name: "software", tiles: softwareTiles, features: ["subgroups"], decodedRows: 16 },
  // Buffers that hold few tensors: the arena lies in many.
  { ...desktop, name: "narrow", tiles: desktopTiles, limits: { ...desktop.limits, maxBufferSize: 2 ** 18 } },
];

const adapters = [
  "",
  "lora { rank: 4, alpha: 8, on: [all_linear] }",
  "lora { rank: 2, on: [attention], dropout: 0.1 }",
  "dylora { rank: 1..4, alpha: 8, on: [mlp] }",
  "dora { rank: 2, alpha: 4, on: [all_linear] }",
  "ia3",
  "prefix_tuning { length: 3 }",
  "prompt_tuning { length: 2 }",
  "bottleneck { width: 6 }",
  "lora as one { rank: 2, on: [attention] }, adapter lora as two { rank: 4, on: [mlp] }",
];
const weights = ["", "", "weights: nf4", "weights: int8", "weights: int4", "weights: bf16"];
const precisions = [
  "f32",
  "f32",
  "mixed { compute: f16 }",
  "mixed { compute: bf16 }",
  "mixed { compute: f16, loss_scale: none }",
];
const optimizers = [
  "adamw { rate: 1e-3, clip: 1.0 }",
  "adamw { rate: 1e-3, state: int8 }",
  "adamw { rate: 1e-3, state: bf16 }",
  "sgd { rate: 1e-3, momentum: 0.9 }",
  "lion { rate: 1e-3 }",
  "adafactor { rate: 1e-3 }",
  "lomo { rate: 1e-3 }",
  "muon { rate: 1e-3 }",
];
const checkpoints = ["none", "every 1", "every 2", "sqrt", "every 1 { keep: [attention] }"];
const methods = ["", "", "", "", "", "mezo"];
/** What lives in the host's memory. */
const away = [
  [],
  [],
  [],
  ["optimizer.offload=host"],
  ["model.offload=host"],
  ["adapter.offload=host"],
  ["optimizer.offload=host", "model.offload=host"],
];
const purposes: readonly (readonly Purpose[])[] = [
  ["train", "evaluate"],
  ["train", "evaluate"],
  ["train"],
  ["evaluate"],
  ["generate"],
];

export interface DrawnPlan {
  readonly recipe: string;
  readonly plan: Plan;
}

export function drawnPlan(seed: number): DrawnPlan {
  for (let attempt = 0; attempt < 100; attempt += 1) {
    const found = attemptOf(randomFrom(1000 * seed + attempt));
    if (found !== undefined) return found;
  }
  throw new Error(`seed ${seed}: no recipe of a hundred is planned`);
}

function attemptOf(random: Random): DrawnPlan | undefined {
  const one = <T>(list: readonly [T, ...T[]] | readonly T[]): T => random.pick(list) as T;
  const [name, config] = one(configs);
  const layers = 1 + random.below(3);
  const adapter = one(adapters);
  const held = one(weights);
  const method = one(methods);
  const options = [...(adapter === "" ? ["train: all"] : [held]), "init: random { seed: 1 }"];
  const model = `model "model" { ${options.filter((text) => text !== "").join(", ")} }`;
  const recipe = `recipe drawn {
  ${[model, ...(adapter === "" ? [] : [`adapter ${adapter}`]), ...(method === "" ? [] : [`method ${method}`])].join("\n  ")}
  precision ${one(precisions)}
  data "rows.jsonl" { format: tokens, length: ${8 + random.below(17)}, pack: ${one(["true", "false"])} }
  batch 4
  accumulation ${one([1, 2, 4])}
  checkpoint ${one(checkpoints)}
  optimizer ${one(optimizers)}
  training 20 steps
}`;
  const moved = one(away);
  const sized = { ...(JSON.parse(config) as object), num_hidden_layers: layers };
  const text = JSON.stringify("n_layer" in sized ? { ...sized, n_layer: layers } : sized);
  const { plan } = compile(recipe, {
    path: "/drawn.ftl",
    read: (path) => (path.endsWith("config.json") ? text : undefined),
    profile: one(profiles),
    purposes: one(purposes),
    set: moved,
  });
  return plan === undefined
    ? undefined
    : { recipe: `${name}, ${layers} layers: ${recipe} ${moved.join(" ")}`, plan };
}
