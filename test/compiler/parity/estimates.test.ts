// Methods without backpropagation against an independent float64 account of their steps: the same random numbers, drawn here from their
// definition; the loss at moved weights from the evaluation program.
import { describe, expect, test } from "vitest";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { threefry } from "../../../compiler/ops/random.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { batchOf, filled, learnedTargets, modelFolder, tensorsIn } from "./reference.ts";
import { stepped, stepping, type Stepping, type Variables } from "./stepping.ts";

const seed = 11;
const model = "llama";
/** Stacks, a tensor outside of layers, and one of a single axis: enough to be wrong with, and few to draw for. */
const some = ' { train: ["k_proj", "model.norm", "input_layernorm"] }';
const base = await tensorsIn(`${modelFolder(model)}/base/model.safetensors`);

/** FNV-1a. */
function hash(text: string): number {
  let state = 0x811c9dc5;
  for (let at = 0; at < text.length; at += 1)
    state = Math.imul(state ^ text.charCodeAt(at), 0x01000193) >>> 0;
  return state;
}

/** A normal number for an element of a layer's tensor in a step: Box and Muller's, of two uniform ones. */
function normal(name: string, step: number, layer: number, element: number): number {
  const [u, v] = [0, 1].map((half) => {
    const [word] = threefry([seed, hash(`${name} moves 0`)], [step * 4096 + layer * 2 + half, element]);
    return ((word >>> 9) + 0.5) / 2 ** 23;
  });
  return Math.sqrt(-2 * Math.log(u ?? NaN)) * Math.cos(2 * Math.PI * (v ?? NaN));
}

interface Place {
  readonly name: string;
  readonly layer: number;
  readonly element: number;
}

/** Everything that trains, in order: a stack is read layer by layer. */
function trained({ module }: Stepping): { name: string; shape: readonly number[]; stack: boolean }[] {
  const written = module.programs.find(({ name }) => name === "update")?.writes ?? [];
  return module.variables.filter(({ name, kind }) => kind === "weights" && written.includes(name));
}

function stacks(job: Stepping): ReadonlySet<string> {
  return new Set(trained(job).flatMap(({ name, stack }) => (stack ? [name] : [])));
}

/** New values of all that trains, by place. */
function moved(
  job: Stepping,
  variables: Variables,
  by: (w: number, place: Place) => number,
): Map<string, Tensor> {
  const after = new Map(variables);
  for (const { name, shape, stack } of trained(job)) {
    const old = variables.get(name)?.data ?? new Float64Array();
    const each = stack ? old.length / (shape[0] ?? 1) : old.length;
    const data = old.map((w, at) => by(w, { name, layer: Math.floor(at / each), element: at % each }));
    after.set(name, { shape, data });
  }
  return after;
}

/** The loss of the whole batch at these weights. */
function lossAt({ module, plan }: Stepping, variables: Variables): number {
  let total = 0;
  for (let row = 0; row < 2; row += plan.job.rows) {
    const given = new Map([...variables, ...batchOf(model, row, plan.job.rows)]);
    total += evaluateProgram(module, "evaluate", given).get("evaluation")?.data[0] ?? NaN;
  }
  return total / learnedTargets(model);
}

/** The direction of a step, each number drawn once. */
function direction(step: number): (place: Place) => number {
  const drawn = new Map<string, number>();
  return ({ name, layer, element }) => {
    const key = `${name} ${layer} ${element}`;
    const known = drawn.get(key) ?? normal(name, step, layer, element);
    drawn.set(key, known);
    return known;
  };
}

/** The losses on both sides, and the slope between them. */
function sides(job: Stepping, variables: Variables, eps: number, v: (place: Place) => number) {
  const above = lossAt(
    job,
    moved(job, variables, (w, place) => w + eps * v(place)),
  );
  const below = lossAt(
    job,
    moved(job, variables, (w, place) => w - eps * v(place)),
  );
  return { loss: (above + below) / 2, slope: (above - below) / (2 * eps) };
}

/** Largest difference of all that trains, against the size of its changes. */
function off(job: Stepping, found: Variables, wanted: Variables, before: Variables): number {
  let worst = 0;
  let change = 0;
  for (const { name } of trained(job)) {
    const [a, b, c] = [found, wanted, before].map((each) => each.get(name)?.data ?? new Float64Array());
    b?.forEach((value, at) => {
      worst = Math.max(worst, Math.abs((a?.[at] ?? NaN) - value));
      change = Math.max(change, Math.abs((c?.[at] ?? NaN) - value));
    });
  }
  expect(change).toBeGreaterThan(0);
  return worst / change;
}

const first = (job: Stepping): Variables => filled(job.module, base, new Map());

describe("mezo", () => {
  test.each(["", "accumulation 2"])("two steps of descent %s", (more) => {
    const job = stepping(model, `method mezo { eps: 1e-3 }\n  optimizer sgd { rate: 1e-2 }\n  ${more}`, some);
    let [found, wanted] = [first(job), first(job)];
    for (let step = 1; step <= 2; step += 1) {
      const before = wanted;
      found = stepped(job, found, step, seed);
      const v = direction(step);
      const { slope, loss } = sides(job, wanted, 1e-3, v);
      wanted = moved(job, wanted, (w, place) => w - 1e-2 * slope * v(place));
      expect(off(job, found, wanted, before)).toBeLessThan(1e-7);
      const [reported, norm, updates] = found.get("report")?.data ?? [];
      expect(reported).toBeCloseTo(loss, 9);
      expect(updates).toBe(step);
      let squares = 0;
      moved(job, wanted, (w, place) => ((squares += (slope * v(place)) ** 2), w));
      expect(Math.abs((norm ?? NaN) / Math.sqrt(squares) - 1)).toBeLessThan(1e-7);
    }
  });

  test("as Adam, with clipping and a schedule", () => {
    const lines =
      "method mezo { eps: 1e-2 }\n optimizer adamw { rate: 1e-3, clip: 1 }\n schedule constant { warmup: 2 steps }";
    const job = stepping(model, lines, some);
    let [found, wanted] = [first(job), first(job)];
    const moments = new Map<string, [number, number]>();
    for (let step = 1; step <= 3; step += 1) {
      const before = wanted;
      found = stepped(job, found, step, seed);
      const v = direction(step);
      const { slope } = sides(job, wanted, 1e-2, v);
      let squares = 0;
      moved(job, wanted, (w, place) => ((squares += (slope * v(place)) ** 2), w));
      const factor = Math.min(1, 1 / (Math.sqrt(squares) + 1e-6));
      wanted = moved(job, wanted, (w, place) => {
        const key = `${place.name} ${place.layer} ${place.element}`;
        const [m, s] = moments.get(key) ?? [0, 0];
        const g = factor * slope * v(place);
        const next: [number, number] = [0.9 * m + 0.1 * g, 0.999 * s + 0.001 * g * g];
        moments.set(key, next);
        const rate = 1e-3 * Math.min(1, step / 2);
        return w - (rate * (next[0] / (1 - 0.9 ** step))) / (Math.sqrt(next[1] / (1 - 0.999 ** step)) + 1e-8);
      });
      expect(off(job, found, wanted, before)).toBeLessThan(1e-6);
    }
  });

  test("the weights are back where they were before the update, and a step can be done again", () => {
    const job = stepping(model, "method mezo { eps: 1e-3 }\n optimizer sgd { rate: 0 }", some);
    const before = first(job);
    const after = stepped(job, before, 5, seed);
    for (const { name } of trained(job))
      after
        .get(name)
        ?.data.forEach((w, at) =>
          expect(Math.abs(w - (before.get(name)?.data[at] ?? NaN))).toBeLessThan(1e-12),
        );
    expect(stepped(job, before, 5, seed).get("report")).toEqual(after.get("report"));
    expect(stepped(job, before, 6, seed).get("report")).not.toEqual(after.get("report"));
    expect(stepped(job, before, 5, seed + 1).get("report")).not.toEqual(after.get("report"));
  });

  test("an adapter alone moves, and only the plan's memory of inference is used", () => {
    const lora =
      "adapter lora { rank: 4, alpha: 8, on: [all_linear] }\n method mezo\n optimizer sgd { rate: 1e-2 }";
    const job = stepping(model, lora);
    const moves = job.module.programs.find(({ name }) => name === "move 1");
    expect(moves?.writes.every((name) => name.startsWith("lora."))).toBe(true);
    expect(job.plan.variables.some(({ kind }) => kind === "gradients")).toBe(false);
    const peak = (of: string): number => job.plan.programs.find(({ name }) => name === of)?.peakBytes ?? NaN;
    expect(job.plan.peakBytes / peak("evaluate")).toBeLessThan(1.05);
  });
});

test("block_mezo: one block of layers a step, the others and their states rest", () => {
  const lines =
    "method block_mezo { eps: 1e-3 }\n optimizer sgd { rate: 1e-2, momentum: 0.9, weight_decay: 0.1 }";
  const job = stepping(model, lines, some);
  const layers = Math.max(...trained(job).map(({ stack, shape }) => (stack ? (shape[0] ?? 0) : 0)));
  let [found, wanted] = [first(job), first(job)];
  const moments = new Map<string, number>();
  for (let step = 1; step <= layers + 2; step += 1) {
    const before = wanted;
    found = stepped(job, found, step, seed);
    const turn = (step - 1) % (layers + 1);
    const rests = ({ name, layer }: Place): boolean => (stacks(job).has(name) ? layer : layers) !== turn;
    const drawn = direction(step);
    const v = (place: Place): number => (rests(place) ? 0 : drawn(place));
    const { slope } = sides(job, wanted, 1e-3, v);
    wanted = moved(job, wanted, (w, place) => {
      if (rests(place)) return w;
      const key = `${place.name} ${place.layer} ${place.element}`;
      const m = 0.9 * (moments.get(key) ?? 0) + slope * v(place) + 0.1 * w;
      moments.set(key, m);
      return w - 1e-2 * m;
    });
    expect(off(job, found, wanted, before)).toBeLessThan(1e-6);
  }
});

test.each([false, true])("sparse_mezo: a share of each tensor moves, largest: %s", (largest) => {
  const lines = `method sparse_mezo { eps: 1e-2, share: 5%, largest: ${largest} }\n optimizer sgd { rate: 1e-2, weight_decay: 0.1 }`;
  const job = stepping(model, lines, some);
  const start = new Map(first(job));
  evaluateProgram(job.module, "initialize", start).forEach((value, name) => void start.set(name, value));
  let [found, wanted]: [Variables, Variables] = [start, start];
  // What moved in the first step is what was chosen: the right number, and the right ones.
  const chosen = new Set<string>();
  const after = stepped(job, start, 1, seed);
  moved(job, after, (w, { name, layer, element }) => {
    const old = start.get(name);
    const each = (old?.data.length ?? 0) / (stacks(job).has(name) ? (old?.shape[0] ?? 1) : 1);
    if (w !== old?.data[layer * each + element]) chosen.add(`${name} ${layer} ${element}`);
    return w;
  });
  for (const { name, shape, stack } of trained(job)) {
    const data = start.get(name)?.data ?? new Float64Array();
    const layers = stack ? (shape[0] ?? 1) : 1;
    for (let layer = 0; layer < layers; layer += 1) {
      const sizes = [
        ...data.subarray((layer * data.length) / layers, ((layer + 1) * data.length) / layers),
      ].map(Math.abs);
      const mine = sizes.filter((_, element) => chosen.has(`${name} ${layer} ${element}`));
      const rest = sizes.filter((_, element) => !chosen.has(`${name} ${layer} ${element}`));
      // Norms of an untrained model are all one: ties stay out together.
      if (new Set(sizes).size < sizes.length / 2) continue;
      expect(Math.abs(mine.length - 0.05 * sizes.length)).toBeLessThanOrEqual(1);
      if (largest) expect(Math.min(...mine)).toBeGreaterThanOrEqual(Math.max(...rest));
      else expect(Math.max(...mine)).toBeLessThanOrEqual(Math.min(...rest));
    }
  }
  for (let step = 1; step <= 2; step += 1) {
    const before = wanted;
    found = stepped(job, found, step, seed);
    const drawn = direction(step);
    const rests = ({ name, layer, element }: Place): boolean => !chosen.has(`${name} ${layer} ${element}`);
    const v = (place: Place): number => (rests(place) ? 0 : drawn(place));
    const { slope } = sides(job, wanted, 1e-2, v);
    wanted = moved(job, wanted, (w, place) => (rests(place) ? w : w - 1e-2 * (slope * v(place) + 0.1 * w)));
    expect(off(job, found, wanted, before)).toBeLessThan(1e-6);
  }
});

test("forward_gradient: the slope along the direction is the gradient's product with it", () => {
  for (const more of ["", "accumulation 2"]) {
    const job = stepping(model, `method forward_gradient\n optimizer sgd { rate: 1e-2 }\n ${more}`, some);
    let [found, wanted] = [first(job), first(job)];
    for (let step = 1; step <= 2; step += 1) {
      const before = wanted;
      found = stepped(job, found, step, seed);
      const v = direction(step);
      // The difference of a small step is the slope to about six digits.
      const { slope } = sides(job, wanted, 1e-5, v);
      wanted = moved(job, wanted, (w, place) => w - 1e-2 * slope * v(place));
      expect(off(job, found, wanted, before)).toBeLessThan(1e-5);
      wanted = found;
    }
  }
});

test("first_order: what is excepted has the gradient of backpropagation, the rest an estimate", () => {
  const job = stepping(
    model,
    'method mezo { eps: 1e-4, first_order: ["model.layers.1", "model.norm"] }\n optimizer sgd { rate: 1e-2 }',
    some,
  );
  const exact = stepping(model, "optimizer sgd { rate: 1e-2 }", some);
  const gradients = job.plan.variables.filter(({ kind }) => kind === "gradients").map(({ name }) => name);
  expect(gradients.length).toBeGreaterThan(1);
  expect(gradients.every((name) => /gradient of model\.(layers\.1\.|norm)/.test(name))).toBe(true);
  const found = stepped(job, first(job), 1, seed);
  const wanted = stepped(exact, first(exact), 1, seed);
  const layers = (of: Stepping, variables: Variables): Map<string, Float64Array> =>
    new Map(
      of.module.variables.flatMap((variable) => {
        if (variable.kind !== "weights" || variable.initial.from !== "checkpoint") return [];
        const data = variables.get(variable.name)?.data ?? new Float64Array();
        const each = data.length / variable.initial.names.length;
        return variable.initial.names.map(
          (name, part) => [name, data.subarray(part * each, (part + 1) * each)] as const,
        );
      }),
    );
  const [mine, theirs, start] = [layers(job, found), layers(exact, wanted), layers(job, first(job))];
  const compared: string[] = [];
  for (const [name, data] of theirs) {
    const own = mine.get(name) ?? new Float64Array();
    const from = start.get(name) ?? new Float64Array();
    const change = Math.max(...data.map((w, at) => Math.abs(w - (from[at] ?? NaN))));
    if (change === 0) continue;
    const difference = Math.max(...data.map((w, at) => Math.abs(w - (own[at] ?? NaN)))) / change;
    compared.push(name);
    if (/layers\.1\.|model\.norm/.test(name)) expect(difference, name).toBeLessThan(1e-3);
    else expect(difference, name).toBeGreaterThan(0.1);
  }
  expect(compared).toContain("model.layers.0.self_attn.k_proj.weight");
  expect(compared).toContain("model.layers.1.self_attn.k_proj.weight");
});

test("forward_gradient stores no direction, and of long rows' scores a few rows and heads at a time", () => {
  const tokens = 2048;
  const { plan } = stepping(model, "method forward_gradient\n optimizer sgd { rate: 1e-2 }", some, tokens);
  expect(plan.variables.some(({ name, kind }) => kind === "gradients" || name.startsWith("direction"))).toBe(
    false,
  );
  const largest = Math.max(...plan.tensors.map(({ size }) => size));
  // Two rows and all heads would take 128 MiB.
  expect(largest).toBeLessThanOrEqual(32 * 2 ** 20);
  expect(largest).toBeGreaterThanOrEqual(tokens ** 2 * 4);
});
