// What checkpointing changes is memory and time: losses, gradients' norms and the adapter of a run with dropout are those of the run that
// computes nothing again, on the device, whatever the policy. Random numbers are computed again to the same bits.
// By plain descent, because Adam's first steps are as large for a gradient that rounding made as for any other.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import type { StepLine } from "../../../runtime/train/lines.ts";
import { tensorsIn } from "../../compiler/parity/reference.ts";
import { folderOf, trainIn } from "./reference-job.ts";

const layers = 5;

function folder(): string {
  const made = folderOf("llama");
  const path = join(made, "base/config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as object;
  writeFileSync(path, JSON.stringify({ ...config, num_hidden_layers: layers }));
  return made;
}

const recipe = (clauses: string): string => `recipe again {
  model     "base" { init: random { seed: 1 } }
  adapter   lora { rank: 4, alpha: 8, dropout: 0.3, on: [all_linear] }
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer sgd { rate: 1.0, clip: 1.0 }
  training  3 steps
  output    "out"
  ${clauses}
}`;

async function peak(clauses: string): Promise<{ readonly bytes: number; readonly policy: string }> {
  using opened = await openDevice();
  const base = folder();
  const { plan } = compile(recipe(clauses), {
    path: join(base, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined) throw new Error("there is a plan");
  const policy = plan.decisions.find(({ what }) => what === "checkpoint")?.chosen ?? "";
  return { bytes: plan.peakBytes, policy };
}

async function trained(
  clauses: string,
): Promise<{ readonly lines: readonly StepLine[]; readonly adapter: Adapter }> {
  const made = folder();
  const { lines } = await trainIn(made, recipe(clauses));
  expect(lines).toHaveLength(3);
  return { lines, adapter: await tensorsIn(join(made, "out/adapter/adapter_model.safetensors")) };
}

type Adapter = Awaited<ReturnType<typeof tensorsIn>>;

test("every policy trains alike", { timeout: 300_000 }, async () => {
  const [none, one] = [await peak("checkpoint none"), await peak("checkpoint every 1")];
  expect(one.bytes).toBeLessThan(none.bytes);
  const between = Math.round((none.bytes + one.bytes) / 2);
  const auto = await peak(`checkpoint auto, memory ${between}B`);
  expect(auto.bytes).toBeLessThanOrEqual(between);
  expect([none.policy, one.policy]).not.toContain(auto.policy);

  const expected = await trained("checkpoint none");
  const policies = [
    "every 1",
    "sqrt { keep: [attention] }",
    "every 1 { keep: [mlp] }",
    "every 2",
    `auto, memory ${between}B`,
  ];
  for (const policy of policies) {
    const { lines, adapter } = await trained(`checkpoint ${policy}`);
    // The first loss has nothing computed again before it.
    expect(lines[0]?.loss, policy).toBe(expected.lines[0]?.loss);
    expect(adapter.size).toBe(expected.adapter.size);
    for (const [name, { data }] of adapter) {
      const wanted = expected.adapter.get(name)?.data;
      const off = data.map((value, at) => Math.abs(value - (wanted?.[at] ?? Number.NaN)));
      expect(Math.max(...off), `${policy}: ${name}`).toBeLessThan(1e-6);
    }
    for (const [at, line] of lines.entries()) {
      for (const name of ["loss", "grad_norm"] as const) {
        const [found, wanted] = [line[name] ?? Number.NaN, expected.lines[at]?.[name] ?? Number.NaN];
        expect(
          Math.abs(found - wanted) / Math.abs(wanted),
          `${policy}: ${name} of step ${at + 1}`,
        ).toBeLessThan(1e-6);
      }
    }
  }
});
