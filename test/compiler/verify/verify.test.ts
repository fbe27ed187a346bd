// Correct plans pass every rule; plans corrupted in every way that a rule forbids are refused by that rule, also when their hashes
// have been made anew; changes that do no harm pass.
import { createHash } from "node:crypto";
import { describe, expect, test } from "vitest";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { chooseKernel, inPlaceCandidates } from "../../../compiler/kernels/choose.ts";
import { desktop } from "../../../compiler/profile/builtin.ts";
import { planOf } from "../plan/plans.ts";
import { in16Bits, lora, moduleOf, recipe } from "../plan/recipes.ts";
import { samplePlans } from "../plan/samples.ts";
import { training } from "../plan/modules.ts";
import { rules, seal, verify } from "../../../compiler/verify/verify.ts";
import { corrupt } from "./corrupt.ts";
import { draftOf, rehash, rehashKernels, relive, retotal } from "./draft.ts";
import { drawnPlan } from "./many-plans.ts";
import { mutations } from "./mutations.ts";
import type { Plan } from "../../../compiler/plan/plan.ts";

const module = moduleOf(recipe(lora), desktop);
const real = planOf(module, desktop, { choose: chooseKernel, inPlaceCandidates }, interpret);
const mixedModule = moduleOf(in16Bits(recipe(lora)), desktop);
const mixed = planOf(mixedModule, desktop, { choose: chooseKernel, inPlaceCandidates }, interpret);
const inFormat = planOf(
  moduleOf(recipe(lora, " { weights: nf4 }"), desktop),
  desktop,
  { choose: chooseKernel, inPlaceCandidates },
  interpret,
);
const awayModule = moduleOf(
  recipe("", " { train: all, offload: host }").replace("clip: 1.0", "clip: 1.0, offload: host"),
  desktop,
);
const allAway = planOf(awayModule, desktop, { choose: chooseKernel, inPlaceCandidates }, interpret);
const formatAway = planOf(
  moduleOf(
    recipe(lora.replace("rank: 4", "rank: 4, offload: host"), " { weights: nf4, offload: host }"),
    desktop,
  ),
  desktop,
  { choose: chooseKernel, inPlaceCandidates },
  interpret,
);
const samples = [
  ...samplePlans(),
  { name: "a real recipe", plan: real },
  { name: "a real recipe in 16 bits", plan: mixed },
  { name: "weights in a format", plan: inFormat },
  { name: "weights and states in the host's memory", plan: allAway },
  { name: "weights in a format and adapters there", plan: formatAway },
];

describe("correct plans", () => {
  test.each(samples)("$name passes every rule", ({ plan }) => {
    const { refusals, checks, verified } = verify(plan);
    expect(refusals).toEqual([]);
    expect(checks.map(({ rule }) => rule)).toEqual(rules.map(({ name }) => name));
    expect(checks.every(({ passed }) => passed)).toBe(true);
    expect(verified).toBe(plan);
  });

  test("the platform's digest seals a plan with the hash that plain code finds", () => {
    const platform = (texts: readonly string[]): string =>
      createHash("sha256").update(texts.join("")).digest("hex");
    const { hash: _, ...unsealed } = mixed;
    const sealed = seal(unsealed, platform).verified;
    expect(sealed?.hash).toBe(mixed.hash);
    expect(verify(sealed ?? mixed).refusals).toEqual([]);
  });

  test("what is verified cannot be changed", () => {
    const { verified } = verify(
      planOf(
        training({ layers: 2, tokens: 16, width: 16, inner: 32, vocabulary: 64, rank: 4, recompute: true }),
      ),
    );
    expect(Object.isFrozen(verified)).toBe(true);
    expect(Object.isFrozen(verified?.programs[0]?.dispatches[0])).toBe(true);
  });

  test("a plan over its budget is safe and does not fit", () => {
    const [sample] = samples;
    const draft = draftOf(sample?.plan ?? ({} as Plan));
    draft.budget = draft.peakBytes - 1;
    const { verified, fits } = verify(rehash(draft));
    expect(verified).toBeDefined();
    expect(fits).toBe(false);
  });
});

describe("corrupted plans", () => {
  let total = 0;

  test.each(mutations)("$rule refuses $name", (mutation) => {
    const kind = mutations.indexOf(mutation);
    const missed: string[] = [];
    let made = 0;
    samples.forEach(({ name, plan }, at) => {
      // Six of the plans, in turn: what one rule misses in a plan, another mutation of the rule would find there.
      const isMeant =
        (mutation.rule === "held tensors" && plan.held.length > 0) ||
        (mutation.isAway === true && plan.hostBytes > 0);
      if ((at + kind) % samples.length >= 6 && !isMeant) return;
      const outcome = corrupt(plan, mutation, 1000 * kind + at);
      if (outcome === undefined) return;
      made += 1;
      const { isAccepted, isNamed, refusals } = outcome;
      if (isNamed && !isAccepted) return;
      missed.push(
        `${name}: ${refusals.map(({ rule, message }) => `${rule}: ${message}`).join("; ") || "passed"}`,
      );
    });
    total += made;
    expect(missed).toEqual([]);
    expect(made).toBeGreaterThan(0);
  });

  test("there are many, and every rule has some", () => {
    expect(total).toBeGreaterThan(500);
    const covered = new Set(mutations.map(({ rule }) => rule));
    expect(rules.map(({ name }) => name).filter((name) => !covered.has(name))).toEqual([]);
  });

  // A share of what `npm run bench:verifier` does with 500 plans.
  test.each([7, 9, 13])("none passes of a drawn plan: seed %i", (seed) => {
    const { plan, recipe } = drawnPlan(seed);
    expect(verify(plan).refusals, recipe).toEqual([]);
    const outcomes = mutations.map((mutation, kind) => ({
      name: mutation.name,
      outcome: corrupt(plan, mutation, 1000 * kind + seed),
    }));
    const made = outcomes.filter(({ outcome }) => outcome !== undefined);
    expect(made.length).toBeGreaterThan(90);
    expect(made.flatMap(({ name, outcome }) => (outcome?.isAccepted === true ? [name] : []))).toEqual([]);
  });

  test("a refusal names the rule, the buffer, the tensors, the dispatch and the recipe's line", () => {
    const plan = samples[0]?.plan ?? ({} as Plan);
    const draft = draftOf(plan);
    const [a, b] = draft.tensors.filter(
      ({ lifetime }) => lifetime?.program === "micro" && lifetime.first <= 3 && lifetime.last >= 4,
    );
    if (a === undefined || b === undefined) throw new Error("two tensors that are live at once");
    a.offset = b.offset;
    const [refusal] = verify(rehash(draft)).refusals;
    expect(refusal).toMatchObject({ rule: "live ranges", buffers: ["arena"], tensors: [a.name, b.name] });
    expect(refusal?.dispatches[0]?.program).toBe("micro");
    expect(refusal?.spans).toContainEqual({ file: "test.ftl", line: 1, column: 1 });
  });
});

describe("harmless changes", () => {
  const harmless: { name: string; apply: (draft: ReturnType<typeof draftOf>) => void }[] = [
    { name: "another name", apply: (draft) => (draft.recipe = "other") },
    { name: "another budget", apply: (draft) => (draft.budget = 1) },
    { name: "no decisions", apply: (draft) => (draft.decisions = []) },
    { name: "a device that allows more", apply: (draft) => (draft.device.limits.maxBufferSize *= 2) },
    {
      name: "another comment in a kernel",
      apply: (draft) => draft.kernels.forEach((of) => (of.wgsl += "// in0[0] = 1\n")),
    },
    {
      name: "buffers in another order",
      apply: (draft) => {
        draft.buffers.reverse();
        for (const tensor of draft.tensors) tensor.buffer = draft.buffers.length - 1 - tensor.buffer;
      },
    },
    {
      name: "tensors in another order",
      apply: (draft) => {
        const last = draft.tensors.length - 1;
        draft.tensors.reverse();
        for (const tensor of draft.tensors)
          if (tensor.aliasOf !== undefined) tensor.aliasOf = last - tensor.aliasOf;
        for (const variable of draft.variables) variable.parts = variable.parts.map((part) => last - part);
        for (const { dispatches, transfers } of draft.programs) {
          for (const of of dispatches) of.tensors = of.tensors.map((index) => last - index);
          for (const of of transfers) [of.host, of.device] = [last - of.host, last - of.device];
        }
      },
    },
    {
      name: "a tensor moved to the arena's end",
      apply: (draft) => {
        const tensor = draft.tensors.find(
          ({ lifetime, aliasOf }, index) =>
            lifetime !== undefined &&
            aliasOf === undefined &&
            draft.tensors.every((of) => of.aliasOf !== index),
        );
        const buffer = draft.buffers[tensor?.buffer ?? -1];
        if (tensor === undefined || buffer === undefined) return;
        draft.device.limits.maxBufferSize *= 2;
        tensor.offset = buffer.size;
        buffer.size += Math.ceil(tensor.size / 256) * 256;
        relive(draft);
        retotal(draft);
      },
    },
  ];
  test.each(harmless)("$name passes", ({ apply }) => {
    for (const { plan } of samples) {
      const draft = draftOf(plan);
      apply(draft);
      rehashKernels(draft);
      expect(verify(rehash(draft)).refusals).toEqual([]);
    }
  });
});
