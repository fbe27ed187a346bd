// What every record promises: samples, types that its evaluation keeps, misfits as data, gradients that are derivatives.
import { expect, test } from "vitest";
import { inferTypes, isMisfit } from "../../../compiler/ir/build.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { operations } from "../../../compiler/ops/index.ts";
import { gradientRegion, regionOf, tangentRegion, tensors, trials } from "./samples.ts";

test("every record has samples or is a region or a parameter", () => {
  const without = [...operations.values()].filter(
    ({ samples, lowering }) =>
      samples.length === 0 && lowering.kind !== "region" && lowering.kind !== "parameter",
  );
  expect(without.map(({ name }) => name)).toEqual([]);
});

test("names are unique and say what they compute", () => {
  for (const [name, record] of operations) {
    expect(record.name).toBe(name);
    expect(record.about).not.toBe("");
    expect(record.cost).toBeGreaterThanOrEqual(0);
  }
});

test.each(trials)("$title: its results have the inferred types", (trial) => {
  const region = regionOf(trial);
  const results = interpret(region, tensors(trial.sample));
  results.forEach(({ shape, data }, i) => {
    expect(shape).toEqual(region.results[i]?.shape);
    expect(data.length).toBe(sizeOf(shape));
    expect(data.every(Number.isFinite)).toBe(true);
  });
});

test("inputs that do not fit are misfits, never exceptions", () => {
  const odd = [
    { type: "bool", shape: [7, 5] },
    { type: "f32", shape: [] },
    { type: "u32", shape: [2, 3, 4] },
  ] as const;
  const attributes = [
    {},
    { shape: [0] },
    { shape: [2.5] },
    { axes: [9] },
    { axes: [] },
    { axis: -1 },
    { permutation: [0, 0] },
    { starts: [1], sizes: [1] },
    { value: Infinity, type: "f32", shape: [] },
    { type: "f64" },
    { transpose_a: 1, transpose_b: 0 },
  ];
  for (const name of operations.keys())
    for (let count = 0; count <= 3; count++)
      for (const given of attributes) {
        const types = inferTypes(name, odd.slice(0, count), given);
        if (!isMisfit(types)) continue;
        expect(types.misfit).toMatch(/\w/);
        expect(types.input).toBeLessThan(count);
      }
  expect(inferTypes("nonsense", [])).toEqual({ misfit: "no operation is called nonsense", input: -1 });
});

const EPSILON = 1e-6;

test.each(trials.filter((trial) => gradientRegion(trial) !== undefined))(
  "$title: its gradient is the derivative",
  (trial) => {
    const gradient = gradientRegion(trial);
    if (gradient === undefined) return;
    const forward = regionOf(trial);
    const inputs = tensors(trial.sample);
    // Weights that every float type holds, so that a 16-bit gradient is exact.
    const weights = forward.results.map(({ shape }) => ({
      shape,
      data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((i * 5) % 7) / 4 - 0.75),
    }));
    const loss = (): number =>
      interpret(forward, inputs)
        .flatMap(({ data }, i) => [...data].map((value, j) => value * (weights[i]?.data[j] ?? 0)))
        .reduce((sum, term) => sum + term, 0);
    const found = interpret(gradient.region, [...inputs, ...weights]);
    gradient.inputs.forEach((input, at) => {
      const data = inputs[input]?.data ?? new Float64Array();
      expect(found[at]?.data.length).toBe(data.length);
      data.forEach((value, i) => {
        data[i] = value + EPSILON;
        const above = loss();
        data[i] = value - EPSILON;
        const below = loss();
        data[i] = value;
        const wanted = (above - below) / (2 * EPSILON);
        expect(Math.abs((found[at]?.data[i] ?? NaN) - wanted)).toBeLessThanOrEqual(
          1e-5 + 1e-3 * Math.abs(wanted),
        );
      });
    });
  },
);

test("a gradient has the type of its input, and rules build nothing that is not wanted", () => {
  for (const trial of trials) {
    const gradient = gradientRegion(trial);
    gradient?.inputs.forEach((input, at) => {
      const [found, wanted] = [gradient.region.results[at], trial.sample.inputs[input]];
      expect([found?.type, found?.shape]).toEqual([wanted?.type, wanted?.shape]);
    });
  }
});

test("there is a tangent rule wherever there is a gradient rule", () => {
  for (const { name, gradient, tangent } of operations.values())
    expect([name, tangent !== undefined]).toEqual([name, gradient !== undefined]);
  for (const trial of trials)
    expect([trial.title, tangentRegion(trial) !== undefined]).toEqual([
      trial.title,
      gradientRegion(trial) !== undefined,
    ]);
});

/** Numbers that every float type holds. */
function simple(shape: readonly number[], turn: number): { shape: readonly number[]; data: Float64Array } {
  return { shape, data: Float64Array.from({ length: sizeOf(shape) }, (_, i) => ((i * turn) % 7) / 4 - 0.75) };
}

test.each(trials.filter((trial) => tangentRegion(trial) !== undefined))(
  "$title: its tangent is the derivative along a direction, and its gradient's product with it",
  (trial) => {
    const tangent = tangentRegion(trial);
    const gradient = gradientRegion(trial);
    if (tangent === undefined || gradient === undefined) throw new Error("no derivative");
    const forward = regionOf(trial);
    const inputs = tensors(trial.sample);
    const along = tangent.inputs.map((input) => simple(inputs[input]?.shape ?? [], 3));
    const found = interpret(tangent.region, [...inputs, ...along]);
    const moved = (by: number): readonly (readonly number[])[] => {
      const there = inputs.map(({ shape, data }, input) => {
        const direction = along[tangent.inputs.indexOf(input)]?.data;
        return { shape, data: data.map((value, i) => value + by * (direction?.[i] ?? 0)) };
      });
      return interpret(forward, there).map(({ data }) => [...data]);
    };
    // A cast rounds, so it has no differences; its rule is checked against its gradient.
    const rounds = trial.sample.inputs.some(({ type }) => type === "bf16" || type === "f16");
    const [above, below] = [moved(EPSILON), moved(-EPSILON)];
    found.forEach(({ data, shape }, output) => {
      expect(shape).toEqual(forward.results[output]?.shape);
      expect(tangent.region.results[output]?.type).toBe(forward.results[output]?.type);
      if (rounds) return;
      data.forEach((value, i) => {
        const [high, low] = [above[output]?.[i] ?? NaN, below[output]?.[i] ?? NaN];
        const wanted = (high - low) / (2 * EPSILON);
        // Differences of large numbers lose their last digits.
        const rounding = 1e-9 * Math.abs(high);
        expect(Math.abs(value - wanted)).toBeLessThanOrEqual(1e-5 + 1e-3 * Math.abs(wanted) + rounding);
      });
    });

    const weights = forward.results.map(({ shape }) => simple(shape, 5));
    const gradients = interpret(gradient.region, [...inputs, ...weights]);
    const product = (a: readonly { data: Float64Array }[], b: readonly { data: Float64Array }[]): number =>
      a.reduce(
        (sum, { data }, i) => sum + data.reduce((part, x, j) => part + x * (b[i]?.data[j] ?? 0), 0),
        0,
      );
    const directions = gradient.inputs.map((input) => along[tangent.inputs.indexOf(input)] ?? simple([0], 1));
    expect(product(gradients, directions)).toBeCloseTo(product(found, weights), 9);
  },
);
