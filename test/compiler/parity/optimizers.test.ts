// The library's optimizers: ten updates of a matrix and a vector as PyTorch and Transformers make them, or as the papers' formulas do.
// Layers of a stack are updated each as if it were alone.
import { fileURLToPath } from "node:url";
import { describe, expect, test } from "vitest";
import * as formulas from "./formulas.ts";
import { tensorsIn } from "./reference.ts";
import { updated, updateModule, type Given, type Pair } from "./updates.ts";

const sizes = { out: 24, in: 40 };

function off(found: Float64Array | undefined, wanted: Float64Array): number {
  const distance = wanted.reduce((sum, value, at) => sum + ((found?.[at] ?? NaN) - value) ** 2, 0);
  return Math.sqrt(distance / wanted.reduce((sum, value) => sum + value * value, 0));
}

async function reference(name: string): Promise<{ given: Given; final: Pair }> {
  const path = fileURLToPath(
    new URL(`../../fixtures/reference/optimizers/${name}.safetensors`, import.meta.url),
  );
  const tensors = await tensorsIn(path);
  const data = (key: string): Float64Array => tensors.get(key)?.data ?? new Float64Array();
  const gradients = Array.from({ length: 10 }, (_, at) => [
    { w: data(`w_grad.${at}`), b: data(`b_grad.${at}`) },
  ]);
  const given = { ...sizes, layers: [{ w: data("w0"), b: data("b0") }], gradients };
  return { given, final: { w: data("w"), b: data("b") } };
}

/** The same numbers with a second layer of others before and a third behind, larger and smaller by far. */
function between({ layers, gradients, ...rest }: Given): Given {
  const scaled = ({ w, b }: Pair, by: number): Pair => ({
    w: w.map((value) => value * by),
    b: b.map((value) => value * by),
  });
  const around = (list: readonly Pair[], by: number): Pair[] =>
    list.flatMap((pair) => [scaled(pair, by), pair, scaled(pair, 1 / by)]);
  return {
    ...rest,
    layers: around(layers, -5),
    gradients: gradients.map((pairs) => around(pairs, 30)),
  };
}

describe("as PyTorch and Transformers update", () => {
  test.each([
    ["adamw", "adamw { rate: 1e-2, weight_decay: 0.05 }"],
    ["sgd-momentum", "sgd { rate: 1e-2, momentum: 0.9, weight_decay: 0.05 }"],
    ["sgd-nesterov", "sgd { rate: 1e-2, momentum: 0.9, nesterov: true }"],
    ["adafactor", "adafactor { rate: 1e-2 }"],
    ["adafactor-relative", "adafactor { warmup: true }"],
    ["rmsprop", "rmsprop { rate: 1e-2 }"],
    ["adagrad", "adagrad { rate: 1e-2 }"],
  ])("%s", async (name, clause) => {
    const { given, final } = await reference(name);
    const many = between(given);
    const [, layer] = updated(updateModule(`optimizer ${clause}`, many), many);
    expect(off(layer?.w, final.w)).toBeLessThan(1e-6);
    expect(off(layer?.b, final.b)).toBeLessThan(1e-6);
  });
});

describe("as the formulas update", () => {
  test.each<[string, formulas.Formula]>([
    ["adam { rate: 1e-2, weight_decay: 0.05 }", formulas.adam(1e-2, 0.05)],
    ["lion { rate: 1e-3, weight_decay: 0.1 }", formulas.lion(1e-3, 0.1)],
    ["sgd { rate: 1e-2, momentum: 0.9, dampening: 0.5 }", formulas.dampened(1e-2, 0.9, 0.5)],
    ["rmsprop { rate: 1e-3, centered: true, momentum: 0.9 }", formulas.centered(1e-3, 0.9)],
    ["adagrad { rate: 1e-2, rate_decay: 0.1, initial: 0.5 }", formulas.adagrad(1e-2, 0.1, 0.5)],
    ["adafactor { rate: 1e-2, momentum: 0.9, weight_decay: 0.1 }", formulas.adafactor(1e-2, 0.9, 0.1)],
    ["muon { rate: 1e-2, weight_decay: 0.05 }", formulas.muon(1e-2, 0.05)],
  ])("%s", async (clause, formula) => {
    const { given } = await reference("adamw");
    const turned = { ...given, out: sizes.in, in: sizes.out };
    // A tall matrix takes another way than a wide one in some of them; the vector has the inner size.
    for (const each of clause.startsWith("muon") ? [given, { ...turned, ...narrow(turned) }] : [given]) {
      const found = updated(updateModule(`optimizer ${clause}`, each), each);
      expected(each, formula).forEach((pair, index) => {
        expect(off(found[index]?.w, pair.w)).toBeLessThan(1e-9);
        expect(off(found[index]?.b, pair.b)).toBeLessThan(1e-9);
      });
    }
  });
});

test("groups change options for single parameters, layers of a stack among them; what is said later goes first", async () => {
  const { given } = await reference("adamw");
  const many = between(given);
  const clause = `optimizer adam {
    rate: 1e-2
    weight_decay: 0.05
    group "*.b" { weight_decay: 0 }
    group ["layers.0", "embed"] { rate: 2e-2 }
    group "layers.0.own.b" { rate: 5e-3 }
  }`;
  const found = updated(updateModule(clause, many), many);
  const { adam } = formulas;
  const [first] = expected(many, adam(2e-2, 0.05), adam(5e-3, 0));
  const [, second, third] = expected(many, adam(1e-2, 0.05), adam(1e-2, 0));
  [first, second, third].forEach((pair, index) => {
    expect(off(found[index]?.w, pair?.w ?? new Float64Array())).toBeLessThan(1e-9);
    expect(off(found[index]?.b, pair?.b ?? new Float64Array())).toBeLessThan(1e-9);
  });
});

test("a group may give its parameters other states", async () => {
  const { given } = await reference("sgd-momentum");
  const many = between(given);
  const clause = `optimizer sgd { rate: 1e-2, momentum: 0.9, group "layers.1.own.w" { momentum: 0 } }`;
  const module = updateModule(clause, many);
  const states = module.variables.flatMap(({ name, shape }) =>
    name.startsWith("m of layers") ? [[name, shape] as const] : [],
  );
  expect(new Map(states)).toEqual(
    new Map([
      ["m of layers.{i}.own.w[0..0]", [1, 24, 40]],
      ["m of layers.{i}.own.w[2..2]", [1, 24, 40]],
      ["m of layers.{i}.own.b", [3, 40]],
    ]),
  );
  const found = updated(module, many);
  const [, plain] = expected(many, formulas.plain(1e-2));
  const [first, , third] = expected(many, formulas.dampened(1e-2, 0.9, 0));
  expect(off(found[0]?.w, first?.w ?? new Float64Array())).toBeLessThan(1e-9);
  expect(off(found[1]?.w, plain?.w ?? new Float64Array())).toBeLessThan(1e-9);
  expect(off(found[2]?.w, third?.w ?? new Float64Array())).toBeLessThan(1e-9);
});

test("a pattern that selects nothing is a mistake at the pattern", async () => {
  const { given } = await reference("adamw");
  expect(() => updateModule('optimizer sgd { rate: 1, group ["*.b", "*.bias"] { rate: 2 } }', given)).toThrow(
    "FTL0730 no parameter that trains has a name like '*.bias'",
  );
});

function narrow({ in: columns, layers, gradients }: Given): Pick<Given, "layers" | "gradients"> {
  const cut = ({ w, b }: Pair): Pair => ({ w, b: b.slice(0, columns) });
  return { layers: layers.map(cut), gradients: gradients.map((pairs) => pairs.map(cut)) };
}

function expected(
  { layers, gradients, ...size }: Given,
  ofW: formulas.Formula,
  ofB: formulas.Formula = ofW,
): readonly Pair[] {
  return layers.map((layer, index) => {
    const w = { values: layer.w.slice(), rows: size.out, columns: size.in, isMatrix: true };
    const b = { values: layer.b.slice(), rows: 1, columns: size.in, isMatrix: false };
    const states = [new Map<string, Float64Array>(), new Map<string, Float64Array>()] as const;
    gradients.forEach((given, at) => {
      ofW(w, given[index]?.w ?? new Float64Array(), at + 1, states[0]);
      ofB(b, given[index]?.b ?? new Float64Array(), at + 1, states[1]);
    });
    return { w: w.values, b: b.values };
  });
}
