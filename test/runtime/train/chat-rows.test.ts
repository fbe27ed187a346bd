// The data clause of the shared recipe of conversations, read as it is written: packed rows of which replies are learned.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { PlanJob } from "../../../compiler/plan/plan.ts";
import { batches } from "../../../runtime/data/batches.ts";
import { openTokenizer } from "../../../runtime/data/tokenizer.ts";
import { readJobRows } from "../../../runtime/train/data.ts";
import { check } from "../../compiler/language/support.ts";
import { fixtures, put, temporaryFolder } from "../checkpoint/files.ts";
import { readLexicon } from "../data/files.ts";

const recipe = readFileSync(join(fixtures, "recipes/qdylora.ftl"), "utf8").replaceAll("data/", "");
const { settings } = check(recipe);

const job: PlanJob = {
  batch: 32,
  accumulation: 1,
  rows: 32,
  tokens: 1024,
  room: 0,
  vocabulary: 1026,
  learns: { kind: "targets" },
  ranks: [],
};

const chatml = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}";

const talk = (question: string, answer: string): string =>
  JSON.stringify({
    messages: [
      { role: "user", content: question },
      { role: "assistant", content: answer },
    ],
  });

function prepared(template: string | undefined): string {
  const folder = temporaryFolder();
  const tokenizer = readLexicon("tokenizer.json");
  const added = ["<|im_start|>", "<|im_end|>"].map((content, at) => ({
    id: 1024 + at,
    content,
    special: true,
  }));
  const all = [...(tokenizer["added_tokens"] as unknown[]), ...added];
  put(folder, "tokenizer.json", JSON.stringify({ ...tokenizer, added_tokens: all }));
  put(folder, "tokenizer_config.json", JSON.stringify(readLexicon("tokenizer_config.json")));
  if (template !== undefined) put(folder, "chat_template.jinja", template);
  const questions = Array.from({ length: 40 }, (_, at) => talk(`What is number ${at}?`, `It is ${at * at}.`));
  put(folder, "train.jsonl", questions.join("\n"));
  put(folder, "held.jsonl", talk("What is this?", "Held out."));
  return folder;
}

test("qdylora.ftl", async () => {
  if (settings === undefined) throw new Error("no settings");
  const folder = prepared(chatml);
  const { train, held } = await readJobRows(settings, job, folder, folder);
  const tokenizer = await openTokenizer(folder);
  expect(train.count).toBeLessThan(4);
  expect(held?.count).toBe(1);
  const starts = Array.from({ length: train.count }, (_, row) => train.starts(row).length);
  expect(starts.reduce((sum, count) => sum + count, 0)).toBe(40);
  const { targets, learned } = batches(train, {
    rows: train.count,
    length: 1024,
    seed: 7,
    shuffle: false,
  }).at(1);
  const text = tokenizer.decode(targets.filter((target) => target >= 0));
  expect(text).toBe(Array.from({ length: 40 }, (_, at) => `It is ${at * at}.<|im_end|>`).join(""));
  expect(learned).toBe(train.learnedCount);
});

test("a model without a chat template", async () => {
  if (settings === undefined) throw new Error("no settings");
  const folder = prepared(undefined);
  await expect(readJobRows(settings, job, folder, folder)).rejects.toThrow(
    `${join(folder, "chat_template.jinja")}: there is no chat template; write one into this file`,
  );
});
