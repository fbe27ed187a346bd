// `ftlc eval` end to end: the figures are PyTorch's and those that training logs, whichever way the trained model is named.
import { cpSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { ftlc } from "../../cli/run.ts";
import { classes, job, recipe, reference } from "./tiny.ts";

interface Figures {
  readonly eval_loss: number;
  readonly perplexity: number;
  readonly eval_tokens: number;
  readonly model: string;
  readonly adapters: Readonly<Record<string, string>>;
}

async function evaluated(folder: string, ...args: readonly string[]): Promise<Figures> {
  const { code, out, err } = await ftlc(["eval", "tiny.ftl", "--json", ...args], { cwd: folder });
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  return JSON.parse(out) as Figures;
}

test(
  "an adapter, the base alone, and rows of the user's: the losses are PyTorch's",
  { timeout: 120_000 },
  async () => {
    const folder = job();
    const expected = JSON.parse(readFileSync(join(reference, "expected.json"), "utf8")) as {
      readonly full: { readonly losses: readonly number[] };
      readonly lora: { readonly losses: readonly number[] };
    };
    const apart = (found: number, wanted = Number.NaN): number => Math.abs(found / wanted - 1);
    const start = await evaluated(folder, "--adapter", "adapter_init");
    expect(apart(start.eval_loss, expected.lora.losses[0])).toBeLessThan(1e-5);
    expect(start.perplexity).toBeCloseTo(Math.exp(start.eval_loss), 9);
    expect(start.adapters).toEqual({ lora: join(folder, "adapter_init") });

    const base = await evaluated(folder, "--adapter", "none");
    expect(apart(base.eval_loss, expected.full.losses[0])).toBeLessThan(1e-5);
    expect(base.adapters).toEqual({});

    const rows = readFileSync(join(folder, "rows.jsonl"), "utf8").split("\n");
    writeFileSync(join(folder, "one.jsonl"), `${rows[0]}\n`);
    const one = await evaluated(folder, "--adapter", "none", "--data", "one.jsonl");
    expect(one.eval_tokens).toBeLessThan(base.eval_tokens);
    expect(one.eval_loss).not.toBe(base.eval_loss);
  },
);

test("what training left is what is evaluated, to the figures of its log", { timeout: 180_000 }, async () => {
  const folder = job();
  const trained = async (...args: readonly string[]): Promise<Record<string, unknown>> => {
    const ran = await ftlc(["train", "tiny.ftl", "--steps", "3", "--json", ...args], { cwd: folder });
    expect(ran.code).toBe(0);
    const last = JSON.parse(ran.out.trim().split("\n").at(-1) ?? "") as Record<string, unknown>;
    return { eval_loss: last["eval_loss"], eval_tokens: last["eval_tokens"] };
  };
  // Before there is anything, the base alone.
  const { err } = await ftlc(["eval", "tiny.ftl"], { cwd: folder });
  expect(err).toContain("running: the base model alone; there is no adapter in out/adapter");
  const tuned = await trained();
  expect(await evaluated(folder)).toMatchObject(tuned);
  expect(await evaluated(folder, "--adapter", "out/adapter")).toMatchObject(tuned);

  // A model that itself trained, from random weights: all of it is in its folder.
  writeFileSync(
    join(folder, "tiny.ftl"),
    recipe
      .replace(/ {2}adapter .*\n/, "")
      .replace('"base"', '"base" { train: all, init: random { seed: 5 } }')
      .replace('"out"', '"whole"'),
  );
  const whole = await trained();
  const found = await evaluated(folder);
  expect(found).toMatchObject(whole);
  expect(found.model).toBe(join(folder, "whole/model"));
  cpSync(join(folder, "whole/model"), join(folder, "moved"), { recursive: true });
  rmSync(join(folder, "whole"), { recursive: true });
  expect(await evaluated(folder, "--adapter", "moved")).toMatchObject(whole);
});

test("classes: accuracy and F1 of the adapter and the head beside it", { timeout: 120_000 }, async () => {
  const folder = job();
  const task = classes(folder);
  const expected = JSON.parse(readFileSync(join(task, "expected.json"), "utf8")) as {
    readonly lora: { readonly losses: readonly number[] };
  };
  const found = await evaluated(folder, "--adapter", join(task, "adapter_init"));
  expect(Math.abs(found.eval_loss / (expected.lora.losses[0] ?? Number.NaN) - 1)).toBeLessThan(1e-5);
  expect(found.eval_tokens).toBe(2);
  expect(Object.keys(found)).toEqual(expect.arrayContaining(["accuracy", "macro_f1"]));
  const { out } = await ftlc(["eval", "tiny.ftl", "--adapter", join(task, "adapter_final")], { cwd: folder });
  expect(out).toMatch(/^held-out loss [\d.]+, accuracy 100.0 %, macro F1 1.0000 over \d rows\n$/);
});

test("what is wrong is one clear message and its code", { timeout: 120_000 }, async () => {
  const folder = job();
  const fails = async (code: number, says: string, ...args: readonly string[]): Promise<void> => {
    const ran = await ftlc(["eval", "tiny.ftl", ...args], { cwd: folder });
    expect({ says, code: ran.code, out: ran.out }).toEqual({ says, code, out: "" });
    expect(ran.err).toContain(says);
    expect(ran.err).not.toContain("bug of ftlc");
  };
  await fails(1, "nowhere: there is no such folder", "--adapter", "nowhere");
  await fails(1, "holds neither an adapter (adapter_config.json) nor a model", "--adapter", ".");
  await fails(2, "adapter 'lora' has one rank, 4", "--rank", "2", "--adapter", "adapter_init");
  await fails(2, "cannot be used with option", "--rank", "2", "--ranks", "1,2");
  await fails(2, "'0' is no rank", "--rank", "0");
  await fails(2, "'1,x' are no ranks", "--ranks", "1,x");
  await fails(1, "gone.jsonl", "--data", "gone.jsonl");
  await fails(1, '"r" is 4', "--set", "adapter.rank=8", "--adapter", "adapter_init");
  await fails(1, "is its 'on' the same?", "--set", "adapter.on=[q_proj]", "--adapter", "adapter_init");
  writeFileSync(join(folder, "tiny.ftl"), recipe.replace(/ {2}evaluation .*\n/, ""));
  await fails(1, "the recipe holds no rows out to evaluate");
  writeFileSync(
    join(folder, "tiny.ftl"),
    recipe.replace(/ {2}adapter .*\n/, "").replace('"base"', '"base" { train: all }'),
  );
  await fails(1, "it is an adapter, and the recipe has none that could read it", "--adapter", "adapter_init");
  const none = await ftlc(["eval", "tiny.ftl"], { cwd: folder, env: { FTL_ADAPTER: "no such device" } });
  expect(none.code).toBe(4);
});

test("an interrupt stops it with 130", { timeout: 60_000 }, async () => {
  const folder = job();
  const rows = readFileSync(join(folder, "rows.jsonl"), "utf8");
  writeFileSync(join(folder, "rows.jsonl"), rows.repeat(4000));
  let sent = false;
  const { code, out } = await ftlc(["eval", "tiny.ftl"], {
    cwd: folder,
    onError: (text, child) => {
      if (sent || !text.includes("evaluating")) return;
      sent = true;
      child.kill("SIGINT");
    },
  });
  expect({ code, out, sent }).toEqual({ code: 130, out: "", sent: true });
});
