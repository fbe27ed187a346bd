// Mixed precision without a device: what is rounded is rounded in the graph's meaning, so the interpreter trains as a device does.
import { describe, expect, test } from "vitest";
import type { Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import {
  batchOf,
  expectedOf,
  learnedTargets,
  methodExpected,
  methodFolder,
  modelFolder,
} from "./reference.ts";
import { firstValues, moduleOf, parityRecipe, relative, run, updated } from "./train.ts";

const lora = 'adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }';
const adapter = `${modelFolder("llama")}/adapter_init`;
const drawnRanks = (method: string): readonly number[] =>
  (methodExpected(method) as unknown as { readonly ranks: readonly number[] }).ranks;
const mixed = (options: string): string => `mixed { ${options} }`;

describe("training", () => {
  test.each([
    ["compute: f16", 2e-4],
    ["compute: bf16", 2e-3],
    ["compute: f16, store: f32", 2e-4],
    ["compute: f32, store: f16, loss_scale: 1024", 2e-4],
    ["compute: f16, store: bf16", 2e-3],
  ])("%s follows the losses in f32", async (options, within) => {
    const { module } = moduleOf("llama", parityRecipe(lora, "", mixed(options)));
    const { losses } = await run("llama", module, 6, { adapter });
    expect(relative(losses, expectedOf("llama").lora.losses)).toBeLessThan(within);
  });

  test.each([
    ["dora", "adapter dora { rank: 4, alpha: 8"],
    ["ia3", "adapter ia3 { on: [k_proj, v_proj, down_proj]"],
    ["prompt-tuning", "adapter prompt_tuning { tokens: 6"],
    ["prefix-tuning", "adapter prefix_tuning { tokens: 6"],
    ["llama-adapter", "adapter llama_adapter { tokens: 6"],
    [
      "dylora-all",
      `adapter dylora { rank: 1..4, alpha: 8, update: all, draw: [${drawnRanks("dylora-all").join(", ")}]`,
    ],
  ])("%s in f16 follows the losses in f32", async (method, clause) => {
    const begin = `${methodFolder(method)}/adapter_init`;
    const text = parityRecipe(`${clause}, start: "${begin}" }`, "", mixed("compute: f16"));
    const { module, elaborated } = moduleOf("llama", text);
    const { losses } = await run("llama", module, 6, { adapter: begin, ranks: elaborated.ranks });
    expect(relative(losses, methodExpected(method).losses)).toBeLessThan(5e-4);
  });

  test("accumulation and checkpointing change nothing but rounding", async () => {
    const whole = await run(
      "llama",
      moduleOf("llama", parityRecipe(lora, "", mixed("compute: f16"))).module,
      3,
      {
        adapter,
      },
    );
    for (const [extra, within] of [
      ["accumulation 2", 1e-4],
      ["checkpoint every 1", 1e-6],
      ["checkpoint every 2", 1e-6],
    ] as const) {
      const { module } = moduleOf("llama", parityRecipe(lora, extra, mixed("compute: f16")));
      const { losses } = await run("llama", module, 3, { adapter });
      expect(relative(losses, whole.losses), extra).toBeLessThan(within);
    }
  });

  // The loss is divided by so many targets that the gradients of single words lie below what f16 holds.
  const targets = learnedTargets("llama") * 2 ** 22;
  const losses = async (precision: string): Promise<number[]> => {
    const { module } = moduleOf("llama", parityRecipe(lora, "", precision));
    const begin = await firstValues("llama", module, adapter, 0);
    return updated(module, begin, { micros: [batchOf("llama", 0, 2)], targets, updates: 8 }).losses;
  };

  test("gradients that vanish in f16 are kept by scaling the loss", async () => {
    const [plain, scaled, lost] = [
      await losses("f32"),
      await losses(mixed("compute: f16")),
      await losses(mixed("compute: f16, loss_scale: none")),
    ];
    const fall = (list: readonly number[]): number =>
      1 - (list.at(-1) ?? Number.NaN) / (list[0] ?? Number.NaN);
    expect(fall(plain)).toBeGreaterThan(0.03);
    expect(relative(scaled, plain)).toBeLessThan(1e-3);
    // Weight decay alone is left.
    expect(Math.abs(fall(lost))).toBeLessThan(1e-4);
  });
});

describe("the loss scale", () => {
  const { module } = moduleOf("llama", parityRecipe(lora, "", mixed("compute: f16")));
  const unscaled = moduleOf("llama", parityRecipe(lora, "", mixed("compute: f16, loss_scale: none"))).module;
  const changing = ["updates", "loss scale", "clean steps", "report", "loss"];

  /** Variables with something in the gradients and states, as if so many updates were done. */
  async function filledFor(of: Module, done: number, scale: number): Promise<Map<string, Tensor>> {
    const variables = new Map(await firstValues("llama", of, adapter, 0));
    for (const [name, { shape, data }] of variables) {
      const kind = of.variables.find((variable) => variable.name === name)?.kind;
      if (kind === "gradients")
        variables.set(name, { shape, data: data.map((_, at) => (Math.sin(at) / 64) * scale) });
      if (kind === "optimizer" && shape.length > 0)
        variables.set(name, { shape, data: data.map((_, at) => Math.abs(Math.cos(at)) / 128) });
    }
    variables.set("updates", { shape: [], data: Float64Array.of(done) });
    if (scale !== 1) variables.set("loss scale", { shape: [], data: Float64Array.of(scale) });
    return variables;
  }

  /** One update; the host takes it for number `update`. */
  function update(of: Module, variables: ReadonlyMap<string, Tensor>, number: number): Map<string, Tensor> {
    const numbers = { step: 9, update: number, steps: 20, targets: 90, seed: 0 };
    const data = new Float64Array(64);
    of.scalars.forEach(({ expression }, slot) => (data[slot] = evaluateScalar(expression, numbers)));
    const given = new Map([...variables, ["scalars", { shape: [64], data }] as const]);
    return new Map([...variables, ...evaluateProgram(of, "update", given)]);
  }

  const scalar = (variables: ReadonlyMap<string, Tensor>, name: string): number =>
    variables.get(name)?.data[0] ?? Number.NaN;
  const isGradient = (name: string): boolean => name.startsWith("gradient of ");

  test.each([Infinity, -Infinity, Number.NaN])("%d in one gradient skips the step", async (odd) => {
    const before = await filledFor(module, 7, 1024);
    const name = [...before.keys()].find(isGradient);
    const held = before.get(name ?? "");
    if (name === undefined || held === undefined) throw new Error("no gradient");
    before.set(name, { ...held, data: held.data.with(3, odd) });
    before.set("clean steps", { shape: [], data: Float64Array.of(12) });
    const after = update(module, before, 8);
    expect(scalar(after, "updates")).toBe(7);
    expect(scalar(after, "loss scale")).toBe(512);
    expect(scalar(after, "clean steps")).toBe(0);
    expect(after.get("report")?.data.slice(2)).toEqual(Float64Array.of(7, 1024, 9));
    for (const [variable, { data }] of after) {
      if (isGradient(variable)) expect(data.every((value) => value === 0)).toBe(true);
      else if (!changing.includes(variable)) expect(data, variable).toEqual(before.get(variable)?.data);
    }
  });

  test.each([1, 2, 3, 4])("the device finds its scalars, where %i updates are possible", async (possible) => {
    const done = 7;
    const found = update(module, await filledFor(module, done, 1024), done + 1 - (possible - 1));
    const expected = update(unscaled, await filledFor(unscaled, done, 1), done + 1);
    expect(scalar(found, "updates")).toBe(done + 1);
    for (const [variable, { data }] of expected)
      if (!["report", "scalars"].includes(variable))
        expect(found.get(variable)?.data, variable).toEqual(data);
  });

  test("it doubles after 2000 steps without overflow, and stays within bounds", async () => {
    const after = async (clean: number, scale: number, gradient = 0): Promise<readonly number[]> => {
      const before = await filledFor(module, 3, scale);
      before.set("clean steps", { shape: [], data: Float64Array.of(clean) });
      for (const [name, held] of before)
        if (isGradient(name)) before.set(name, { ...held, data: held.data.map(() => gradient) });
      const made = update(module, before, 4);
      return [scalar(made, "loss scale"), scalar(made, "clean steps")];
    };
    expect(await after(1998, 65_536)).toEqual([65_536, 1999]);
    expect(await after(1999, 65_536)).toEqual([131_072, 0]);
    expect(await after(1999, 2 ** 100)).toEqual([2 ** 100, 0]);
    expect(await after(1999, 65_536, Infinity)).toEqual([32_768, 0]);
    expect(await after(5, 2 ** -14, Number.NaN)).toEqual([2 ** -14, 0]);
  });

  test("it begins at 65,536, in a variable that checkpoints keep", async () => {
    expect(scalar(await firstValues("llama", module, adapter, 0), "loss scale")).toBe(65_536);
    const kept = module.variables.filter(({ kind, shape }) => kind === "optimizer" && shape.length === 0);
    expect(kept.map(({ name }) => name).toSorted()).toEqual(["clean steps", "loss scale", "updates"]);
  });
});
