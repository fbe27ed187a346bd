// Updates in the plan: a few dispatches for all layers where their stacks fit one binding, layer by layer where they do not.
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";

const config = {
  model_type: "llama",
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 96,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  tie_word_embeddings: false,
};

function planned(layers: number, clauses: string, profile: DeviceProfile = desktop): Plan {
  const text = `recipe r {
    model "model" { init: random { seed: 1 }${clauses.includes("adapter") ? "" : ", train: all"} }
    data "rows.jsonl" { format: tokens, length: 8 }
    batch 1
    ${clauses}
    training 3 steps
  }`;
  const read = (path: string): string | undefined =>
    path === "model/config.json" ? JSON.stringify({ ...config, num_hidden_layers: layers }) : undefined;
  const { plan, diagnostics } = compile(text, { path: "recipe.ftl", read, profile });
  expect(diagnostics).toEqual([]);
  if (plan === undefined) throw new Error("no verified plan");
  return plan;
}

const dispatches = (plan: Plan): number =>
  plan.programs.find(({ name }) => name === "update")?.dispatches.length ?? NaN;

test.each(["adamw { rate: 1, clip: 1 }", "adafactor", "muon { rate: 1 }"])(
  "%s updates all layers of an adapter at once",
  (optimizer) => {
    const clauses = `adapter lora { rank: 2, on: [q_proj] }\n    optimizer ${optimizer}`;
    // Not layer by layer: folds of other lengths may be cut otherwise, no more.
    expect(dispatches(planned(6, clauses))).toBeLessThan(1.5 * dispatches(planned(2, clauses)));
  },
);

test("stacks larger than a binding are updated layer by layer, and nothing binds them whole", () => {
  const clauses = "optimizer adamw { rate: 1, clip: 1 }";
  // A layer's largest matrix takes 12 KiB, four of them 48.
  const most = 32 * 1024;
  const limits = { ...desktop.limits, maxStorageBufferBindingSize: most, maxBufferSize: most };
  const plan = planned(4, clauses, { ...desktop, limits });
  expect(Math.max(...plan.tensors.map(({ size }) => size))).toBeLessThanOrEqual(most);
  expect(dispatches(plan)).toBeGreaterThan(dispatches(planned(4, clauses)));
  const variable = plan.variables.find(({ name }) => name === "model.layers.{i}.mlp.up_proj.weight");
  expect(new Set(variable?.parts.map((part) => plan.tensors[part]?.aliasOf))).toEqual(new Set([undefined]));
});

test("state smaller than a parameter takes its own size, a part for each layer", () => {
  const { variables } = planned(3, "optimizer adafactor");
  const shapes = new Map(variables.map(({ name, shape, parts }) => [name, [shape, parts.length]]));
  expect(shapes.get("row of model.layers.{i}.mlp.up_proj.weight")).toEqual([[3, 96, 1], 3]);
  expect(shapes.get("column of model.layers.{i}.mlp.up_proj.weight")).toEqual([[3, 1, 32], 3]);
  expect(shapes.get("v of model.layers.{i}.input_layernorm.weight")).toEqual([[3, 32], 3]);
  expect(shapes.has("v of model.layers.{i}.mlp.up_proj.weight")).toBe(false);
});
