// compile as a process: no weights, no GPU, the report as text and data, the folder on disk, exit codes.
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { hashPlan } from "../compiler/plan/hash.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import { parseModule } from "../../compiler/ir/text-read.ts";
import { printModule } from "../../compiler/ir/text.ts";
import { ftlc, fixtures, temporaryFolder } from "./run.ts";

test("the report says what a reader wants to know first", async () => {
  const { code, out, err } = await ftlc(["compile", "good.ftl"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  for (const word of ["good", "desktop", "weights", "adapter", "optimizer", "activations"]) {
    expect(out).toContain(word);
  }
});

test("--plan=json is one object with the keys of the contract, alone on standard output", async () => {
  const { code, out, err } = await ftlc(["compile", "good.ftl", "--plan=json"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const report = JSON.parse(out) as Record<string, Record<string, unknown>>;
  expect(report).toMatchObject({ format: 1, recipe: "good", device: "desktop", verified: true, fits: true });
  expect(report["hash"]).toMatch(/^[0-9a-f]{64}$/);
  const kinds = [
    "weights",
    "adapter",
    "gradients",
    "optimizer",
    "activations",
    "workspace",
    "constants",
    "io",
    "free",
  ];
  const byKind = report["memory"]?.["by_kind"] as Record<string, number>;
  expect(Object.keys(byKind).toSorted()).toEqual(kinds.toSorted());
  expect(Object.values(byKind).reduce((sum, bytes) => sum + bytes)).toBe(report["memory"]?.["peak_bytes"]);
  expect(Object.keys(report["memory"] ?? {})).toEqual(
    expect.arrayContaining(["peak_bytes", "budget_bytes", "lower_bound_bytes", "host", "programs", "top"]),
  );
  expect(Object.keys(report["parameters"] ?? {}).toSorted()).toEqual(["adapters", "total", "trainable"]);
  expect(Object.keys(report["work"] ?? {})).toEqual(
    expect.arrayContaining(["dispatches_per_step", "flops_per_step", "bytes_per_step", "kernels"]),
  );
  expect(report["decisions"]).toBeInstanceOf(Array);
  expect(report["checks"]).toBeInstanceOf(Array);
});

test("the same recipe and profile give the same plan", async () => {
  const [first, second] = await Promise.all([
    ftlc(["compile", "good.ftl", "--plan=json"]),
    ftlc(["compile", "good.ftl", "--plan=json"]),
  ]);
  expect(first.out).toBe(second.out);
});

test("-o writes a plan whose hash is its own, and its kernels", async () => {
  const folder = join(temporaryFolder(), "plan");
  mkdirSync(join(folder, "kernels"), { recursive: true });
  writeFileSync(join(folder, "kernels", "of_an_earlier_plan.wgsl"), "");
  const { code, out } = await ftlc(["compile", "good.ftl", "-o", folder]);
  expect({ code, out }).toEqual({ code: 0, out: "" });
  const plan = JSON.parse(readFileSync(join(folder, "plan.json"), "utf8")) as Plan;
  expect(hashPlan(plan)).toBe(plan.hash);
  const kernels = readdirSync(join(folder, "kernels")).toSorted();
  expect(kernels).toEqual(plan.kernels.map(({ name }) => `${name}.wgsl`).toSorted());
  const printed = await ftlc(["compile", "good.ftl", "--plan=html"]);
  expect(printed.code).toBe(0);
  expect(printed.out).toMatch(/^<!doctype html>/);
  expect(readFileSync(join(folder, "report.html"), "utf8").trim()).toBe(printed.out.trim());
});

test("a plan that is refused has its page too, which says why", { timeout: 120_000 }, async () => {
  const folder = temporaryFolder();
  const { code } = await ftlc(["compile", "good.ftl", "--memory", "64KiB", "-o", folder]);
  expect(code).toBe(3);
  expect(readFileSync(join(folder, "report.html"), "utf8")).toContain("the plan does not fit: it needs");
});

test(
  "--compare shows two plans side by side, as text, as data and as a page",
  { timeout: 120_000 },
  async () => {
    const other = join(temporaryFolder(), "other.ftl");
    const text = readFileSync(join(fixtures, "cli/good.ftl"), "utf8");
    const model = join(fixtures, "reference/models/llama/base");
    writeFileSync(
      other,
      text
        .replace("../reference/models/llama/base", model)
        .replace("rank: 4", "rank: 8")
        .replace("batch     2", "batch 4"),
    );
    const shown = await ftlc(["compile", "--plan", "--compare", "good.ftl", other]);
    expect({ code: shown.code, err: shown.err }).toEqual({ code: 0, err: "" });
    expect(shown.out.split("\n").filter((line) => line.length > 80 && line.includes(" "))).toEqual([]);
    for (const part of [
      "peak ",
      "predicted cost",
      "adapter.rank\n    A 4\n    B 8",
      "batch\n    A 2\n    B 4",
    ])
      expect(shown.out).toContain(part);
    const { out } = await ftlc(["compile", "--plan=json", "--compare", "good.ftl", other]);
    const { a, b, differences } = JSON.parse(out) as Record<
      string,
      { memory: { peak_bytes: number }; peak_bytes: number }
    >;
    expect(differences?.peak_bytes).toBe((b?.memory.peak_bytes ?? NaN) - (a?.memory.peak_bytes ?? NaN));
    const page = await ftlc(["compile", "--plan=html", "--compare", "good.ftl", other]);
    expect(page.out).toContain("predicted cost");
    const refused = await ftlc(["compile", "--compare", "good.ftl", other, "--memory", "64KiB"]);
    expect(refused.code).toBe(3);
    for (const args of [
      ["--compare", "good.ftl"],
      ["good.ftl", other],
      ["--compare", "good.ftl", other, "-o", "x"],
    ])
      expect((await ftlc(["compile", ...args])).code).toBe(2);
  },
);

test("--emit prints a stage's graph, which reads back", async () => {
  const list = await ftlc(["compile", "good.ftl", "--emit", "list"]);
  const names = list.out.split("\n").flatMap((line) => (line === "" ? [] : [line.split(" ")[0] ?? ""]));
  expect(names).toEqual(expect.arrayContaining(["elaborate", "differentiate", "plan"]));
  const { code, out } = await ftlc(["compile", "good.ftl", "--emit", "differentiate"]);
  expect(code).toBe(0);
  const read = parseModule(out);
  if (read.value === undefined) throw new Error(JSON.stringify(read.problem));
  expect(printModule(read.value).trim()).toBe(out.trim());
});

test("a plan that does not fit is shown and ends with 3", { timeout: 120_000 }, async () => {
  const { code, out, err } = await ftlc(["compile", "good.ftl", "--memory", "64KiB", "--plan=json"]);
  expect(code).toBe(3);
  expect(JSON.parse(out)).toMatchObject({ fits: false, memory: { budget_bytes: 65_536 } });
  expect(err).toContain("does not fit");
});

test("--set changes the recipe, and a wrong one is pointed at", async () => {
  const changed = await ftlc([
    "compile",
    "good.ftl",
    "--set",
    "batch=4",
    "--set",
    "data.length=32",
    "--plan=json",
  ]);
  const plain = await ftlc(["compile", "good.ftl", "--plan=json"]);
  expect(changed.code).toBe(0);
  expect(changed.out).not.toBe(plain.out);
  const wrong = await ftlc(["compile", "good.ftl", "--set", "optimizer.rat=1"]);
  expect(wrong.code).toBe(1);
  expect(wrong.err).toContain("--set:1:");
});

test("--device plans for another device, by name or from a file", async () => {
  const named = await ftlc(["compile", "good.ftl", "--device", "webgpu", "--plan=json"]);
  expect(JSON.parse(named.out)).toMatchObject({ device: "webgpu" });
  const file = join(temporaryFolder(), "device.json");
  const { webgpu } = await import("../../compiler/profile/builtin.ts");
  writeFileSync(file, JSON.stringify({ ...webgpu, name: "mine" }));
  const saved = await ftlc(["compile", "good.ftl", "--device", file, "--plan=json"]);
  expect(JSON.parse(saved.out)).toMatchObject({ device: "mine" });
  writeFileSync(file, "{}");
  const broken = await ftlc(["compile", "good.ftl", "--device", file]);
  expect(broken.code).toBe(1);
  expect(broken.err).toContain("no device profile");
  const unknown = await ftlc(["compile", "good.ftl", "--device", "zebra"]);
  expect(unknown.code).toBe(2);
});

test("mistakes and what is not built yet end with 1, as data too", async () => {
  const wrong = await ftlc(["compile", "wrong.ftl", "--plan=json"]);
  expect(wrong.code).toBe(1);
  expect(JSON.parse(wrong.out)).toHaveProperty("diagnostics");
  expect(wrong.err).toContain("did you mean");
  const later = await ftlc(["compile", "later.ftl"]);
  expect({ code: later.code, out: later.out }).toEqual({ code: 1, out: "" });
  expect(later.err).toContain("not built yet: several devices");
});

test("a missing model is pointed at in the recipe; missing data is no error of planning", async () => {
  const { code, err } = await ftlc(["compile", "good.ftl", "--set", 'model="nowhere"']);
  expect(code).toBe(1);
  expect(err).toContain("nowhere/config.json");
  expect(existsSync(join(fixtures, "cli/rows.jsonl"))).toBe(false);
});

test(
  "a recipe in stages is planned whole: every stage's report, the peak over all, and none is run where one does not fit",
  { timeout: 120_000 },
  async () => {
    const { code, out, err } = await ftlc(["compile", "staged.ftl", "--plan=json"]);
    expect({ code, err }).toEqual({ code: 0, err: "" });
    interface Report {
      readonly stage: string;
      readonly fits: boolean;
      readonly memory: { readonly peak_bytes: number };
      readonly parameters: { readonly trainable: number };
    }
    const report = JSON.parse(out) as Report & { readonly stages: readonly Report[] };
    expect(report.stages.map(({ stage, parameters }) => [stage, parameters.trainable > 3 * 64])).toEqual([
      ["probe", false],
      ["tune", true],
    ]);
    const [probe = NaN, tune = NaN] = report.stages.map(({ memory }) => memory.peak_bytes);
    expect(report).toMatchObject({ fits: true, stage: "tune", memory: { peak_bytes: tune } });
    expect(tune).toBeGreaterThan(probe);

    const between = Math.floor((probe + tune) / 2);
    const folder = join(temporaryFolder(), "plans");
    const small = await ftlc(["compile", "staged.ftl", "--memory", `${between}B`, "--plan", "-o", folder]);
    expect(small.code).toBe(3);
    expect(small.err).toContain("error[FTL0502]: the plan of stage tune does not fit");
    expect(small.out).toContain("all 2 stages:");
    expect(readdirSync(folder).toSorted()).toEqual(["probe", "report.html", "tune"]);
  },
);

test(
  "a refusal names the peak, the lines that cause it and edits that fit; --fix makes one and leaves the rest alone",
  { timeout: 120_000 },
  async () => {
    const folder = temporaryFolder();
    const recipe = join(folder, "large.ftl");
    const text = `/// Too large.
recipe large {
  model     "${join(fixtures, "reference/models/llama/base")}" // small
  adapter   lora { rank: 16, on: [all_linear] }
  data      "rows.jsonl" { format: tokens, length: 128 }
  batch     8 // rows
  optimizer adamw { rate: 3e-3 }
  training  20 steps
  memory    8MiB
}
`;
    writeFileSync(recipe, text);
    const refused = await ftlc(["compile", recipe, "--plan=json"]);
    expect(refused.code).toBe(3);
    const { fits, memory, repairs } = JSON.parse(refused.out) as {
      readonly fits: boolean;
      readonly memory: { readonly peak_bytes: number };
      readonly repairs: readonly { readonly edit: string; readonly peak_bytes: number }[];
    };
    expect(fits).toBe(false);
    expect(memory.peak_bytes).toBeGreaterThan(8 * 2 ** 20);
    expect(repairs.length).toBeGreaterThanOrEqual(3);
    for (const { peak_bytes: peak } of repairs) expect(peak).toBeLessThanOrEqual(8 * 2 ** 20);
    expect(refused.err).toContain("error[FTL0502]: the plan does not fit: it needs");
    expect(refused.err).toMatch(/\n6 \| {3}batch {5}8 \/\/ rows\n {2}\| +- .* at the peak: micro\//);
    expect(refused.err).toContain("^^^^ fullest in 'micro' at ");
    for (const [at, { edit }] of repairs.entries())
      expect(refused.err).toMatch(
        new RegExp(`= help: write ${edit}: then it needs .* \\(--fix=${at + 1}\\)`),
      );

    const fixed = await ftlc(["compile", recipe, "--fix=2", "--plan=json"]);
    expect(fixed.code).toBe(0);
    const after = readFileSync(recipe, "utf8");
    const kept = after.split("\n").filter((line) => text.includes(`${line}\n`));
    expect(kept.length).toBeGreaterThanOrEqual(text.split("\n").length - 2);
    expect(after).toContain("batch     8 // rows\n");
    const planned = await ftlc(["compile", recipe, "--plan=json"]);
    expect(planned.code).toBe(0);
    expect(JSON.parse(planned.out)).toMatchObject({
      fits: true,
      memory: { peak_bytes: repairs[1]?.peak_bytes },
    });
  },
);
