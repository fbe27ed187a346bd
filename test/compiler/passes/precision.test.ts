// Which values are held in 16 bits: what products take and give, what layers hand on, and the gradients of those; and what is not.
import { describe, expect, test } from "vitest";
import { apply } from "../../../compiler/ir/build.ts";
import type { Node, Program, Region, Value } from "../../../compiler/ir/graph.ts";
import { parseModule } from "../../../compiler/ir/text-read.ts";
import { printModule } from "../../../compiler/ir/text.ts";
import { operationOf } from "../../../compiler/ops/index.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { precise, type Precision } from "../../../compiler/passes/precision.ts";
import { at, nodesBetween } from "../../../compiler/passes/rebuild.ts";
import { isRepeat, readRepeat } from "../../../compiler/passes/rebuild-repeat.ts";
import { simplify } from "../../../compiler/passes/simplify.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { in16Bits, lora, moduleOf, recipe } from "../plan/recipes.ts";
import { input, matmul, op, repeat, reshape, sum, total } from "./graphs.ts";

const half: Precision = { compute: "f16", store: "f16" };

/** Layers x + tanh(norm(x) W) on [4, width], then a product with a head and the sum of its squares. */
function model(width: number): Program {
  const [x, w, head] = [input("x", 4, width), input("w", 3, width, width), input("head", width, 6)];
  const layers = repeat({
    count: 3,
    carried: [x],
    stacked: [w],
    body: (_, [h], [weight]) => {
      if (h === undefined || weight === undefined) throw new Error("no parameters");
      const norm = op("multiply", h, op("rsqrt", op("add", sum(op("multiply", h, h), 1), 1e-5)));
      return { next: [op("add", h, op("tanh", matmul(norm, weight)))] };
    },
  });
  const logits = matmul(at(layers.carried, 0), head);
  const region = { parameters: [x, w, head], results: [total(op("multiply", logits, logits))] };
  return { name: "micro", reads: ["x", "w", "head"], writes: ["loss"], region };
}

const weights = new Set(["w", "head"]);
const narrowed = (width: number, precision = half): Region =>
  precise(model(width), weights, precision, new Map()).region;

function nodesIn(region: Region): readonly Node[] {
  return nodesBetween(region.results, new Map()).flatMap((node) => [node, ...node.regions.flatMap(nodesIn)]);
}

const products = (region: Region): readonly Node[] =>
  nodesIn(region).filter(({ operation }) => operationOf(operation).lowering.kind === "product");

describe("the forward pass", () => {
  test("products take the type of products, whatever feeds them; layers hand on the type of storage", () => {
    const region = narrowed(8, { compute: "f16", store: "bf16" });
    for (const { inputs } of products(region)) expect(inputs.map(({ type }) => type)).toEqual(["f16", "f16"]);
    const loop = nodesIn(region).find(isRepeat);
    if (loop === undefined) throw new Error("no loop");
    expect(readRepeat(loop).carried.map(({ inner }) => inner.type)).toEqual(["bf16"]);
    // Weights are handed in as they are stored.
    expect(readRepeat(loop).stacked.map(({ inner }) => inner.type)).toEqual(["f32"]);
  });

  test("what no product follows stays in f32", () => {
    const [logits] = products(narrowed(8)).slice(-1);
    const region = narrowed(8);
    const users = nodesIn(region).filter(({ inputs }) => inputs.some(({ node }) => node === logits));
    const last = nodesIn(region).find(({ outputs }) => outputs[0]?.shape.join() === "4,6");
    expect(last?.outputs[0]?.type).toBe("f32");
    expect(users.filter(({ operation }) => operation === "cast")).toEqual([]);
  });

  test("rows of an odd length stay in f32", () => {
    const types = nodesIn(narrowed(7)).flatMap(({ outputs }) =>
      outputs.filter(({ shape }) => shape.join() === "4,7"),
    );
    expect(new Set(types.map(({ type }) => type))).toEqual(new Set(["f32"]));
  });

  test("parameters and results keep their types", () => {
    const program = model(8);
    const { region } = program;
    const found = precise(program, weights, half, new Map()).region;
    expect(found.parameters).toBe(region.parameters);
    expect(found.results.map(({ type, shape }) => ({ type, shape }))).toEqual(
      region.results.map(({ type, shape }) => ({ type, shape })),
    );
  });
});

describe("gradients", () => {
  const region = simplify(differentiate(narrowed(8), { of: 0, withRespectTo: [0, 1, 2] }), {
    differentiated: true,
  });

  test("those of 16-bit values have their type, and products of the backward pass are products of them", () => {
    for (const { inputs } of products(region)) expect(inputs.map(({ type }) => type)).toEqual(["f16", "f16"]);
    const loops = nodesIn(region).filter(isRepeat);
    expect(loops).toHaveLength(2);
    for (const loop of loops)
      for (const { inner } of readRepeat(loop).carried)
        expect(inner.type, String(inner.node.attributes["name"])).toBe("f16");
  });

  test("those of weights are sums of products in f32, never rounded", () => {
    const rounded = (value: Value): boolean => {
      const { node } = value;
      if (value.type !== "f32") return true;
      if (operationOf(node.operation).lowering.kind === "product" || node.operation === "parameter")
        return false;
      if (isRepeat(node)) {
        const { carried, collected } = readRepeat(node);
        return rounded(at([...carried.map(({ next }) => next), ...collected], value.index));
      }
      return node.inputs.some(rounded);
    };
    expect(region.results.slice(2).map(({ type }) => type)).toEqual(["f32", "f32"]);
    expect(region.results.slice(2).map(rounded)).toEqual([false, false]);
  });

  test("no cast is left that changes nothing, and no mark for differentiation", () => {
    for (const { operation, inputs, outputs, attributes } of nodesIn(region)) {
      if (operation !== "cast") continue;
      expect(attributes["exact"]).toBeUndefined();
      const [x] = inputs;
      expect(
        x?.node.operation === "cast" && x.node.inputs[0]?.type === outputs[0]?.type && x.type === "f32",
      ).toBe(false);
    }
  });
});

test("16-bit operands lose their cast to f32, views between them or not", () => {
  const x = apply("parameter", [], { name: "x", type: "f16", shape: [4, 6] });
  const wide = apply("cast", [x], { type: "f32" });
  const w = input("w", 3, 8, 2);
  const product = matmul(reshape(wide, 3, 1, 8), w);
  const { results } = simplify({ parameters: [x, w], results: [product] });
  expect(at(results, 0).node.inputs.map(({ type }) => type)).toEqual(["f16", "f32"]);
});

describe("a whole recipe", () => {
  test("takes as many kernels as in f32, and about half of what passes between them", () => {
    const planOf = (text: string) => {
      const module = moduleOf(text, desktop);
      const micro = module.programs.find(({ name }) => name === "micro");
      if (micro === undefined) throw new Error("no program micro");
      return nodesIn(micro.region).filter(({ operation }) => operation === "fused");
    };
    const [plain, mixed] = [
      planOf(recipe(lora)),
      planOf(in16Bits(recipe(lora), "compute: f16, loss_scale: none")),
    ];
    expect(mixed.length).toBeLessThanOrEqual(plain.length);
    const large = (nodes: readonly Node[]): readonly string[] =>
      nodes
        .flatMap(({ outputs }) => outputs.filter(({ shape }) => shape[1] === 16 && (shape.at(-1) ?? 1) > 1))
        .map(({ type }) => type);
    expect(new Set(large(plain))).toEqual(new Set(["f32"]));
    expect(new Set(large(mixed))).toEqual(new Set(["f16"]));
  });

  test("prints and reads back", () => {
    const text = printModule(moduleOf(in16Bits(recipe(lora)), desktop));
    const { value } = parseModule(text);
    expect(value && printModule(value)).toBe(text);
  });

  test("a method without gradients has no loss to scale", () => {
    const text = in16Bits(recipe(lora), "compute: f16, loss_scale: 8").replace(
      /optimizer .*/,
      "optimizer sgd { rate: 1 }\n  method mezo",
    );
    expect(() => moduleOf(text, desktop)).toThrow("loss scaling belongs to backpropagation");
    expect(() => moduleOf(text.replace(", loss_scale: 8", ""), desktop)).not.toThrow();
  });
});
