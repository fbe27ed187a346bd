// Dropout: how often elements fall, that masks hang on nothing but seed, place, row and element, and that training with it is the
// same however the batch is split and whatever is computed again.
import { describe, expect, test } from "vitest";
import { callDefinition } from "../../../compiler/elaborate/functions.ts";
import { dropped } from "../../../compiler/elaborate/drop.ts";
import { anonymous, asTensor, tensor } from "../../../compiler/elaborate/tensors.ts";
import { drawing, traced, type Workspace } from "../../../compiler/elaborate/workspace.ts";
import { parameter } from "../../../compiler/ir/build.ts";
import { evaluateProgram, interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { batchOf, modelFolder } from "../parity/reference.ts";
import { firstValues, moduleOf, parityRecipe, relative, run } from "../parity/train.ts";
import { elaborated, tiny } from "./small.ts";

const span = { source: { path: "test.ftl", text: "" }, start: 0, end: 0 };

/** What is left of ones of a shape: rows from number `first` of the run's, by a place in the model. */
function left(
  shape: readonly number[],
  share: number,
  {
    first = 0,
    seed = 1,
    path = "a",
    draws = 1,
  }: { first?: number; seed?: number; path?: string; draws?: number } = {},
): readonly number[] {
  const ws: Workspace = {
    diagnostics: [],
    library: { lookup: () => undefined },
    callDefinition,
    length: { value: 4, span },
    scalars: [],
    frame: { reads: new Map() },
    origin: { source: span, recipe: undefined, path },
  };
  const x = parameter({ shape, type: "f32" }, "x");
  const dimensions = shape.map((size) => anonymous(size, span));
  const passed = { name: undefined, meaning: { kind: "number", value: share } as const, span };
  const scope = { rows: shape[0] ?? 1, adapter: "lora", layer: undefined, drawn: new Map() };
  const { result, frame } = traced(ws, () =>
    drawing(ws, scope, () => {
      const all = Array.from({ length: draws }, () => dropped(ws, tensor(x, dimensions), passed, span));
      return all.map((each) => asTensor(ws, each, span).value);
    }),
  );
  const given: Readonly<Record<string, number>> = { keys: seed, samples: first };
  const reads = [...frame.reads.values()];
  const ones: Tensor = { shape, data: new Float64Array(shape.reduce((a, b) => a * b, 1)).fill(1) };
  const inputs = reads.map(({ declared }) => ({
    shape: [1],
    data: Float64Array.of(given[declared.name] ?? NaN),
  }));
  const region = { parameters: [x, ...reads.map(({ value }) => value)], results: result };
  return [...(interpret(region, [ones, ...inputs]).at(-1)?.data ?? [])];
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe("a mask", () => {
  const shape = [4, 25, 40];

  test.each([0.05, 0.1, 0.5])("drops a share of %s and keeps the mean", (share) => {
    const values = left(shape, share);
    expect(new Set(values)).toEqual(new Set([0, 1 / (1 - share)]));
    const fallen = mean(values.map((value) => (value === 0 ? 1 : 0)));
    // Five standard deviations of a share of 4,000 draws.
    expect(Math.abs(fallen - share)).toBeLessThan(5 * Math.sqrt((share * (1 - share)) / values.length));
    // Neighbours fall independently.
    const both = mean(values.slice(1).map((value, at) => (value === 0 && values[at] === 0 ? 1 : 0)));
    expect(Math.abs(both - share ** 2)).toBeLessThan(5 * Math.sqrt(share ** 2 / values.length));
  });

  test("is the same for the same row, whichever micro-batch it is in", () => {
    const whole = left(shape, 0.5);
    const half = whole.length / 2;
    expect(left([2, 25, 40], 0.5)).toEqual(whole.slice(0, half));
    expect(left([2, 25, 40], 0.5, { first: 2 })).toEqual(whole.slice(half));
  });

  test("is another for another row, seed, place and draw", () => {
    const values = left([1, 25, 40], 0.5);
    const others = [{ first: 1 }, { seed: 2 }, { path: "b" }, { draws: 2 }];
    for (const other of others) {
      const same = left([1, 25, 40], 0.5, other).filter((value, at) => value === values[at]);
      expect(Math.abs(same.length - 500), JSON.stringify(other)).toBeLessThan(80);
    }
  });

  test("takes a share below 1", () => {
    expect(() => left(shape, 1)).toThrow("a share to drop is at least 0 and below 1");
    expect(() => left(shape, -0.1)).toThrow("a share to drop is at least 0 and below 1");
  });
});

describe("training with dropout", () => {
  const adapter = `${modelFolder("llama")}/adapter_init`;
  const made = (dropout: number, extra = "") =>
    moduleOf(
      "llama",
      parityRecipe(`adapter lora { rank: 4, alpha: 8, dropout: ${dropout}, start: "adapter_init" }`, extra),
    ).module;

  test("gives the same losses for any split of the batch and any checkpointing", async () => {
    const module = made(0.3);
    const whole = await run("llama", module, 2, { adapter, seed: 5 });
    for (const extra of ["accumulation 2", "checkpoint every 1"]) {
      const other = await run("llama", made(0.3, extra), 2, { adapter, seed: 5 });
      expect(relative(other.losses, whole.losses), extra).toBeLessThan(1e-9);
      expect(relative(other.norms, whole.norms), extra).toBeLessThan(1e-9);
    }
    const [first = NaN, second = NaN] = (await run("llama", module, 2, { adapter, seed: 6 })).losses;
    expect(Math.abs(first / (whole.losses[0] ?? NaN) - 1)).toBeGreaterThan(1e-6);
    expect(Math.abs(second / (whole.losses[1] ?? NaN) - 1)).toBeGreaterThan(1e-6);
  });

  test("is refused where rows cannot be told apart", () => {
    const head = tiny({ adapter: "adapter lora { rank: 2, dropout: 0.1, on: [lm_head] }" });
    expect(() => elaborated(head)).toThrow(
      "FTL0913 not built yet: dropout where the first axis does not count rows",
    );
  });

  test("is off in evaluation", async () => {
    const [plain, dropping] = await Promise.all(
      [0, 0.3].map(async (share) => {
        const module = made(share);
        const variables = await firstValues("llama", module, adapter, 0);
        return evaluateProgram(module, "evaluate", new Map([...variables, ...batchOf("llama", 0, 2)]));
      }),
    );
    expect(dropping?.get("evaluation")).toEqual(plain?.get("evaluation"));
  });
});
