// `checkpoint auto` against every fixed policy, on twelve budgets between the least memory and no recomputation; and what is chosen with it.
import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { compile, type Compilation } from "../../compiler/compile.ts";
import { reportJson } from "../../compiler/plan/report.ts";

const llama = new URL("../fixtures/reference/models/llama/base/config.json", import.meta.url);
const layers = 12;

function plan(options: string, set: readonly string[] = [], length = 64): Compilation {
  const text = `recipe budgets {
  model     "base" { init: random { seed: 1 } }
  adapter   lora { rank: 4, dropout: 0.1, on: [all_linear] }
  data      "rows.jsonl" { format: tokens, length: ${length} }
  optimizer adamw { rate: 3e-3 }
  training  20 steps
  ${options}
}`;
  const config = JSON.stringify({
    ...JSON.parse(readFileSync(llama, "utf8")),
    num_hidden_layers: layers,
  });
  const made = compile(text, {
    path: "budgets.ftl",
    read: (path) => (path.endsWith("config.json") ? config : undefined),
    set,
  });
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
