// Every schedule of the library against its formula, written here again from the papers and from torch: at the first, the last and odd
// steps, warm-up in steps and in percent, runs of even and odd length.
import { describe, expect, test } from "vitest";
import { elaborate } from "../../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../../compiler/front.ts";
import { libraryIndex } from "../../../compiler/language/resolve.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";

const config = {
  model_type: "llama",
  vocab_size: 8,
  hidden_size: 4,
  intermediate_size: 4,
  num_hidden_layers: 1,
  num_attention_heads: 1,
  rms_norm_eps: 1e-6,
  hidden_act: "silu",
};

function recipe(schedule: string): string {
  return `recipe scheduled {
  model     "model" { train: all }
  data      "rows.jsonl" { format: tokens, length: 4 }
  batch     1
  optimizer sgd { rate: 1 }
  schedule  ${schedule}
  training  20 steps
}`;
}

/** The factor of the rate at each step of a run of so many steps, as the host computes it. */
function factorsOf(schedule: string): (steps: number) => number[] {
  const files = new Map([["model/config.json", JSON.stringify(config)]]);
  const front = readRecipe({ path: "recipe.ftl", text: recipe(schedule) }, (path) => files.get(path));
  const result = front.input === undefined ? undefined : elaborate(front.input);
  const found = [...front.diagnostics, ...(result?.diagnostics ?? [])];
  expect(found.map(({ message, label }) => `${message}: ${label}`)).toEqual([]);
  const rate = result?.elaborated?.rate ?? NaN;
  const at = (step: number, steps: number): number =>
    evaluateScalar(rate, { steps, update: 1, targets: 1, seed: 0, step });
  return (steps) => Array.from({ length: steps }, (_, index) => at(index + 1, steps));
}

/** The factor at step s of T, with w steps of warm-up. */
type Formula = (s: number, w: number, T: number) => number;

/** Rises to 1 over w steps, then `fall` over what is left: 0 at step w, 1 at step T. */
const after =
  (fall: (way: number) => number): Formula =>
  (s, w, T) =>
    s <= w ? s / w : fall((s - w) / (T - w));

const half = (way: number): number => (1 + Math.cos(Math.PI * way)) / 2;

/** torch.optim.lr_scheduler.OneCycleLR over steps counted from 0, as shares of max_lr; `up` is pct_start times the steps. */
function torchOneCycle(step: number, up: number, T: number, linear: boolean, three: boolean): number {
  const [initial, smallest] = [1 / 25, 1 / 25 / 1e4];
  const anneal = (from: number, to: number, way: number): number =>
    linear ? from + (to - from) * way : to + (from - to) * half(way);
  const ends = three ? [up - 1, 2 * up - 2, T - 1] : [up - 1, T - 1];
  const rates = three ? [initial, 1, initial, smallest] : [initial, 1, smallest];
  const phase = ends.findIndex((end) => step <= end);
  const begin = phase === 0 ? 0 : (ends[phase - 1] ?? NaN);
  const way = (step - begin) / ((ends[phase] ?? NaN) - begin);
  return anneal(rates[phase] ?? NaN, rates[phase + 1] ?? NaN, way);
}

const cases: readonly (readonly [name: string, options: string, formula: Formula])[] = [
  ["constant", "", (s, w) => Math.min(1, w === 0 ? 1 : s / w)],
  ["linear", "", after((way) => 1 - way)],
  ["linear", "floor: 0.1", after((way) => 1 - 0.9 * way)],
  ["cosine", "", after(half)],
  ["cosine", "floor: 10%", after((way) => 0.1 + 0.9 * half(way))],
  ["cosine", "restarts: 2", after((way) => (way === 1 ? 0 : half((3 * way) % 1)))],
  ["cosine", "restarts: 1, floor: 0.2", after((way) => (way === 1 ? 0.2 : 0.2 + 0.8 * half((2 * way) % 1)))],
  ["polynomial", "", after((way) => 1 - way)],
  ["polynomial", "power: 2.5, floor: 0.05", after((way) => 0.05 + 0.95 * (1 - way) ** 2.5)],
  ["inverse_sqrt", "", (s, w) => (w === 0 ? (1 + s / 1e4) ** -0.5 : Math.min(s / w, Math.sqrt(w / s)))],
  ["inverse_sqrt", "timescale: 5 steps", (s, w) => (s <= w ? s / w : Math.sqrt(5 / (5 + s - w)))],
  [
    "warmup_stable_decay",
    "decay: 6 steps",
    stable(
      () => 6,
      (way) => 1 - way,
    ),
  ],
  [
    "warmup_stable_decay",
    "",
    stable(
      (T) => Math.ceil(T / 10),
      (way) => 1 - way,
    ),
  ],
  [
    "warmup_stable_decay",
    "decay: 25%, floor: 0.1, along: cosine",
    stable(
      (T) => Math.ceil(T / 4),
      (way) => 0.1 + 0.9 * half(way),
    ),
  ],
  [
    "warmup_stable_decay",
    "decay: 9 steps, along: sqrt",
    stable(
      () => 9,
      (way) => 1 - Math.sqrt(way),
    ),
  ],
];

function stable(decay: (T: number) => number, fall: (way: number) => number): Formula {
  return (s, w, T) => {
    const left = s - (T - decay(T));
    return (w === 0 ? 1 : Math.min(1, s / w)) * (left <= 0 ? 1 : fall(left / decay(T)));
  };
}

const lengths = [20, 37, 101];
const warmups: readonly (readonly [written: string, steps: (T: number) => number])[] = [
  ["", () => 0],
  ["warmup: 1 steps", () => 1],
  ["warmup: 7 steps", () => 7],
  ["warmup: 3%", (T) => Math.ceil(0.03 * T)],
];

describe.each(cases)("%s { %s }", (name, options, formula) => {
  test.each(warmups)("{ %s }", (warmup, count) => {
    const block = [warmup, options].filter((text) => text !== "").join(", ");
    const factors = factorsOf(`${name} { ${block} }`);
    for (const T of lengths) {
      factors(T).forEach((factor, index) => {
        const [s, w] = [index + 1, count(T)];
        expect(factor, `step ${s} of ${T}`).toBeCloseTo(formula(s, w, T), 12);
      });
    }
  });
});

describe("one_cycle is torch's", () => {
  test.each([
    ["", 0.3, false, false],
    ["warmup: 25%", 0.25, false, false],
    ["along: linear", 0.3, true, false],
    ["three_phase: true", 0.3, false, true],
    ["warmup: 40%, along: linear, three_phase: true", 0.4, true, true],
  ] as const)("{ %s }", (options, share, linear, three) => {
    const factors = factorsOf(`one_cycle { ${options} }`);
    for (const T of [20, 40, 100, 37]) {
      const up = Math.ceil(share * T);
      factors(T).forEach((factor, index) => {
        expect(factor, `step ${index + 1} of ${T}`).toBeCloseTo(
          torchOneCycle(index, up, T, linear, three),
          12,
        );
      });
    }
  });

  test("the warm-up is a number of steps too, and the last of them has the full rate", () => {
    const found = factorsOf("one_cycle { warmup: 5 steps, start: 0.1, floor: 0.01 }")(21);
    expect(found[0]).toBeCloseTo(0.1, 12);
    expect(found[4]).toBe(1);
    expect(found[20]).toBeCloseTo(0.01, 12);
  });
});

test("runs as long as their warm-up, or of one step, have a rate at every step", () => {
  for (const name of libraryIndex.get("schedule")?.keys() ?? []) {
    for (const [options, T] of [
      ["warmup: 5 steps", 5],
      ["warmup: 5 steps", 3],
      ["warmup: 1 steps", 1],
    ] as const) {
      for (const factor of factorsOf(`${name} { ${options} }`)(T)) {
        expect(factor, `${name} { ${options} } of ${T}`).toBeGreaterThanOrEqual(0);
        expect(factor, `${name} { ${options} } of ${T}`).toBeLessThanOrEqual(1);
      }
    }
  }
});

test("every schedule of the library is tested here", () => {
  const tested = new Set([...cases.map(([name]) => name), "one_cycle"]);
  expect([...(libraryIndex.get("schedule")?.keys() ?? [])].toSorted()).toEqual([...tested].toSorted());
});
