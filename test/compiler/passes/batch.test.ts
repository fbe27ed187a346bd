// Repeats that become operations on whole stacks mean what they meant; those that must stay do.
import { describe, expect, test } from "vitest";
import { apply, parameter } from "../../../compiler/ir/build.ts";
import type { Region, Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { batch, roomBytes } from "../../../compiler/passes/batch.ts";
import { fuse } from "../../../compiler/passes/fuse.ts";
import { copyRegion, countOperations } from "../../../compiler/passes/rebuild.ts";
import { isRepeat } from "../../../compiler/passes/rebuild-repeat.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { regionOf, tensors, trials } from "../ops/samples.ts";
import { input, matmul, numbers, op, repeat, run, sum } from "./graphs.ts";

const count = 3;

/** The body repeated over stacks of what it takes. */
function over(body: Region): Region {
  const copy = copyRegion(body);
  const stacks = copy.parameters.map(({ shape, type }, index) =>
    parameter({ shape: [count, ...shape], type }, `stack_${index}`),
  );
  const attributes = { count, constants: 0, carried: 0, reverse: false };
  return { parameters: stacks, results: [apply("repeat", stacks, attributes, [copy])] };
}

const loops = (region: Region): number => countOperations(region).get("repeat") ?? 0;

describe("every operation with a rule for stacks does to a stack what it does to its slices", () => {
  const ruled = trials.filter(
    ({ record }) => record.batch !== undefined || record.lowering.kind === "elementwise",
  );
  test.each(ruled)("$title", (trial) => {
    const body = regionOf(trial);
    const region = over(body);
    const batched = batch(region, desktop);
    expect(loops(batched)).toBe(0);
    const slices = tensors(trial.sample);
    const stacked = slices.map(({ shape, data }, at) => ({
      shape: region.parameters[at]?.shape ?? shape,
      data: Float64Array.from({ length: count * data.length }, (_, index) => data[index % data.length] ?? 0),
    }));
    const [found, wanted] = [interpret(batched, stacked), interpret(region, stacked)];
    expect(found).toEqual(wanted);
  });
});

/** An update such as an optimizer makes: new values and a share of their norm, by a factor that all layers have. */
function update(rows: number, columns: number, step: (w: Value, g: Value, factor: Value) => Value): Region {
  const [w, g] = [input("w", count, rows, columns), input("g", count, rows, columns)];
  const factor = input("factor");
  const { collected } = repeat({
    count,
    constants: [factor],
    stacked: [w, g],
    body: ([f], _, [own, gradient]) => ({
      collected: [step(own as Value, gradient as Value, f as Value)],
    }),
  });
  return { parameters: [w, g, factor], results: [...collected] };
}

const plain = (w: Value, g: Value, factor: Value): Value => op("subtract", w, op("multiply", g, factor));
const normed = (w: Value, g: Value, factor: Value): Value =>
  op("subtract", w, op("multiply", op("divide", g, op("sqrt", sum(op("multiply", g, g), 0, 1))), factor));

test("an update is one kernel for all layers, and means the same", () => {
  for (const step of [plain, normed]) {
    const region = update(4, 8, step);
    const batched = batch(region, desktop);
    expect(loops(batched)).toBe(0);
    const given = numbers(region, 5);
    run(region, given)[0]?.data.forEach((value, at) =>
      expect(run(batched, given)[0]?.data[at]).toBeCloseTo(value, 12),
    );
  }
});

test("a loop in the body becomes a loop over stacks", () => {
  const region = update(4, 4, (w, g) => {
    const { carried } = repeat({
      count: 2,
      constants: [g],
      carried: [w],
      body: ([c], [x]) => ({ next: [matmul(x as Value, c as Value)] }),
    });
    return carried[0] as Value;
  });
  const batched = batch(region, desktop);
  expect(loops(batched)).toBe(1);
  expect(batched.results[0]?.node.operation).toBe("repeat");
  const given = numbers(region, 7);
  run(region, given)[0]?.data.forEach((value, at) =>
    expect(run(batched, given)[0]?.data[at]).toBeCloseTo(value, 12),
  );
});

test("what does not fit one binding, or would leave much between its ends, stays layer by layer", () => {
  const small = { ...desktop, limits: { ...desktop.limits, maxStorageBufferBindingSize: 1024 } };
  expect(batch(update(4, 8, plain), small).results[0]?.node.operation).toBe("subtract");
  expect(batch(update(16, 16, plain), small).results[0]?.node.operation).toBe("repeat");
  const side = 2 * Math.ceil(Math.sqrt(roomBytes / 4 / count));
  expect(batch(update(side, side, plain), desktop).results[0]?.node.operation).toBe("subtract");
  expect(batch(update(side, side, normed), desktop).results[0]?.node.operation).toBe("repeat");
});

test("a stack that is cleared is cleared by the kernels that read it, slice by slice", () => {
  const region = update(4, 8, plain);
  const zeros = apply("constant", [], { value: 0, type: "f32", shape: [count, 4, 8] });
  const both = { parameters: region.parameters, results: [...region.results, zeros] };
  const fused = fuse(both, desktop, { previous: [0, 1] });
  const [w, cleared] = fused.results;
  expect(w !== undefined && isRepeat(w.node) && cleared?.node === w.node).toBe(true);
  expect(countOperations(fused).get("fused")).toBe(1);
  const given = numbers(both, 9);
  expect(run(fused, given)).toEqual(run(both, given));
});
