// Updates during the backward pass: the same training as with gradients that are kept, and in the plan no more gradients at once than
// those of one layer.
import { describe, expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import type { PlanTensor } from "../../../compiler/plan/plan.ts";
import { moduleOf, parityRecipe, run, type Made } from "./train.ts";

const recipe = (optimizer: string, extra = ""): string =>
  parityRecipe("", extra).replace(/optimizer .*/, `optimizer ${optimizer}`);

/** The same losses, norms and final weights, but for rounding. */
async function expectSame(used: Made, kept: Made): Promise<void> {
  expect(used.module.programs.map(({ name }) => name)).not.toContain("update");
  expect(used.module.variables.filter(({ kind }) => kind === "gradients")).toEqual([]);
  expect(kept.module.programs.map(({ name }) => name)).toContain("update");
  const [wanted, found] = [await run("llama", kept.module, 2), await run("llama", used.module, 2)];
  expect(wanted.losses[1]).toBeLessThan(0.999 * (wanted.losses[0] ?? 0));
  for (const name of ["losses", "norms"] as const)
    found[name].forEach((value, at) => expect(value / (wanted[name][at] ?? NaN)).toBeCloseTo(1, 9));
  for (const { weight } of used.elaborated.trained) {
    const [own, other] = [found.last.get(weight)?.data, wanted.last.get(weight)?.data];
    const off = [...(own ?? [NaN])].map((value, at) => Math.abs(value - (other?.[at] ?? NaN)));
    expect(Math.max(...off), weight).toBeLessThan(1e-9);
  }
}

describe("as with gradients that are kept", () => {
  test("lomo is gradient descent", async () => {
    const used = moduleOf("llama", recipe("lomo { rate: 0.2, weight_decay: 0.01 }"));
    await expectSame(used, moduleOf("llama", recipe("sgd { rate: 0.2, weight_decay: 0.01 }")));
  });

  test("adalomo, its states and folds in loops over segments", async () => {
    const text = recipe("adalomo { rate: 0.05 }", "checkpoint every 2");
    await expectSame(moduleOf("llama", text), moduleOf("llama", text, { duringBackward: false }));
  });
});

/** Four layers of a llama. */
const config = {
  model_type: "llama",
  vocab_size: 64,
  hidden_size: 32,
  intermediate_size: 96,
  num_hidden_layers: 4,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
  tie_word_embeddings: false,
};

const compiled = (optimizer: string, extra = ""): ReturnType<typeof compile> =>
  compile(
    `recipe r {
      model "model" { train: all, init: random { seed: 1 } }
      data "rows.jsonl" { format: tokens, length: 8 }
      batch 2
      ${extra}
      optimizer ${optimizer}
      training 3 steps
    }`,
    {
      path: "recipe.ftl",
      read: (path) => (path === "model/config.json" ? JSON.stringify(config) : undefined),
    },
  );

describe("the plan", () => {
  test.each(["", "checkpoint every 3"])("holds gradients of one layer at a time %s", (extra) => {
    const { plan, diagnostics } = compiled("lomo { rate: 1 }", extra);
    expect(diagnostics).toEqual([]);
    if (plan === undefined) throw new Error("no plan");
    expect(plan.step).toEqual([{ program: "micro", each: "micro-batch" }]);
    const layer = plan.variables.filter(({ stack, kind }) => stack && kind === "weights");
    const ofOneLayer = layer.reduce((sum, { shape }) => sum + 4 * sizeOf(shape.slice(1)), 0);
    const shapes = new Set(layer.map(({ shape }) => shape.slice(1).join("x")));
    const transient = plan.tensors.filter(
      ({ lifetime, aliasOf }) => lifetime?.program === "micro" && aliasOf === undefined,
    );
    const isStack = ({ shape }: PlanTensor): boolean =>
      shape.length > 2 && shapes.has(shape.slice(1).join("x"));
    expect(transient.filter(isStack)).toEqual([]);
    // Matrices of the model's own shapes that live at once, its embedding and head aside.
    const wide = transient.filter(({ shape }) => shape.length === 2 && shapes.has(shape.join("x")));
    const dispatches = plan.programs.find(({ name }) => name === "micro")?.dispatches.length ?? 0;
    const most = Array.from({ length: dispatches }, (_, at) =>
      wide
        .filter(({ lifetime }) => lifetime !== undefined && lifetime.first <= at && at <= lifetime.last)
        .reduce((sum, { size }) => sum + size, 0),
    );
    expect(Math.max(...most)).toBeLessThanOrEqual(ofOneLayer);
    const kept = compiled("sgd { rate: 1 }", extra).plan;
    const gradients = kept?.variables.filter(({ kind }) => kind === "gradients") ?? [];
    const all = gradients.reduce((sum, { shape }) => sum + 4 * sizeOf(shape), 0);
    expect((kept?.peakBytes ?? 0) - plan.peakBytes).toBeGreaterThan(0.7 * all);
  });
});

test.each([
  ["a norm of all gradients", "lomo { rate: 1, clip: 1 }", ""],
  ["several micro-batches", "lomo { rate: 1 }", "accumulation 2"],
  ["a loss scale", "lomo { rate: 1 }", "precision mixed { compute: f16 }"],
])("%s is refused where it is said", (_, optimizer, extra) => {
  const { diagnostics, plan } = compiled(optimizer, extra);
  expect(plan).toBeUndefined();
  expect(diagnostics.map(({ code }) => code)).toEqual(["FTL0731"]);
  const [found] = diagnostics;
  expect(found?.message).toMatch(/^'lomo' updates during the backward pass, which excludes .*: .*gradient/);
  expect(found?.related).toHaveLength(1);
});
