// Layers of two kinds that take turns, against PyTorch: gemma2's two layers among others that add nothing, so that four and seven
// layers must give the loss and the gradients of two, whatever is saved for the backward pass.
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { everyBlocks, keepAll } from "../../../compiler/passes/checkpoint.ts";
import { stages } from "../../../compiler/stages.ts";
import { batchOf, expectedOf, filled, learnedTargets, modelFolder, tensorsIn } from "./reference.ts";

const recipe = `recipe turns {
  model "base"
  adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }
  precision f32
  data "rows.jsonl" { format: tokens, length: 48 }
  batch 2
  optimizer adamw { rate: 3e-3 }
  training 20 steps
}`;

/** Tensors of two layers as those of more: `places[n]` is where layer n goes. Layers between are copies, `change` put to use. */
function spread(
  tensors: ReadonlyMap<string, Tensor>,
  layers: number,
  places: readonly number[],
  change: (name: string, tensor: Tensor) => Tensor,
): Map<string, Tensor> {
  const found = [...tensors].flatMap(([name, tensor]): (readonly [string, Tensor])[] => {
    const layer = name.match(/layers\.(\d+)\./)?.[1];
    if (layer === undefined) return [[name, tensor]];
    return Array.from({ length: layers }, (_, index) => index)
      .filter((index) => index % 2 === Number(layer) % 2)
      .map((index) => [
        name.replace(/layers\.\d+\./, `layers.${index}.`),
        places.includes(index) ? tensor : change(name, tensor),
      ]);
  });
  return new Map(found);
}

/** A weight of −1 in a norm behind attention or MLP, which counts from one, leaves nothing of them. */
const silenced = (name: string, tensor: Tensor): Tensor =>
  /post_(attention|feedforward)_layernorm/.test(name)
    ? { ...tensor, data: tensor.data.map(() => -1) }
    : tensor;

test.each([
  [4, [2, 3], keepAll],
  [4, [0, 1], everyBlocks(1)],
  [7, [2, 5], everyBlocks(4)],
] as const)("%i layers of which %j count, checkpoint %j", async (layers, places, checkpoint) => {
  const folder = modelFolder("gemma2");
  const config = JSON.parse(readFileSync(`${folder}/base/config.json`, "utf8"));
  const deeper = JSON.stringify({ ...config, num_hidden_layers: layers, layer_types: undefined });
  const { input, diagnostics } = readRecipe({ path: "turns.ftl", text: recipe }, (path) =>
    path.endsWith("config.json") ? deeper : undefined,
  );
  expect(diagnostics).toEqual([]);
  const elaborated = input === undefined ? undefined : elaborate(input).elaborated;
  if (elaborated === undefined) throw new Error("not elaborated");
  let { module } = elaborated;
  for (const stage of stages)
    module = stage.run(module, {
      trained: elaborated.trained,
      along: elaborated.along,
      step: elaborated.step,
      checkpoint,
      kernelGradients,
      profile: desktop,
    });
  expect(validate(module)).toEqual([]);

  const base = spread(await tensorsIn(`${folder}/base/model.safetensors`), layers, places, silenced);
  const start = await tensorsIn(`${folder}/adapter_init/adapter_model.safetensors`);
  const scalars = new Float64Array(64);
  const numbers = { step: 1, update: 1, steps: 20, targets: learnedTargets("gemma2"), seed: 0 };
  module.scalars.forEach(({ expression }, index) => (scalars[index] = evaluateScalar(expression, numbers)));
  const found = evaluateProgram(
    module,
    "micro",
    new Map([
      ...filled(
        module,
        base,
        spread(start, layers, places, (_, tensor) => tensor),
      ),
      ...batchOf("gemma2", 0, 2),
      ["scalars", { shape: [64], data: scalars }],
    ]),
  );

  const [loss = NaN] = expectedOf("gemma2").lora.losses;
  expect(Math.abs((found.get("loss")?.data[0] ?? NaN) / loss - 1)).toBeLessThan(1e-6);
  const nothing = (_: string, { shape, data }: Tensor): Tensor => ({ shape, data: data.map(() => 0) });
  const wanted = spread(await tensorsIn(`${folder}/lora_grads.safetensors`), layers, places, nothing);
  for (const { weight, gradient } of elaborated.trained) {
    const { initial } = module.variables.find(({ name }) => name === weight) ?? {};
    if (initial === undefined || !("names" in initial)) throw new Error(`nothing known of ${weight}`);
    const data = found.get(gradient)?.data ?? new Float64Array();
    const size = data.length / initial.names.length;
    initial.names.forEach((key, index) => {
      const expected = wanted.get(key)?.data ?? new Float64Array(size).fill(NaN);
      const off = expected.map((value, at) => value - (data[index * size + at] ?? NaN));
      expect(Math.hypot(...off), key).toBeLessThan(1e-4 * Math.hypot(...expected) + 1e-12);
    });
  }
});
