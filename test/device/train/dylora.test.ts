// A range of ranks on the device that is there: against PyTorch's losses with the ranks that were drawn there, saved in PEFT's layout, gone
// on with, and evaluated at several ranks in one run.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { openAdapter } from "../../../runtime/checkpoint/peft.ts";
import { writeRanks } from "../../../runtime/checkpoint/ranks.ts";
import { tensorsIn, methodExpected, methodFolder } from "../../compiler/parity/reference.ts";
import { folderOf, trainIn } from "./reference-job.ts";

const { ranks } = methodExpected("dylora-all") as unknown as { readonly ranks: readonly number[] };

const recipe = (adapter: string, steps: number): string => `recipe dylora {
  model      "base"
  adapter    ${adapter}
  data       "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  evaluation "rows.jsonl" { ranks: [1, 4] }
  batch      2
  optimizer  adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule   constant { warmup: 4 steps }
  training   ${steps} steps
  output     "out"
}`;

const clause = (update: string, start: string): string =>
  `dylora { rank: 1..4, alpha: 8, update: ${update}, draw: [${ranks.join(", ")}], start: "${start}" }`;

test.each(["all", "last"])(
  "%s: trains as PyTorch has it, and is saved at the largest rank",
  async (update) => {
    const folder = folderOf("llama", { begin: `${methodFolder(`dylora-${update}`)}/adapter_init` });
    const { lines } = await trainIn(folder, recipe(clause(update, "begin"), 20));
    const { losses, total_grad_norms: norms } = methodExpected(`dylora-${update}`);
    const steps = lines.slice(0, 20);
    expect(steps.map(({ rank }) => rank)).toEqual(ranks);
    steps.forEach(({ loss, grad_norm }, at) => {
      expect(Math.abs((loss ?? NaN) / (losses[at] ?? NaN) - 1)).toBeLessThan(1e-5);
      expect(Math.abs((grad_norm ?? NaN) / (norms[at] ?? NaN) - 1)).toBeLessThan(1e-4);
    });
    const found = await tensorsIn(join(folder, "out/adapter/adapter_model.safetensors"));
    const wanted = await tensorsIn(`${methodFolder(`dylora-${update}`)}/final.safetensors`);
    expect([...found.keys()].toSorted()).toEqual([...wanted.keys()].toSorted());
    for (const [name, { data }] of wanted) {
      const own = found.get(name)?.data ?? new Float64Array();
      const off = Math.hypot(...data.map((value, at) => value - (own[at] ?? NaN))) / Math.hypot(...data);
      expect(off, name).toBeLessThan(1e-4);
    }
    const config = JSON.parse(
      readFileSync(join(folder, "out/adapter/adapter_config.json"), "utf8"),
    ) as unknown;
    expect(config).toMatchObject({ peft_type: "LORA", r: 4, lora_alpha: 8, ranks: [1, 4] });

    const evaluations = lines.slice(20) as unknown as { eval_loss: number; rank: number }[];
    expect(evaluations.map(({ rank }) => rank)).toEqual([1, 4]);
    await writeRanks(await openAdapter(join(folder, "out/adapter")), [1], () => join(folder, "cut"));
    const again = await trainIn(
      folder,
      recipe(clause("all", "out/adapter").replace(/draw: [^\]]*\]/, "draw: [4]"), 1),
    );
    expect(again.lines[0]?.rank).toBe(4);
    expect(Math.abs((again.lines[0]?.loss ?? NaN) / (evaluations[1]?.eval_loss ?? NaN) - 1)).toBeLessThan(
      1e-6,
    );
    const one = recipe('lora { rank: 1, alpha: 8, start: "cut" }', 1).replace(/\{ ranks.*/, "");
    const cut = await trainIn(folder, one);
    expect(Math.abs((cut.lines[0]?.loss ?? NaN) / (evaluations[0]?.eval_loss ?? NaN) - 1)).toBeLessThan(1e-6);
  },
);

test.each(["all", "last"])("%s: what a step does not change stays bit for bit", async (update) => {
  const folder = folderOf("llama", { begin: `${methodFolder(`dylora-${update}`)}/adapter_init` });
  const steps = 7;
  const text = recipe(clause(update, "begin"), steps)
    .replace('output     "out"', 'output "out" { save: every 1 steps, keep: 20 }')
    .replace(/ *evaluation .*\n/, "\n");
  await trainIn(folder, text, ["accumulation=2", "checkpoint=every 1"]);
  const states = await Promise.all(
    ranks.slice(0, steps).map((_, at) => tensorsIn(join(folder, `out/step-${at + 1}/state.safetensors`))),
  );
  let compared = 0;
  for (let step = 1; step < steps; step += 1) {
    const rank = ranks[step] ?? NaN;
    for (const [name, { shape, data }] of states[step] ?? []) {
      const isA = name.includes("lora_A");
      if (!isA && !name.includes("lora_B")) continue;
      const [rows = 1, columns = 1] = shape;
      const before = states[step - 1]?.get(name)?.data;
      const changed = new Set<number>();
      data.forEach((value, at) => {
        if (!Object.is(value, before?.[at]))
          changed.add(isA ? Math.floor(at / columns) % rows : at % columns);
      });
      const may = [0, 1, 2, 3].slice(update === "all" ? 0 : rank - 1, rank);
      expect(
        [...changed].toSorted((a, b) => a - b),
        `${name} in step ${step + 1}`,
      ).toEqual(may);
      compared += 1;
    }
  }
  // A, B and two moments of each, in 7 modules of 2 layers.
  expect(compared).toBe(6 * 14 * (steps - 1));
});
