// The rows of a job whose words are hidden: the tokenizer's mask stands for them, and rows that say what is learned are taken as they are.
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DataSettings } from "../../../compiler/language/settings.ts";
import type { PlanJob } from "../../../compiler/plan/plan.ts";
import { batches } from "../../../runtime/data/batches.ts";
import { notLearned } from "../../../runtime/data/documents.ts";
import { readJobRows } from "../../../runtime/train/data.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { readLexicon } from "../data/files.ts";

const span = { source: { path: "recipe.ftl", text: "" }, start: 0, end: 0 };
const mask = 1023;

function settingsFor(format: "text" | "tokens"): {
  readonly data: DataSettings;
  readonly evaluation: undefined;
  readonly seed: number;
} {
  const said = <T>(value: T) => ({ value, span });
  const common = { pack: false, learn: "all", shuffle: true, split: 0, span } as const;
  return {
    data: { ...common, path: said("rows.jsonl"), format, length: said(64) },
    evaluation: undefined,
    seed: 5,
  };
}

const job: PlanJob = {
  batch: 2,
  accumulation: 1,
  rows: 2,
  tokens: 64,
  room: 0,
  vocabulary: 1024,
  ranks: [],
  learns: { kind: "labels", masking: { share: 0.5, hidden: 1, exchanged: 0 } },
};

/** A folder with rows and a tokenizer, with a mask token where that is asked for. */
function prepared(rows: readonly unknown[], masked: boolean): string {
  const folder = temporaryFolder();
  put(folder, "rows.jsonl", rows.map((row) => JSON.stringify(row)).join("\n"));
  const tokenizer = readLexicon("tokenizer.json");
  const added = tokenizer["added_tokens"];
  const token = { id: mask, content: "<mask>", special: true, normalized: false };
  const all = Array.isArray(added) && masked ? [...added, token] : added;
  put(folder, "tokenizer.json", JSON.stringify({ ...tokenizer, added_tokens: all }));
  const config = { ...readLexicon("tokenizer_config.json"), ...(masked ? { mask_token: "<mask>" } : {}) };
  put(folder, "tokenizer_config.json", JSON.stringify(config));
  return folder;
}

const texts = ["the first text of two", "and the second one, somewhat longer"].map((text) => ({ text }));

test("half the words of texts are hidden, their start and end never", async () => {
  const folder = prepared(texts, true);
  const { train, hiding } = await readJobRows(settingsFor("text"), job, folder, folder);
  const source = batches(train, { rows: 2, length: 64, seed: 5, shuffle: false, learns: "labels", hiding });
  const { ids, targets, segments, learned } = source.at(1);
  expect(learned).toBeGreaterThan(0);
  const plain = [...train.tokens(0), ...train.tokens(1)];
  const real = [...segments.keys()].filter((at) => segments[at] !== 0);
  real.forEach((at, index) => {
    const hidden = targets[at] !== notLearned;
    expect(ids[at]).toBe(hidden ? mask : plain[index]);
    if (hidden) expect(targets[at]).toBe(plain[index]);
    if (plain[index] === 0) expect(hidden).toBe(false);
  });
  expect(source.at(2).targets).not.toEqual(targets);
});

test("a tokenizer without a mask token is refused, unless every row says what is learned", async () => {
  const folder = prepared(texts, false);
  await expect(readJobRows(settingsFor("text"), job, folder, folder)).rejects.toThrow(
    `${join(folder, "tokenizer.json")}: it defines no mask_token, which is to stand where a word is hidden`,
  );
  const given = prepared([{ input_ids: [5, mask, 7], labels: [-100, 6, -100] }], false);
  const { train, hiding } = await readJobRows(settingsFor("tokens"), job, given, given);
  const source = batches(train, { rows: 1, length: 64, seed: 5, learns: "labels", hiding });
  expect([...source.at(1).ids.subarray(0, 4)]).toEqual([5, mask, 7, 0]);
  expect([...source.at(1).targets.subarray(0, 4)]).toEqual([-100, 6, -100, -100]);
});
