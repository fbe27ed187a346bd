// What adapters may be on and may name: a layer, the model, tensors that all parts share and layers take slices of. Each adapter is
// written here, trains through every stage of the compiler, and its gradients are held against central differences in float64.
import { expect, test } from "vitest";
import { renderText } from "../../../compiler/diagnostics/render.ts";
import { elaborate, type Elaborated } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { sizeOf, type Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram, interpret } from "../../../compiler/ir/interpret.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { keepAll } from "../../../compiler/passes/checkpoint.ts";
import { stages } from "../../../compiler/stages.ts";

const architecture = `import "stdlib/modules/embedding.ftl"
import "stdlib/modules/linear.ftl"

/// Four layers without attention, and a head.
architecture plain(config) {
  let vocabulary = 5
  let hidden = 3
  embedding embed [vocabulary, hidden] at "embed"
  layer block[i in 0..<4] at "blocks.{i}" {
    linear mix [hidden -> hidden] at "mix" as mlp
    forward(x: [rows, tokens, hidden]) { x + mix(x) }
  }
  linear head [hidden -> vocabulary] at "head"
  forward(x, positions, segments) { block(x) }
  logits(x: [n, hidden]) -> [n, vocabulary] { head(x) }
}
`;

function compiled(adapter: string, clause: string): ReturnType<typeof elaborate> {
  const recipe = `import "own.ftl"
recipe own {
  model     "model"
  adapter   ${clause}
  data      "rows.jsonl" { format: tokens, length: 2 }
  batch     1
  optimizer sgd { rate: 1e-3 }
  training  3 steps
}`;
  const files = new Map([
    ["own.ftl", architecture + adapter],
    ["model/config.json", JSON.stringify({ model_type: "plain" })],
  ]);
  const { input, diagnostics } = readRecipe({ path: "recipe.ftl", text: recipe }, (path) => files.get(path));
  return input === undefined ? { elaborated: undefined, diagnostics } : elaborate(input);
}

function elaborated(adapter: string, clause: string): Elaborated {
  const { elaborated, diagnostics } = compiled(adapter, clause);
  expect(renderText(diagnostics)).toBe("");
  if (elaborated === undefined) throw new Error("not elaborated");
  return elaborated;
}

function staged({ module, trained, along, step }: Elaborated): Module {
  const choices = { trained, along, step, checkpoint: keepAll, kernelGradients, profile: desktop } as const;
  return stages.reduce((before, stage) => stage.run(before, choices), module);
}

/** Values of every variable: small numbers that look random, and a batch of two words that learns both. */
function values(module: Module): Map<string, Tensor> {
  const batch: Readonly<Record<string, readonly number[]>> = {
    ids: [1, 4],
    targets: [4, 0],
    positions: [0, 1],
    segments: [1, 1],
  };
  return new Map(
    module.variables.map(({ name, shape, initial }, seed) => {
      const scalars = module.scalars.map(({ expression }) =>
        evaluateScalar(expression, { step: 1, update: 1, steps: 3, targets: 2 }),
      );
      if (initial.from === "table")
        return [name, interpret(initial.region, [])[0] ?? { shape, data: new Float64Array() }];
      const data = Float64Array.from({ length: sizeOf(shape) }, (_, at) => {
        if (name === "scalars") return scalars[at] ?? 0;
        if (initial.from === "zero") return 0;
        return batch[name]?.[at] ?? (((at + 1) * 0.618034 + seed * 0.414214) % 1) - 0.5;
      });
      return [name, { shape, data }];
    }),
  );
}

/** Every gradient of the step against the loss a little to both sides. */
function checkGradients(made: Elaborated): void {
  const module = staged(made);
  const given = values(module);
  const lossAt = (name: string, at: number, by: number): number => {
    const tensor = given.get(name);
    const data = Float64Array.from(tensor?.data ?? []);
    data[at] = (data[at] ?? NaN) + by;
    const moved = new Map([...given, [name, { shape: tensor?.shape ?? [], data }] as const]);
    return evaluateProgram(module, "micro", moved).get("loss")?.data[0] ?? NaN;
  };
  const found = evaluateProgram(module, "micro", given);
  expect(made.trained.length).toBeGreaterThan(0);
  for (const { weight, gradient } of made.trained) {
    const slopes = found.get(gradient)?.data ?? new Float64Array();
    expect(Math.max(...slopes.map(Math.abs)), weight).toBeGreaterThan(1e-3);
    slopes.forEach((slope, at) => {
      const difference = (lossAt(weight, at, 1e-6) - lossAt(weight, at, -1e-6)) / 2e-6;
      expect(Math.abs(slope - difference), `${weight} ${at}`).toBeLessThan(1e-7);
    });
  }
}

/** Names and shapes of what trains. */
function trainedShapes({ trained, module }: Elaborated): Record<string, readonly number[]> {
  const shapes = new Map(module.variables.map(({ name, shape }) => [name, shape]));
  return Object.fromEntries(trained.map(({ weight }) => [weight, shapes.get(weight) ?? []]));
}

const repeats = (module: Module): number =>
  module.programs
    .filter(({ name }) => name === "evaluate")
    .flatMap(({ region }) => region.results)
    .reduce((count, value) => count + loopsBelow(value.node, new Set()), 0);

function loopsBelow(
  node: Module["programs"][number]["region"]["results"][number]["node"],
  seen: Set<unknown>,
): number {
  if (seen.has(node)) return 0;
  seen.add(node);
  const own = node.operation === "repeat" ? 1 : 0;
  return node.inputs.reduce((count, input) => count + loopsBelow(input.node, seen), own);
}

const shared = `
adapter shifts() on linear {
  train all [layers, out] at "shifts" = normal(1) { shared: true }
  forward(x, y) { y + all[layer] }
}
`;

test("one tensor for all layers, each taking its slice: layers stay one loop, and gradients reach their slices", () => {
  const made = elaborated(shared, "shifts { on: [mlp] }");
  expect(trainedShapes(made)).toEqual({ "shifts.shifts": [4, 3] });
  expect(made.adapters[0]?.saved).toEqual([{ variable: "shifts.shifts", keys: ["shifts"] }]);
  expect(made.adapters[0]?.parts).toEqual([]);
  expect(repeats(made.module)).toBe(1);
  checkGradients(made);
});

test("one tensor used by every layer in the same way: its gradient is the sum over the layers", () => {
  const made = elaborated(
    `
adapter gains() on linear {
  train gain [in] at "gain" = normal(1) { shared: true }
  forward(x) { base(x * gain) }
}
`,
    "gains { on: [mlp] }",
  );
  expect(trainedShapes(made)).toEqual({ "gains.gain": [3] });
  expect(repeats(made.module)).toBe(1);
  checkGradients(made);
});

test("an adapter on layers, and only on the last of them", () => {
  const made = elaborated(
    `
adapter late(count: number) on block {
  if layer >= layers - count {
    train gain [model.hidden] at "gain" = normal(1)
    forward(x, y) { x + gain * y }
  }
}
`,
    "late { count: 2 }",
  );
  expect(trainedShapes(made)).toEqual({ "late.blocks.{i+2}.gain": [2, 3] });
  expect(made.adapters[0]?.parts).toEqual(["blocks.2", "blocks.3"]);
  expect(made.adapters[0]?.saved[0]?.keys).toEqual([
    "base_model.model.blocks.2.gain",
    "base_model.model.blocks.3.gain",
  ]);
  checkGradients(made);
});

test("a tensor that the last layers take slices of: the loop counts from their first", () => {
  const made = elaborated(
    `
adapter late(count: number) on linear {
  if layer >= layers - count {
    train own [out] at "own" = normal(1)
    train all [layers, out] at "all" = normal(1) { shared: true }
    forward(x, y) { y * own + all[layer] }
  }
}
`,
    "late { count: 3, on: [mlp] }",
  );
  const module = staged(made);
  const gradient = made.trained.find(({ weight }) => weight === "late.all")?.gradient ?? "";
  const found = evaluateProgram(module, "micro", values(module)).get(gradient)?.data ?? new Float64Array();
  expect([...found.subarray(0, 3)]).toEqual([0, 0, 0]);
  expect(found.subarray(3).every((slope) => slope !== 0)).toBe(true);
  checkGradients(made);
});

test("an adapter on the model sees what the layers start from, and what they come to", () => {
  const made = elaborated(
    `
adapter around() on model {
  train before [base.hidden] at "before" = normal(1)
  train after [base.hidden] at "after" = normal(1)
  forward(x, positions, segments) { base(x * before, positions, segments) * after }
}
`,
    "around",
  );
  expect(trainedShapes(made)).toEqual({ "around.before": [3], "around.after": [3] });
  expect(made.adapters[0]?.saved.map(({ keys }) => keys)).toEqual([["before"], ["after"]]);
  checkGradients(made);
});

test("a shared tensor has one shape", () => {
  const { diagnostics } = compiled(
    `
adapter shifts() on linear {
  train shift [out] at "shift" = 0 { shared: true }
  forward(x, y) { y + shift }
}
`,
    "shifts",
  );
  expect(renderText(diagnostics)).toMatchSnapshot();
});
