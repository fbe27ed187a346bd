// Adapters on the device that is there: against PEFT's losses, saved, and gone on with from what they left; two adapters at once, each in
// a folder of its own.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { methodExpected, methodFolder } from "../../compiler/parity/reference.ts";
import { folderOf, trainIn } from "./reference-job.ts";

const recipe = (adapters: string, steps: number): string => `recipe adapters {
  model     "base"
  ${adapters}
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule  constant { warmup: 4 steps }
  training  ${steps} steps
  output    "out"
}`;

const methods = [
  ["lora-qv", "lora { rank: 8, alpha: 16, on: [q_proj, v_proj]"],
  ["rslora", "lora { rank: 4, alpha: 8, rslora: true"],
  ["dora", "dora { rank: 4, alpha: 8"],
  ["ia3", "ia3 { on: [k_proj, v_proj, down_proj]"],
  ["prompt-tuning", "prompt_tuning { tokens: 6"],
  ["prefix-tuning", "prefix_tuning { tokens: 6"],
  ["llama-adapter", "llama_adapter { tokens: 6"],
] as const;

test.each(methods)(
  "%s trains as PEFT has it, and goes on from the folder it leaves as from PEFT's",
  async (method, options) => {
    const from = methodFolder(method);
    const folder = folderOf("llama", { begin: `${from}/adapter_init`, end: `${from}/adapter_final` });
    const { losses } = methodExpected(method);
    const { lines } = await trainIn(folder, recipe(`adapter ${options}, start: "begin" }`, 20));
    expect(lines).toHaveLength(losses.length);
    lines.forEach(({ loss }, at) =>
      expect(Math.abs((loss ?? NaN) / (losses[at] ?? NaN) - 1)).toBeLessThan(1e-5),
    );
    const next = async (start: string): Promise<number> => {
      const again = await trainIn(folder, recipe(`adapter ${options}, start: "${start}" }`, 1));
      return again.lines[0]?.loss ?? NaN;
    };
    const own = await next("out/adapter");
    expect(own).toBeLessThan(losses.at(-1) ?? NaN);
    expect(Math.abs((await next("end")) / own - 1)).toBeLessThan(1e-5);
  },
);

test("two adapters are saved in folders of their own, and both go on", async () => {
  const folder = folderOf("llama");
  const clauses = (start: string): string =>
    [
      `adapter lora as style { rank: 2, on: [q_proj]${start === "" ? "" : `, start: "${start}/style"`} }`,
      `adapter lora as words { rank: 3, on: [q_proj, v_proj]${start === "" ? "" : `, start: "${start}/words"`} }`,
    ].join("\n  ");
  const { lines } = await trainIn(folder, recipe(clauses(""), 3));
  expect(readdirSync(join(folder, "out/adapter")).toSorted()).toEqual(["style", "words"]);
  const ranks = ["style", "words"].map(
    (name) =>
      JSON.parse(readFileSync(join(folder, "out/adapter", name, "adapter_config.json"), "utf8")) as unknown,
  );
  expect(ranks).toMatchObject([
    { r: 2, target_modules: ["q_proj"] },
    { r: 3, target_modules: ["q_proj", "v_proj"] },
  ]);
  const again = await trainIn(folder, recipe(clauses("out/adapter"), 1));
  expect(again.lines[0]?.loss).toBeLessThan(lines[2]?.loss ?? NaN);
});
