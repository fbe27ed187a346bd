// What adapters do to a model: rates of their own, first values drawn from the seed or computed from the weights they stand on.
import { expect, test } from "vitest";
import { sizeOf, type Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { elaborated, tiny } from "./small.ts";

/** The variables as "initialize" leaves them, where all weights are random. */
function drawn(module: Module, seed = 7): ReadonlyMap<string, Tensor> {
  const zero = module.variables.map(({ name, shape }): [string, Tensor] => [
    name,
    { shape, data: new Float64Array(sizeOf(shape)) },
  ]);
  const given = new Map([...zero, ["keys", { shape: [1], data: Float64Array.of(seed) }]]);
  return new Map([...given, ...evaluateProgram(module, "initialize", given)]);
}

function valuesOf(variables: ReadonlyMap<string, Tensor>, name: string): readonly number[] {
  const tensor = variables.get(name);
  if (tensor === undefined)
    throw new Error(`no variable ${name}; there are ${[...variables.keys()].join(", ")}`);
  return [...tensor.data];
}

const query = "model.layers.{i}.self_attn.q_proj";

/** Checks that magnitudes are the norms of the rows of their layers' weights. */
function expectNorms(variables: ReadonlyMap<string, Tensor>): void {
  const weights = valuesOf(variables, `${query}.weight`);
  const magnitudes = valuesOf(variables, `dora.${query}.lora_magnitude_vector`);
  expect(magnitudes.length).toBe(3 * 16);
  const width = weights.length / magnitudes.length;
  magnitudes.forEach((value, row) => {
    const norm = Math.hypot(...weights.slice(row * width, (row + 1) * width));
    expect(norm).toBeGreaterThan(0);
    expect(value).toBeCloseTo(norm, 10);
  });
}

test("magnitudes begin as the norms of the weight's rows, layer by layer", () => {
  const { module } = elaborated(tiny({ adapter: "adapter dora { rank: 2 }", layers: 3, files: true }));
  const loaded = module.variables.map(({ name, shape }): [string, Tensor] => [
    name,
    { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, at) => Math.sin(at + name.length)) },
  ]);
  const given = new Map(loaded);
  expectNorms(new Map([...given, ...evaluateProgram(module, "initialize", given)]));
});

test("what is computed from weights that are drawn sees them", () => {
  expectNorms(drawn(elaborated(tiny({ adapter: "adapter dora { rank: 2 }", layers: 3 })).module));
});

test("gaussian: A is normal with deviation 1 / rank, another in every layer, B is zero", () => {
  const { module } = elaborated(tiny({ adapter: "adapter lora { rank: 4, init: gaussian }", layers: 3 }));
  const variables = drawn(module);
  const all = valuesOf(variables, `lora.${query}.lora_A.weight`);
  const deviation = Math.sqrt(all.reduce((sum, value) => sum + value ** 2, 0) / all.length);
  expect(Math.abs(deviation / 0.25 - 1)).toBeLessThan(4 / Math.sqrt(2 * all.length));
  expect(new Set(all).size).toBeGreaterThan(0.99 * all.length);
  expect(valuesOf(variables, `lora.${query}.lora_B.weight`).every((value) => value === 0)).toBe(true);
});

test("layers that one adapter leaves out do not repeat the draws of others", () => {
  const on = 'on: ["model.layers.0.self_attn.q_proj", "model.layers.2.self_attn.q_proj"]';
  const { module } = elaborated(tiny({ adapter: `adapter lora { rank: 4, ${on} }`, layers: 3 }));
  const variables = drawn(module);
  const [first, last] = [0, 2].map((layer) =>
    valuesOf(variables, `lora.model.layers.${layer}.self_attn.q_proj.lora_A.weight`),
  );
  expect(first?.length).toBe(last?.length);
  expect(first).not.toEqual(last);
});

test("a tensor's own rate multiplies the recipe's", () => {
  const moved = (ratio: number): { readonly A: number; readonly B: number } => {
    const { module } = elaborated(
      tiny({
        adapter: `adapter lora { rank: 2, ratio: ${ratio} }`,
        layers: 2,
        optimizer: "sgd { rate: 0.5 }",
      }),
    );
    const variables = drawn(module);
    const ones = new Map(
      [...variables].map(([name, tensor]): [string, Tensor] =>
        name.startsWith("gradient") ? [name, { ...tensor, data: tensor.data.map(() => 1) }] : [name, tensor],
      ),
    );
    const scalars = { shape: [64], data: new Float64Array(64) };
    const numbers = { step: 1, update: 1, steps: 3, targets: 1, seed: 0 };
    module.scalars.forEach(
      ({ expression }, slot) => (scalars.data[slot] = evaluateScalar(expression, numbers)),
    );
    const after = evaluateProgram(module, "update", new Map([...ones, ["scalars", scalars]]));
    const by = (name: string): number =>
      (valuesOf(variables, name)[0] ?? NaN) - (after.get(name)?.data[0] ?? NaN);
    return { A: by(`lora.${query}.lora_A.weight`), B: by(`lora.${query}.lora_B.weight`) };
  };
  expect(moved(1)).toEqual({ A: expect.closeTo(0.5, 12), B: expect.closeTo(0.5, 12) });
  expect(moved(16)).toEqual({ A: expect.closeTo(0.5, 12), B: expect.closeTo(8, 12) });
});

test("modules of a group have a rank of their own, and the fields say so as PEFT does", () => {
  const groups = 'group "q_proj" { rank: 4, alpha: 6 }\n group "layers.1.mlp.*" { rank: 3 }';
  const { module, adapters } = elaborated(
    tiny({ adapter: `adapter lora { rank: 2\n ${groups} }`, layers: 2 }),
  );
  const ranks = (name: string): readonly (number | undefined)[] =>
    module.variables.flatMap((each) =>
      each.kind === "adapter" && each.name.includes(`${name}.lora_A`) ? [each.shape[1]] : [],
    );
  // The second layer is unlike the first, and so none of its tensors shares a stack with it.
  expect(ranks("q_proj")).toEqual([4, 4]);
  expect(ranks("k_proj")).toEqual([2, 2]);
  expect(ranks("up_proj")).toEqual([2, 3]);
  const fields = adapters[0]?.fields;
  expect(fields?.get("r")).toBe(2);
  expect(fields?.get("lora_alpha")).toBe(2);
  const mlp = ["gate", "up", "down"].map((name) => [`model.layers.1.mlp.${name}_proj`, 3] as const);
  expect(fields?.get("rank_pattern")).toEqual(new Map([["q_proj", 4], ...mlp]));
  expect(fields?.get("alpha_pattern")).toEqual(new Map([["q_proj", 6], ...mlp]));
});

test("a group of no adapted module is told", () => {
  const adapter = 'adapter lora { rank: 2, on: [q_proj]\n group "k_proj" { rank: 4 } }';
  expect(() => elaborated(tiny({ adapter }))).toThrow(
    "FTL0723 no part that 'lora' adapts has a name like 'k_proj'",
  );
});

test("several adapters stand on one module, each with tensors and draws of its own", () => {
  const adapter =
    "adapter lora as style { rank: 2, on: [q_proj] }\n adapter lora as words { rank: 3, on: [q_proj, v_proj] }";
  const { module, adapters } = elaborated(tiny({ adapter }));
  expect(adapters.map(({ alias, parts, fields }) => [alias, parts.length, fields.get("r")])).toEqual([
    ["style", 2, 2],
    ["words", 4, 3],
  ]);
  const key = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight";
  expect(adapters.map(({ saved }) => saved.some(({ keys }) => keys.includes(key)))).toEqual([true, true]);
  const variables = drawn(module);
  const [style, words] = ["style", "words"].map((alias) =>
    valuesOf(variables, `${alias}.${query}.lora_A.weight`),
  );
  expect([style?.length, words?.length]).toEqual([2 * 2 * 16, 2 * 3 * 16]);
  expect(style?.[0]).not.toBe(words?.[0]);
});
