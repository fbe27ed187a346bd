// Values larger than a binding: published models under WebGPU's default limits, verified, as small as where everything is bound in one
// piece; and where windows are cut.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import { cutsWithin, shapeOfRange, windowBytes, windowCount } from "../../../compiler/plan/windows.ts";
import { webgpu } from "../../../compiler/profile/builtin.ts";
import { verify } from "../../../compiler/verify/verify.ts";

const configs = new URL("../../fixtures/recipes/configs/", import.meta.url);

/** The same device without limits on bytes: 4 GiB in one binding. */
const roomy: DeviceProfile = {
  ...webgpu,
  limits: { ...webgpu.limits, maxBufferSize: 2 ** 42, maxStorageBufferBindingSize: 2 ** 42 },
};

function planned(model: string, options: string, clauses: string, profile: DeviceProfile): Plan {
  const text = `recipe large {
  model     "${model}" ${options}
  data      "rows.jsonl" { format: tokens, length: 128 }
  batch     2
  accumulation 2
  checkpoint every 1
  optimizer adamw { rate: 3e-4 }
  training  20 steps
  ${clauses}
}`;
  const { plan, verification, diagnostics } = compile(text, {
    path: "large.ftl",
    read: (path) =>
      path.endsWith("config.json")
        ? readFileSync(new URL(`${model}/config.json`, configs), "utf8")
        : undefined,
    profile,
  });
  expect(diagnostics.map(({ message }) => message)).toEqual([]);
  expect(verification?.refusals).toEqual([]);
  if (plan === undefined) throw new Error("there is a plan");
  return plan;
}

describe("under WebGPU's default limits", () => {
  const lora = "adapter lora { rank: 8, on: [all_linear] }";
  for (const [about, model, options, clauses, split, most] of [
    ["Qwen2.5-0.5B with LoRA", "qwen2.5-0.5b", "", lora, ["model.embed_tokens.weight"], 1.01],
    [
      "Llama-2-7B with QLoRA",
      "llama-2-7b",
      "{ weights: nf4 { block: 64, double: true } }",
      lora,
      ["model.embed_tokens.weight", "lm_head.weight"],
      1.01,
    ],
    ["every parameter of GPT-2", "gpt2", "{ train: all }", "", ["transformer.wte.weight"], 1.01],
    // Two gradients of a tied embedding in five windows each are too many bindings for one kernel: one is put aside.
    [
      "every parameter of Qwen2.5-0.5B in f32",
      "qwen2.5-0.5b",
      "{ train: all, weights: f32 }",
      "",
      ["model.embed_tokens.weight"],
      1.08,
    ],
  ] as const) {
    it(`plans ${about} nearly as small as in one piece`, () => {
      const cut = planned(model, options, clauses, webgpu);
      const whole = planned(model, options, clauses, roomy);
      const windowed = (plan: Plan): string[] =>
        plan.variables.flatMap(({ name, windows = 1 }) => (windows > 1 ? [name] : []));
      expect(windowed(cut)).toEqual(expect.arrayContaining([...split]));
      expect(windowed(whole)).toEqual([]);
      expect(cut.peakBytes / whole.peakBytes).toBeLessThan(most);
    }, 120_000);
  }
});

describe("windows", () => {
  const { limits } = webgpu;

  it("are whole rows, begin aligned, and fit a binding", () => {
    const embedding = { shape: [151_936, 896], type: "f32" } as const;
    const each = windowBytes(embedding, limits);
    expect(each).toBe(37_449 * 896 * 4);
    expect(windowCount(embedding, limits)).toBe(5);
    expect(windowBytes({ ...embedding, type: "bf16" }, limits) % 256).toBe(0);
    // Rows of 100 bytes are aligned by 64.
    expect(windowBytes({ shape: [4_000_000, 25], type: "f32" }, limits) % (100 * 64)).toBe(0);
  });

  it("cut rows that fit no binding", () => {
    expect(windowBytes({ shape: [2, 50_000_000], type: "f32" }, limits)).toBe(134_217_728);
    expect(windowBytes({ shape: [33_554_432], type: "f32" }, limits)).toBe(Infinity);
  });

  it("keep slices whole that lie apart", () => {
    const stride = 3_072;
    const each = windowBytes({ shape: [100_000, 700], type: "f32" }, limits, stride);
    expect(each % stride).toBe(0);
    expect(each).toBeLessThanOrEqual(134_217_728);
  });

  it("are told of ranges", () => {
    expect(cutsWithin(100, 0, 250)).toEqual([100, 200]);
    expect(cutsWithin(100, 150, 100)).toEqual([50]);
    expect(cutsWithin(Infinity, 0, 250)).toEqual([]);
    const value = { shape: [10, 8], type: "f32" } as const;
    expect(shapeOfRange(value, undefined, 64, 96)).toEqual([3, 8]);
    expect(shapeOfRange(value, undefined, 16, 96)).toEqual([24]);
    expect(shapeOfRange(value, 256, 256, 288)).toEqual([2, 8]);
  });
});

describe("the verifier", () => {
  const narrow = {
    ...webgpu,
    limits: { ...webgpu.limits, maxStorageBufferBindingSize: 48 * 1024, maxBufferSize: 80 * 1024 },
  };
  const base = new URL("../../fixtures/reference/models/qwen2/base/config.json", import.meta.url);
  const text = `recipe narrow {
  model     "base" { train: all }
  data      "rows.jsonl" { format: tokens, length: 32 }
  batch     1
  optimizer adamw { rate: 3e-4 }
  training  20 steps
}`;
  const { plan, diagnostics } = compile(text, {
    path: "narrow.ftl",
    read: (path) => (path.endsWith("config.json") ? readFileSync(base, "utf8") : undefined),
    profile: narrow,
  });
  if (plan === undefined) throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  const large = plan.variables.findIndex(({ windows = 1 }) => windows > 1);
  type Variable = Plan["variables"][number];
  const changed = (change: (variable: Variable) => Variable): Plan => ({
    ...plan,
    variables: plan.variables.map((variable, at) => (at === large ? change(variable) : variable)),
  });
  const rules = (corrupt: Plan): string[] => [...new Set(verify(corrupt).refusals.map(({ rule }) => rule))];

  it("takes the plan as it is", () => {
    expect(verify(plan).refusals).toEqual([]);
    expect(large).not.toBe(-1);
  });

  for (const [what, rule, corrupt] of [
    ["windows that are said to be parts", "variables", changed((of) => ({ ...of, windows: undefined }))],
    ["a window too few", "variables", changed((of) => ({ ...of, parts: of.parts.slice(1) }))],
    [
      "a window too few, and said so",
      "variables",
      changed((of) => ({ ...of, parts: of.parts.slice(1), windows: (of.windows ?? 1) - 1 })),
    ],
    ["a window twice", "variables", changed((of) => ({ ...of, parts: of.parts.with(1, of.parts[0] ?? 0) }))],
    ["another shape", "variables", changed((of) => ({ ...of, shape: of.shape.with(0, 1) }))],
    [
      "a device that binds less",
      "device limits",
      {
        ...plan,
        device: { ...narrow, limits: { ...narrow.limits, maxStorageBufferBindingSize: 40 * 1024 } },
      },
    ],
    [
      "a device with smaller buffers",
      "device limits",
      { ...plan, device: { ...narrow, limits: { ...narrow.limits, maxBufferSize: 48 * 1024 } } },
    ],
    [
      "a device with fewer bindings",
      "device limits",
      { ...plan, device: { ...narrow, limits: { ...narrow.limits, maxStorageBuffersPerShaderStage: 4 } } },
    ],
  ] as const) {
    it(`refuses ${what}`, () => {
      expect(rules(corrupt)).toContain(rule);
    });
  }
});
