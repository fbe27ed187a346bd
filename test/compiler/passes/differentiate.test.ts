import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { apply, constant } from "../../../compiler/ir/build.ts";
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { simplify } from "../../../compiler/passes/simplify.ts";
import { validateRegion } from "../../../compiler/ir/validate.ts";
import { countOperations } from "../../../compiler/passes/rebuild.ts";
import {
  centralDifferences,
  input,
  matmul,
  numbers,
  op,
  repeat,
  reshape,
  run,
  stretch,
  sum,
  total,
  view,
} from "./graphs.ts";
import { randomRegion } from "./random-graphs.ts";

/** Differentiates result 0 in all parameters and compares with central differences; the results stay what they were. */
function check(region: Region, kernelGradients?: ReadonlyMap<string, string>): Region {
  const withRespectTo = [...region.parameters.keys()];
  const both = differentiate(region, {
    of: 0,
    withRespectTo,
    ...(kernelGradients === undefined ? {} : { kernelGradients }),
  });
  const inputs = numbers(region);
  const found = run(both, inputs);
  run(region, inputs).forEach((result, index) =>
    expect(Array.from(found[index]?.data ?? [])).toEqual(Array.from(result.data)),
  );
  for (const index of withRespectTo) {
    const gradient = Array.from(found[region.results.length + index]?.data ?? []);
    const expected = centralDifferences(region, inputs, 0, index);
    expect(gradient).toHaveLength(expected.length);
    gradient.forEach((value, at) =>
      expect(Math.abs(value - (expected[at] ?? 0))).toBeLessThan(1e-5 + 1e-3 * Math.abs(expected[at] ?? 0)),
    );
  }
  return both;
}

const silu = (x: Value): Value => op("divide", x, op("add", op("exp", op("negate", x)), 1));

function rmsnorm(x: Value, weight: Value): Value {
  const mean = op("divide", sum(op("multiply", x, x), x.shape.length - 1), x.shape.at(-1) ?? 1);
  return op("multiply", op("multiply", x, op("rsqrt", op("add", mean, 0.1))), weight);
}

describe("differentiate: straight graphs", () => {
  it("adds the gradients of several uses", () => {
    const x = input("x", 3);
    check({ parameters: [x], results: [total(op("multiply", op("sin", x), op("add", x, op("exp", x))))] });
  });

  it("a gated layer with a norm", () => {
    const [x, weight, gate, up, down] = [
      input("x", 2, 3),
      input("w", 3),
      input("gate", 4, 3),
      input("up", 4, 3),
      input("down", 3, 4),
    ];
    const n = rmsnorm(x, weight);
    const hidden = op("multiply", silu(matmul(n, gate, false, true)), matmul(n, up, false, true));
    check({
      parameters: [x, weight, gate, up, down],
      results: [total(op("sin", op("add", x, matmul(hidden, down, false, true))))],
    });
  });

  it("cross entropy", () => {
    const logits = input("logits", 3, 5);
    const top = apply("stop_gradient", [view("max", logits, { axes: [1] })]);
    const lse = op("add", top, op("log", sum(op("exp", op("subtract", logits, top)), 1)));
    const classes = apply("iota", [], { shape: [3, 5], axis: 1, type: "i32" });
    const hit = apply("equal", [classes, constant(2, "i32", [3, 5])]);
    const picked = sum(apply("select", [hit, logits, constant(0, "f32", [3, 5])]), 1);
    check({ parameters: [logits], results: [total(op("subtract", lse, picked))] });
  });

  it("a seed scales all gradients, and what has no influence gets zeros", () => {
    const [x, y, scale] = [input("x", 2), input("y", 2), input("scale")];
    const region = { parameters: [x, y, scale], results: [total(op("sin", x))] };
    const both = differentiate(region, { of: 0, withRespectTo: [0, 1], seed: scale });
    const [, dx, dy] = run(both, [
      { shape: [2], data: Float64Array.of(0, 1) },
      { shape: [2], data: Float64Array.of(5, 6) },
      { shape: [], data: Float64Array.of(8) },
    ]);
    expect(Array.from(dx?.data ?? [])).toEqual([8, 8 * Math.cos(1)]);
    expect(Array.from(dy?.data ?? [])).toEqual([0, 0]);
  });

  it("builds nothing for frozen weights", () => {
    const [x, base, a, b] = [input("x", 2, 3), input("base", 3, 3), input("a", 2, 3), input("b", 3, 2)];
    const layer = (h: Value): Value =>
      op("add", matmul(h, base, false, true), matmul(matmul(h, a, false, true), b, false, true));
    const region = { parameters: [x, base, a, b], results: [total(op("sin", layer(op("tanh", layer(x)))))] };
    const both = differentiate(region, { of: 0, withRespectTo: [2, 3] });
    // Forward: 3 products a layer. Backward: the second layer dh, (dh of b), dA, dB and the base's dh: 5; the first: 3, no dx.
    expect(countOperations(both).get("matmul")).toBe(6 + 5 + 3);
    check(region);
  });
});

describe("differentiate: repeat", () => {
  const layers = (reverse: boolean): Region => {
    const [x, w, shared, extra] = [
      input("x", 2, 3),
      input("w", 4, 3, 3),
      input("shared", 3),
      input("extra", 4, 2, 3),
    ];
    const { carried, collected } = repeat({
      count: 4,
      reverse,
      constants: [shared],
      carried: [x],
      stacked: [w, extra],
      body: ([c], [h], [weight, add]) => {
        const next = op(
          "tanh",
          op("add", op("multiply", matmul(h as Value, weight as Value), c as Value), add as Value),
        );
        return { next: [next], collected: [op("sin", sum(op("multiply", next, h as Value), 1))] };
      },
    });
    const loss = op("add", total(op("sin", carried[0] as Value)), total(op("exp", collected[0] as Value)));
    return { parameters: [x, w, shared, extra], results: [loss, collected[0] as Value] };
  };

  it("constants, carried and stacked values", () => {
    const both = check(layers(false));
    expect(countOperations(both).get("repeat")).toBe(2);
  });

  it("in reverse", () => void check(layers(true)));

  it("runs nothing backward where only the last part is wanted, and stacks no gradient of frozen weights", () => {
    const region = layers(false);
    const both = differentiate(region, { of: 0, withRespectTo: [2] });
    const backward = both.results.at(-1)?.node;
    expect(backward?.attributes).toMatchObject({ count: 4, carried: 2, reverse: true });
    expect(backward?.outputs).toHaveLength(2);
    const none = differentiate(region, { of: 0, withRespectTo: [] });
    expect(countOperations(none).get("repeat")).toBe(1);
  });

  it("without carried values: chunks need nothing saved", () => {
    const [x, w] = [input("x", 3, 2, 4), input("w", 5, 4)];
    const { collected } = repeat({
      count: 3,
      constants: [w],
      stacked: [x],
      body: ([c], _, [chunk]) => ({
        collected: [op("log", sum(op("exp", matmul(chunk as Value, c as Value, false, true)), 1))],
      }),
    });
    const both = check({ parameters: [x, w], results: [total(collected[0] as Value)] });
    expect(both.results[0]?.node.operation).toBe("reshape");
    const forward = both.results[0]?.node.inputs[0]?.node.inputs[0]?.node;
    expect(forward?.operation).toBe("repeat");
    expect(forward?.outputs).toHaveLength(1);
  });

  it("several carried values, one of which only becomes active in the loop", () => {
    const [x, y, z] = [input("x", 2), input("y", 2), input("z", 3, 2)];
    const { carried } = repeat({
      count: 3,
      carried: [x, y, constant(0, "f32", [2])],
      stacked: [z],
      body: (_, [a, b, s], [slice]) => ({
        next: [
          op("multiply", b as Value, slice as Value),
          op("sin", a as Value),
          op("add", s as Value, op("multiply", a as Value, b as Value)),
        ],
      }),
    });
    check({ parameters: [x, y, z], results: [total(op("exp", carried[2] as Value))] });
  });

  it("nested", () => {
    const [x, w, v] = [input("x", 3), input("w", 2, 3, 3, 3), input("v", 2, 3)];
    const { carried } = repeat({
      count: 2,
      carried: [x],
      stacked: [w, v],
      body: (_, [h], [weights, bias]) => {
        const inner = repeat({
          count: 3,
          constants: [bias as Value],
          carried: [reshape(h as Value, 1, 3)],
          stacked: [weights as Value],
          body: ([c], [k], [weight]) => {
            const next = op(
              "tanh",
              op("add", matmul(k as Value, weight as Value), stretch(c as Value, 1, 3)),
            );
            return { next: [next], collected: [op("multiply", next, next)] };
          },
        });
        const seen = reshape(sum(inner.collected[0] as Value, 0), 3);
        return { next: [op("add", op("sin", seen), reshape(inner.carried[0] as Value, 3))] };
      },
    });
    const both = check({ parameters: [x, w, v], results: [total(op("sin", carried[0] as Value))] });
    // Outer and inner forward, outer backward with the inner forward again and the inner backward.
    expect(countOperations(both).get("repeat")).toBe(5);
  });
});

describe("differentiate: any graph", () => {
  it("has the gradients of central differences", () => {
    fc.assert(
      // What stops gradients has other central differences, so it goes first.
      fc.property(fc.nat(), (seed) => void check(simplify(randomRegion(seed, 10), { differentiated: true }))),
      { numRuns: 60, seed: 7 },
    );
  });
});

describe("differentiate: 16-bit values", () => {
  it("have 16-bit gradients, summed in f32 over iterations", () => {
    const [x, w] = [input("x", 2, 3), input("w", 3, 3)];
    const half = (value: Value): Value => apply("cast", [value], { type: "f16" });
    const { carried } = repeat({
      count: 3,
      constants: [half(w)],
      carried: [x],
      body: ([c], [h]) => ({ next: [op("sin", matmul(half(h as Value), c as Value))] }),
    });
    const region = { parameters: [x, w], results: [total(carried[0] as Value)] };
    const both = differentiate(region, { of: 0, withRespectTo: [0, 1] });
    expect(validateRegion(both, "differentiated")).toEqual([]);
    const inputs = numbers(region);
    const gradient = run(both, inputs)[2]?.data ?? [];
    // The forward pass rounds too, so differences are taken of the same graph without casts.
    const exact = repeat({
      count: 3,
      constants: [w],
      carried: [x],
      body: ([c], [h]) => ({ next: [op("sin", matmul(h as Value, c as Value))] }),
    });
    const expected = centralDifferences(
      { parameters: [x, w], results: [total(exact.carried[0] as Value)] },
      inputs,
      0,
      1,
    );
    expected.forEach((value, at) => expect(Math.abs(value - (gradient[at] ?? 0))).toBeLessThan(5e-3));
    const backward = both.results[2]?.node.inputs[0]?.node.inputs[0]?.node;
    expect(backward?.operation).toBe("repeat");
    expect(backward?.outputs.map(({ type }) => type)).toEqual(["f32", "f32"]);
  });
});

describe("differentiate: call", () => {
  const softmaxed = (kernel: string): Region => {
    const [x, w, mask] = [input("x", 2, 3), input("w", 3, 3), input("mask", 2, 3)];
    const [p, q, m] = [input("p", 2, 3), input("q", 3, 3), input("m", 2, 3)];
    const powers = op("exp", op("add", matmul(p, q), m));
    const all = sum(powers, 1);
    const region = { parameters: [p, q, m], results: [op("divide", powers, all), op("log", all)] };
    const output = apply("call", [x, w, mask], { function: "softmaxed", kernel }, [region]);
    return { parameters: [x, w, mask], results: [total(op("multiply", op("sin", output), x))] };
  };
  const kernels = new Map([["softmax", "softmax_backward"]]);

  it("becomes one call of the backward kernel, with the gradients that are wanted", () => {
    check(softmaxed("softmax"), kernels);
    const both = differentiate(softmaxed("softmax"), {
      of: 0,
      withRespectTo: [0, 1],
      kernelGradients: kernels,
    });
    const call = both.results[2]?.node;
    expect(call?.attributes).toEqual({
      function: "softmaxed backward",
      kernel: "softmax_backward",
      of: [0],
      to: [0, 1],
    });
    expect(call?.inputs.map(({ shape }) => shape)).toEqual([
      [2, 3],
      [2, 3],
      [3, 3],
      [2, 3],
      [2, 3],
      [2, 1],
    ]);
    expect(countOperations(both).get("call")).toBe(2);
  });

  it("is inlined where there is no backward kernel", () => {
    const both = check(softmaxed("other"), kernels);
    expect(countOperations(both).has("call")).toBe(false);
  });
});
