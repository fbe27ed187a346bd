// Adapters put into the weights, on the library's decoders, in float64: the base with the merged weights scores words as the base with
// its adapters does, whatever the order of storage, fused projections, ranks by module and other adapters on the same part.
import { readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import type { Saved } from "../../../compiler/elaborate/facts.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import type { Purpose } from "../../../compiler/language/purposes.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { filled } from "../parity/reference.ts";

const [rows, length] = [2, 7];

function made(model: string, adapters: string, purposes: readonly Purpose[]): Elaborated {
  const text = `recipe merged {
    model     "model" { ${adapters === "" ? "train: all, " : ""}init: random { seed: 3 } }
    ${adapters}
    data      "rows.jsonl" { format: tokens, length: ${length} }
    batch     ${rows}
    optimizer sgd { rate: 0.1 }
    training  3 steps
  }`;
  const path = new URL(`../../fixtures/reference/models/${model}/base/config.json`, import.meta.url);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text }, (name) =>
    name === "model/config.json" ? readFileSync(path, "utf8") : undefined,
  );
  const found = input === undefined ? undefined : elaborate({ ...input, purposes });
  if (found?.elaborated === undefined)
    throw new Error([...diagnostics, ...(found?.diagnostics ?? [])].map(({ message }) => message).join("\n"));
  return found.elaborated;
}

type Variables = ReadonlyMap<string, Tensor>;

/** Numbers in (-1, 1) that look random and are the same each time. */
const spread = (shape: readonly number[], seed: number): Tensor => ({
  shape,
  data: Float64Array.from(
    { length: sizeOf(shape) },
    (_, at) => ((((at + 1) * 0.618034 + seed * 0.414214) % 1) - 0.5) * 2,
  ),
});

/** The tensors of variables by their names in files, those of adapters behind the adapter's. */
function inFiles(
  { module }: Elaborated,
  saved: readonly Saved[],
  variables: Variables,
  alias = "",
): Map<string, Tensor> {
  return new Map(
    saved.flatMap(({ variable, keys }) => {
      const tensor = variables.get(variable);
      if (tensor === undefined) return [];
      const isStack = module.variables.find(({ name }) => name === variable)?.stack === true;
      const size = tensor.data.length / keys.length;
      return keys.map((key, part): [string, Tensor] => [
        `${alias}${key}`,
        {
          shape: isStack ? tensor.shape.slice(1) : tensor.shape,
          data: tensor.data.slice(part * size, (part + 1) * size),
        },
      ]);
    }),
  );
}

/** The model's variables from its tensors by name. */
function fromFiles({ module, model }: Elaborated, files: Variables): Map<string, Tensor> {
  return new Map(
    model.map(({ variable, keys }): [string, Tensor] => [
      variable,
      {
        shape: module.variables.find(({ name }) => name === variable)?.shape ?? [],
        data: Float64Array.from(keys.flatMap((key) => [...(files.get(key)?.data ?? [])])),
      },
    ]),
  );
}

function logits({ module }: Elaborated, variables: Variables): Float64Array {
  const wholes = (value: (row: number, at: number) => number): Tensor => ({
    shape: [rows, length],
    data: Float64Array.from({ length: rows * length }, (_, at) =>
      value(Math.floor(at / length), at % length),
    ),
  });
  const given = new Map([
    ...filled(module, new Map(), new Map()),
    ...variables,
    ["ids", wholes((row, at) => 3 + row + 2 * at)] as const,
    ["positions", wholes((_, at) => at)] as const,
    ["segments", wholes(() => 1)] as const,
  ]);
  return evaluateProgram(module, "logits", given).get("logits")?.data ?? new Float64Array();
}

const apart = (a: Float64Array, b: Float64Array): number =>
  a.reduce(
    (most, value, at) => Math.max(most, Math.abs(value - (b[at] ?? Number.NaN))),
    a.length === b.length ? 0 : 1,
  );

/** Scores of words by the base with its adapters, by the base alone, and by the base with the adapters in its weights. */
function merged(model: string, adapters: string) {
  const tuned = made(model, adapters, ["score", "merge"]);
  const { module } = tuned;
  const given = new Map(
    module.variables.flatMap(({ name, kind, shape, type }, at): [string, Tensor][] => {
      if (name.startsWith("merge_") || (kind !== "weights" && kind !== "adapter")) return [];
      expect(type).toBe("f32");
      const { data } = spread(shape, at);
      // Lengths and scales around one.
      return [
        [
          name,
          { shape, data: data.map((value) => (/norm|magnitude|ia3/.test(name) ? 1 + value / 4 : value / 4)) },
        ],
      ];
    }),
  );
  const base = made(model, "", ["score"]);
  const weights = inFiles(tuned, tuned.model, given);
  const plain = fromFiles(base, weights);
  const all = new Map([
    ...weights,
    ...tuned.adapters.flatMap(({ saved, alias }) => [...inFiles(tuned, saved, given, alias)]),
  ]);
  for (const { program, tensors } of tuned.merges) {
    const own = new Map(
      tensors.map(({ variable, key, adapter = "" }) => {
        const tensor = all.get(`${adapter}${key}`);
        if (tensor === undefined) throw new Error(`nothing is called ${key}`);
        return [variable, tensor] as const;
      }),
    );
    const result = evaluateProgram(module, program, own);
    for (const { variable, key, changed } of tensors) {
      const tensor = result.get(variable);
      expect(tensor !== undefined).toBe(changed);
      if (tensor !== undefined) weights.set(key, tensor);
    }
  }
  return {
    wanted: logits(tuned, given),
    plain: logits(base, plain),
    found: logits(base, fromFiles(base, weights)),
  };
}

const models = ["llama", "qwen2", "gpt2", "phi3", "gpt-neox", "gemma2", "falcon-40b-style", "opt"];

describe.each(models)("%s", (model) => {
  test.each([
    "adapter lora { rank: 3, alpha: 6 }",
    "adapter dora { rank: 2, alpha: 5, rslora: true }",
    "adapter ia3",
  ])("%s", (adapter) => {
    const { wanted, plain, found } = merged(model, adapter);
    expect(apart(wanted, plain)).toBeGreaterThan(1e-2);
    expect(apart(wanted, found)).toBeLessThan(1e-9);
  });
});

test("ranks by module, and parts that are merged alike, which share a program", () => {
  const { wanted, found } = merged(
    "llama",
    'adapter lora { rank: 3, alpha: 6, group ["*.0.*q_proj", "*v_proj"] { rank: 5, alpha: 2 } }',
  );
  expect(apart(wanted, found)).toBeLessThan(1e-9);
  const alike = made("llama", "adapter lora { rank: 3, on: [q_proj, o_proj] }", ["merge"]);
  expect(alike.merges.length).toBe(4);
  expect(alike.module.programs.map(({ name }) => name)).toEqual(["merge_0"]);
});

test("several adapters on one part change it one after another", () => {
  const { wanted, found } = merged(
    "llama",
    "adapter lora as first { rank: 2, on: [q_proj] }\n adapter dora as second { rank: 3, on: [q_proj, up_proj] }\n adapter ia3 { on: [q_proj] }",
  );
  expect(apart(wanted, found)).toBeLessThan(1e-9);
});

test.each([
  ["prompt_tuning { tokens: 3 }", "it stands on model, and no weight of the model could do its work"],
  ["prefix_tuning { tokens: 3 }", "it stands on attention"],
  ["llama_adapter { tokens: 3, last: 2 }", "it stands on attention"],
  ["bottleneck { size: 5 }", "it stands on sublayer"],
])("%s is refused by name", (adapter, why) => {
  expect(() => made("llama", `adapter ${adapter}`, ["merge"])).toThrow(
    new RegExp(`adapter '\\w+' cannot be put into the weights: ${why}`),
  );
});
