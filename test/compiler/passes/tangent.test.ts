import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { applyAll, constant } from "../../../compiler/ir/build.ts";
import { sizeOf, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { validateRegion } from "../../../compiler/ir/validate.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { countOperations, makeParameter } from "../../../compiler/passes/rebuild.ts";
import { moveAlong } from "../../../compiler/passes/tangent.ts";
import { input, matmul, numbers, op, repeat, run, sum, total } from "./graphs.ts";
import { randomRegion } from "./random-graphs.ts";

/** Moves all parameters but those named, each along a parameter of its own. */
function moved(region: Region, still: readonly number[] = []): { both: Region; directions: Value[] } {
  const moving = region.parameters.filter((_, index) => !still.includes(index));
  const directions = moving.map((parameter) => makeParameter("direction", parameter));
  const both = moveAlong(
    region,
    new Map(moving.map((parameter, index) => [parameter, directions[index] as Value])),
  );
  return { both: { parameters: [...region.parameters, ...directions], results: both.results }, directions };
}

/** The tangent of result 0, a scalar, against its gradient's product with the direction; the results stay what they were. */
function check(region: Region, still: readonly number[] = []): Region {
  const { both } = moved(region, still);
  expect(validateRegion(both, "moved")).toEqual([]);
  const inputs = numbers(region);
  const wanted = [...region.parameters.keys()].filter((index) => !still.includes(index));
  const along = numbers(
    { parameters: wanted.map((index) => region.parameters[index] as Value), results: [] },
    2,
  );
  const found = run(both, [...inputs, ...along]);
  run(region, inputs).forEach((result, index) =>
    expect(Array.from(found[index]?.data ?? [])).toEqual(Array.from(result.data)),
  );
  const gradients = run(differentiate(region, { of: 0, withRespectTo: wanted }), inputs).slice(
    region.results.length,
  );
  const expected = gradients.reduce(
    (total, { data }, at) => total + data.reduce((part, x, i) => part + x * (along[at]?.data[i] ?? 0), 0),
    0,
  );
  const tangent = found[region.results.length]?.data[0] ?? NaN;
  expect(Math.abs(tangent - expected)).toBeLessThan(1e-9 * (1 + Math.abs(expected)));
  return both;
}

describe("forward-mode differentiation", () => {
  it("a straight graph with several uses of a value", () => {
    const [x, w] = [input("x", 2, 3), input("w", 3, 3)];
    const h = op("tanh", matmul(x, w));
    check({ parameters: [x, w], results: [total(op("multiply", op("sin", h), op("add", h, matmul(x, w))))] });
  });

  const layers = (reverse: boolean): Region => {
    const [x, w, shared] = [input("x", 2, 3), input("w", 4, 3, 3), input("shared", 3)];
    const { carried, collected } = repeat({
      count: 4,
      reverse,
      constants: [shared],
      carried: [x],
      stacked: [w],
      body: ([c], [h], [weight]) => {
        const next = op("tanh", op("multiply", matmul(h as Value, weight as Value), c as Value));
        return { next: [next], collected: [op("sin", sum(op("multiply", next, h as Value), 1))] };
      },
    });
    const loss = op("add", total(op("sin", carried[0] as Value)), total(op("exp", collected[0] as Value)));
    return { parameters: [x, w, shared], results: [loss, collected[0] as Value] };
  };

  it("repeats carry tangents along, forwards and in reverse", () => {
    expect(countOperations(check(layers(false))).get("repeat")).toBe(1);
    check(layers(true));
  });

  it("a carried value that starts still moves once the body moves it", () =>
    void check(layers(false), [0, 2]));

  it("what does not move costs nothing", () => {
    const { both } = moved(layers(false), [0, 1, 2]);
    expect(countOperations(both).get("matmul")).toBe(1);
    expect(
      run(both, numbers(both))
        .slice(2)
        .every(({ data }) => data.every((value) => value === 0)),
    ).toBe(true);
  });

  it("a call keeps its kernel for the results, and moves by its body", () => {
    const [x, w] = [input("x", 2, 3), input("w", 3, 2)];
    const [a, b] = [input("a", 2, 3), input("b", 3, 2)];
    const body = { parameters: [a, b], results: [op("tanh", matmul(a, b))] };
    const [y] = applyAll("call", [x, w], { function: "f", kernel: "k" }, [body]);
    const both = check({ parameters: [x, w], results: [total(op("sin", y as Value))] });
    expect(countOperations(both).get("call")).toBe(1);
  });

  it("whole numbers do not move", () => {
    const x = input("x", 3);
    const whole = op("floor", x);
    const { both } = moved({ parameters: [x], results: [total(op("add", whole, constant(1, "f32", [3])))] });
    expect(Array.from(run(both, numbers(both))[1]?.data ?? [])).toEqual([0]);
  });

  it("random graphs", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 1e6 }), (seed) => {
        const region = randomRegion(seed);
        check(region);
        return region.parameters.every(({ shape }) => sizeOf(shape) > 0);
      }),
      { numRuns: 40, seed: 7 },
    );
  });
});
