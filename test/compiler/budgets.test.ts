// `checkpoint auto` against every fixed policy, on twelve budgets between the least memory and no recomputation; and what is chosen with it.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile, type Compilation } from "../../compiler/compile.ts";
import { reportJson } from "../../compiler/plan/report.ts";

const llama = new URL("../fixtures/reference/models/llama/base/config.json", import.meta.url);
const layers = 12;

function compiled(options: string, set: readonly string[] = [], depth = layers): Compilation {
  const text = `recipe budgets {
  model     "base" { init: random { seed: 1 } }
  adapter   lora { rank: 4, dropout: 0.1, on: [all_linear] }
  data      "rows.jsonl" { format: tokens, length: 64 }
  optimizer adamw { rate: 3e-3 }
  training  20 steps
  ${options}
}`;
  const config = JSON.stringify({
    ...JSON.parse(readFileSync(llama, "utf8")),
    num_hidden_layers: depth,
  });
  return compile(text, {
    path: "budgets.ftl",
    read: (path) => (path.endsWith("config.json") ? config : undefined),
    set,
  });
}

function plan(options: string, set: readonly string[] = [], depth = layers): Compilation {
  const made = compiled(options, set, depth);
  expect(made.diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([]);
  expect(made.verification?.refusals).toEqual([]);
  return made;
}

interface Needs {
  readonly policy: string;
  readonly bytes: number;
  readonly flops: number;
}

function needs({ plan, verification }: Compilation): Needs {
  if (plan === undefined || verification === undefined) throw new Error("there is a plan");
  const policy = plan.decisions.find(({ what }) => what === "checkpoint")?.chosen ?? "";
  return { policy, bytes: plan.peakBytes, flops: reportJson(plan, verification).work.flops_per_step };
}

describe("checkpoint auto", () => {
  const every = Array.from({ length: layers }, (_, at) => `checkpoint every ${at + 1}`);
  const fixed = ["checkpoint none", "checkpoint sqrt", ...every].map((policy) =>
    needs(plan(`batch 2, ${policy}`)),
  );
  const least = Math.min(...fixed.map(({ bytes }) => bytes));
  const most = fixed[0]?.bytes ?? 0;

  it("has something to choose from", () => {
    expect(most).toBeGreaterThan(1.5 * least);
  });

  const budgets = Array.from({ length: 12 }, (_, at) => Math.ceil(least + (at / 11) * (most - least)));
  it.each(budgets)("within %i bytes computes no more again than the best fixed policy", (budget) => {
    const found = needs(plan("batch 2, checkpoint auto", [`memory=${budget}B`]));
    const best = Math.min(...fixed.filter(({ bytes }) => bytes <= budget).map(({ flops }) => flops));
    expect(found.bytes).toBeLessThanOrEqual(budget);
    expect(found.flops, found.policy).toBeLessThanOrEqual(best);
  });
});

describe("what is chosen", () => {
  const depth = 4;
  const least = needs(plan("batch 4, checkpoint every 1", [], depth)).bytes;
  const most = needs(plan("batch 4, checkpoint none", [], depth)).bytes;

  it("is the same every time", () => {
    const budget = Math.ceil((least + most) / 2);
    const hashes = Array.from(
      { length: 20 },
      () => plan("batch 4, checkpoint auto", [`memory=${budget}B`], depth).plan?.hash,
    );
    expect(new Set(hashes).size).toBe(1);
  }, 120_000);

  it("needs as little for every budget that is too small", () => {
    const bytes = [0.1, 0.5, 0.9].map(
      (share) =>
        needs(plan("batch 4, checkpoint auto", [`memory=${Math.floor(share * least * 0.8)}B`], depth)).bytes,
    );
    expect(new Set(bytes).size).toBe(1);
    expect(bytes[0]).toBeLessThanOrEqual(least);
  });
});

describe("other policies", () => {
  const [none, one] = [needs(plan("batch 2, checkpoint none")), needs(plan("batch 2, checkpoint every 1"))];

  it("the square root is that of the layers, rounded up", () => {
    expect(needs(plan("batch 2, checkpoint sqrt"))).toEqual(needs(plan("batch 2, checkpoint every 4")));
  });

  it.each(["attention", "q_proj", "mlp", "self_attention"])("keeps what %s computes", (part) => {
    const kept = needs(plan(`batch 2, checkpoint every 1 { keep: [${part}] }`));
    expect(kept.flops).toBeLessThan(one.flops);
    expect(kept.flops).toBeGreaterThan(none.flops);
    expect(kept.bytes).toBeGreaterThan(one.bytes);
    expect(kept.bytes).toBeLessThan(none.bytes);
  });

  it.each(["sqrt", "every 3", "every 5"])("keeps attention in segments, %s", (policy) => {
    const all = needs(plan(`batch 2, checkpoint ${policy}`));
    const kept = needs(plan(`batch 2, checkpoint ${policy} { keep: [attention] }`));
    expect(kept.flops).toBeLessThan(all.flops);
    expect(kept.flops).toBeGreaterThan(none.flops);
    expect(kept.bytes).toBeGreaterThan(all.bytes);
    expect(kept.bytes).toBeLessThan(none.bytes);
  });

  it("keeps nothing of a part that the model does not have", () => {
    const { diagnostics } = compiled("batch 2, checkpoint every 1 { keep: [experts] }");
    expect(diagnostics.map(({ code, message }) => `${code} ${message}`)).toEqual([
      "FTL0723 no part of this model answers to 'experts'",
    ]);
  });
});

describe("accumulation auto", () => {
  const whole = needs(plan("batch 8, checkpoint none")).bytes;
  const least = needs(plan("batch 8, accumulation 8, checkpoint every 1")).bytes;

  it("takes the batch whole where it fits", () => {
    const { plan: found } = plan("batch 8, accumulation auto, checkpoint auto", [`memory=${whole}B`]);
    expect(found?.job).toMatchObject({ accumulation: 1, rows: 8 });
  });

  it.each([0.2, 0.6])(
    "fits at %f of the way, and says what else was considered, with bytes and cost",
    (share) => {
      const budget = Math.ceil(least + share * (whole - least));
      const { plan: found } = plan("batch 8, accumulation auto, checkpoint auto", [`memory=${budget}B`]);
      expect(found?.peakBytes).toBeLessThanOrEqual(budget);
      const decision = found?.decisions.find(({ what }) => what === "accumulation");
      expect(decision?.chosen).toBe(String(found?.job.accumulation));
      const costs = (decision?.considered ?? []).flatMap((text) => {
        const [, parts, cost] =
          /^(\d+) × \d+ rows, (?:checkpoint .*|foretold): (?:\d+ to )?\d+ bytes, (?:within the memory )?cost ([\d.e+]+) GB moved a step(?: or more)?$/.exec(
            text,
          ) ?? [];
        return parts === undefined ? [] : [{ parts, cost: Number(cost) }];
      });
      expect(costs.length).toBeGreaterThan(1);
      expect(costs.toSorted((a, b) => a.cost - b.cost)[0]?.parts).toBe(decision?.chosen);
    },
  );

  it("says how little would be needed where nothing fits", () => {
    const { plan: found } = plan("batch 8, accumulation auto, checkpoint auto", ["memory=1MiB"]);
    expect(found?.peakBytes).toBeGreaterThan(2 ** 20);
    expect(found?.job.accumulation).toBe(8);
  });
});
