// An adapter with a range of ranks in the commands: what is measured, written and merged at a rank is what the adapter cut to that rank does.
import { copyFileSync, cpSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures, ftlc, root } from "../../cli/run.ts";
import { job, recipe } from "./tiny.ts";

const trained = join(fixtures, "reference/methods/dylora-all");

/** A job whose adapter was trained for the ranks 1 to 4, and the recipe of a plain one of some rank. */
function ranged(): { folder: string; plain: (rank: number) => void; own: () => void } {
  const folder = job();
  cpSync(join(trained, "adapter_init"), join(folder, "range"), { recursive: true });
  copyFileSync(join(trained, "final.safetensors"), join(folder, "range/adapter_model.safetensors"));
  const config = join(folder, "range/adapter_config.json");
  const fields = JSON.parse(readFileSync(config, "utf8")) as object;
  writeFileSync(config, JSON.stringify({ ...fields, ranks: [1, 4] }));
  const write = (adapter: string): void =>
    writeFileSync(join(folder, "tiny.ftl"), recipe.replace(/adapter {4}.*/, `adapter    ${adapter}`));
  const own = (): void => write("dylora { rank: 1..4, alpha: 8, on: [all_linear] }");
  own();
  return { folder, own, plain: (rank) => write(`lora { rank: ${rank}, alpha: 8, on: [all_linear] }`) };
}

async function ran(folder: string, ...args: readonly string[]): Promise<string> {
  const { code, out, err } = await ftlc(args, { cwd: folder });
  expect({ code, err: code === 0 ? "" : err }).toEqual({ code: 0, err: "" });
  return out;
}

interface Figures {
  readonly eval_loss: number;
  readonly rank?: number;
}

async function loss(folder: string, ...args: readonly string[]): Promise<number> {
  const out = await ran(folder, "eval", "tiny.ftl", "--json", "--adapter", ...args);
  return (JSON.parse(out) as Figures).eval_loss;
}

test("ranks are measured, cut and merged alike", { timeout: 240_000 }, async () => {
  const { folder, own, plain } = ranged();
  const evaluating = ["eval", "tiny.ftl", "--adapter", "range"] as const;
  const out = await ran(folder, ...evaluating, "--ranks", "4,1,2", "--json");
  const { ranks, best_rank } = JSON.parse(out) as { ranks: readonly Figures[]; best_rank: number };
  expect(ranks.map(({ rank }) => rank)).toEqual([1, 2, 4]);
  expect([1, 2, 4]).toContain(best_rank);
  const [one, two, four] = ranks.map(({ eval_loss }) => eval_loss);
  expect(new Set([one, two, four]).size).toBe(3);
  expect(await loss(folder, "range")).toBe(four);
  expect(await ran(folder, ...evaluating, "--rank", "2")).toMatch(/^rank 2: held-out loss /);
  expect(await ran(folder, ...evaluating, "--ranks", "1,4")).toMatch(/^rank +loss +perplexity/);
  expect(await loss(folder, "none", "--set", "evaluation.ranks=[1, 4]")).toBe(await loss(folder, "none"));

  const exporting = ["export", "--recipe", "tiny.ftl", "--adapter", "range"] as const;
  await ran(folder, ...exporting, "--to", "peft", "--rank", "1,2", "-o", "cut");
  await ran(folder, ...exporting, "--to", "peft", "-o", "largest");
  await ran(folder, ...exporting, "--to", "merged", "--rank", "2", "-o", "merged");
  await ran(folder, ...exporting, "--to", "merged", "--rank", "1,4", "-o", "both");
  expect(readdirSync(join(folder, "cut")).toSorted()).toEqual(["rank-1", "rank-2"]);
  expect(readdirSync(join(folder, "both")).toSorted()).toEqual(["rank-1", "rank-4"]);
  const near = (found: number, wanted = Number.NaN): void =>
    expect(Math.abs(found / wanted - 1)).toBeLessThan(1e-5);
  own();
  near(await loss(folder, "merged"), two);
  near(await loss(folder, "both/rank-1"), one);
  near(await loss(folder, "both/rank-4"), four);
  plain(2);
  near(await loss(folder, "cut/rank-2"), two);
  plain(4);
  near(await loss(folder, "largest"), four);
  const config = JSON.parse(readFileSync(join(folder, "largest/adapter_config.json"), "utf8")) as object;
  expect(config).toMatchObject({ r: 4 });
  expect(config).not.toHaveProperty("ranks");
});

test("ranks outside of the range are wrong usage", { timeout: 60_000 }, async () => {
  const { folder } = ranged();
  for (const args of [
    ["eval", "tiny.ftl", "--ranks", "2,5"],
    ["export", "--recipe", "tiny.ftl", "--to", "merged", "--rank", "5", "-o", "made"],
  ]) {
    const { code, out, err } = await ftlc([...args, "--adapter", "range"], { cwd: folder });
    expect({ code, out }).toEqual({ code: 2, out: "" });
    expect(err).toContain("adapter 'dylora' has the ranks 1 to 4, not 5");
  }
});

test("a text is written at a rank", { timeout: 240_000 }, async () => {
  const folder = job();
  const words = (adapter: string): void =>
    writeFileSync(
      join(folder, "words.ftl"),
      `recipe words {
  model     "${join(root, "examples/lexicon-1m")}"
  adapter   ${adapter}
  data      "${join(root, "examples/jargon-sample.jsonl")}" { format: prompt, length: 32 }
  batch     2
  optimizer adamw { rate: 3e-2 }
  training  4 steps { seed: 1 }
  output    "words"
}`,
    );
  words("dylora { rank: 1..4, alpha: 8, on: [q_proj, v_proj] }");
  await ran(folder, "train", "words.ftl");
  const written = async (...args: readonly string[]): Promise<string> =>
    ran(folder, "generate", "words.ftl", "--prompt", "hacker (noun):", "--tokens", "12", ...args);
  const [one, four] = [await written("--rank", "1"), await written()];
  expect(one).not.toBe(four);
  await ran(folder, "export", "--recipe", "words.ftl", "--to", "peft", "--rank", "1", "-o", "cut");
  words("lora { rank: 1, alpha: 8, on: [q_proj, v_proj] }");
  expect(await written("--adapter", "cut")).toBe(one);
});
