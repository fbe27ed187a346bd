// Optimizers without a model's gradients: the update program of a small recipe is run by the float64 interpreter on gradients that a
// test gives. The model has layers of one matrix and one vector each, so that stacks are updated as in a real one.
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { sizeOf, type Module } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { kernelGradients } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { keepAll } from "../../../compiler/passes/checkpoint.ts";
import { stages } from "../../../compiler/stages.ts";

const layersFile = `import "stdlib/modules/embedding.ftl"

/// A matrix and a vector.
module pair [in, out]() {
  weight w [out, in] at "w"
  weight b [in] at "b"
  forward(x: [.., in]) { (x * b) @ w.T @ w }
}

/// Layers of pairs.
architecture pairs(config) {
  let vocabulary = 7
  embedding embed [vocabulary, config.in] at "embed"
  layer block[i in 0..<config.depth] at "layers.{i}" {
    pair own [config.in, config.out] at "own"
    forward(x: [rows, tokens, config.in]) { x + own(x) }
  }
  forward(x: [rows, tokens, config.in], positions: [rows, tokens], segments: [rows, tokens]) { block(x) }
  logits(x: [n, config.in]) -> [n, vocabulary] { x @ embed.W.T }
}
`;

/** A matrix [out, in] and a vector [in], or what belongs to them. */
export interface Pair {
  readonly w: Float64Array;
  readonly b: Float64Array;
}

export interface Given {
  readonly out: number;
  readonly in: number;
  /** First values, one a layer. */
  readonly layers: readonly Pair[];
  /** For each update the gradients, one a layer. */
  readonly gradients: readonly (readonly Pair[])[];
}

/** The module of a recipe whose optimizer is written so, as kernels are to be made of it. */
export function updateModule(
  optimizer: string,
  { layers, ...sizes }: Pick<Given, "in" | "out" | "layers">,
  profile: DeviceProfile = desktop,
): Module {
  const text = `import "pairs.ftl"
recipe updates {
  model "model" { train: all, init: random { seed: 1 } }
  data "rows.jsonl" { format: tokens, length: 4 }
  batch 1
  ${optimizer}
  training 10 steps
}`;
  const config = { model_type: "pairs", in: sizes.in, out: sizes.out, depth: layers.length };
  const files = new Map([
    ["pairs.ftl", layersFile],
    ["model/config.json", JSON.stringify(config)],
  ]);
  const front = readRecipe({ path: "recipe.ftl", text }, (path) => files.get(path));
  const said = front.diagnostics.map(({ code, message }) => `${code} ${message}`);
  const { elaborated, diagnostics } =
    front.input === undefined ? { elaborated: undefined, diagnostics: [] } : elaborate(front.input);
  said.push(...diagnostics.map(({ code, message }) => `${code} ${message}`));
  if (elaborated === undefined || said.length > 0) throw new Error(said.join("\n"));
  const { trained, along, step } = elaborated;
  const choices = { trained, along, step, checkpoint: keepAll, kernelGradients, profile } as const;
  // Kernels mean what they are fused from, which other tests show.
  const early = stages.filter(({ name }) => name !== "fuse");
  const module = early.reduce((before, stage) => stage.run(before, choices), elaborated.module);
  const faults = validate(module);
  if (faults.length > 0) throw new Error(faults.join("\n"));
  return module;
}

/** The layers after one update for each entry of the gradients. */
export function updated(module: Module, { layers, gradients }: Given): readonly Pair[] {
  const variables = new Map<string, Tensor>(
    module.variables.map(({ name, shape }) => [name, { shape, data: new Float64Array(sizeOf(shape)) }]),
  );
  const write = (name: string, values: readonly Float64Array[]): void => {
    const tensor = variables.get(name);
    if (tensor === undefined) throw new Error(`no variable ${name}`);
    values.forEach((data, index) => tensor.data.set(data, index * data.length));
  };
  if (module.programs.some(({ name }) => name === "initialize"))
    for (const [name, tensor] of evaluateProgram(module, "initialize", variables))
      variables.set(name, tensor);
  // A layer without equals beside it is no stack.
  const at = layers.length === 1 ? "0" : "{i}";
  const [w, b] = [`layers.${at}.own.w`, `layers.${at}.own.b`];
  write(
    w,
    layers.map((layer) => layer.w),
  );
  write(
    b,
    layers.map((layer) => layer.b),
  );
  gradients.forEach((given, index) => {
    const numbers = { step: index + 1, update: index + 1, steps: gradients.length, targets: 1, seed: 0 };
    write(
      `gradient of ${w}`,
      given.map((each) => each.w),
    );
    write(
      `gradient of ${b}`,
      given.map((each) => each.b),
    );
    const scalars = module.scalars.map(({ expression }) => evaluateScalar(expression, numbers));
    write("scalars", [Float64Array.from(scalars)]);
    for (const [name, tensor] of evaluateProgram(module, "update", variables)) variables.set(name, tensor);
  });
  const part = (name: string, index: number): Float64Array => {
    const data = variables.get(name)?.data ?? new Float64Array();
    const size = data.length / layers.length;
    return data.slice(index * size, (index + 1) * size);
  };
  return layers.map((_, index) => ({ w: part(w, index), b: part(b, index) }));
}
