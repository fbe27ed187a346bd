// Rows that `split` holds out: never those that are learned from, however both are laid out, and the same in every run.
import fc from "fast-check";
import { expect, test } from "vitest";
import type { Settings } from "../../../compiler/language/settings.ts";
import type { PlanJob } from "../../../compiler/plan/plan.ts";
import type { Rows } from "../../../runtime/data/rows.ts";
import { readJobRows } from "../../../runtime/train/data.ts";
import { check } from "../../compiler/language/support.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { readLexicon } from "../data/files.ts";

const job: PlanJob = {
  batch: 2,
  accumulation: 1,
  rows: 2,
  tokens: 64,
  room: 0,
  vocabulary: 5000,
  learns: { kind: "targets" },
  ranks: [],
};

function settingsOf(data: string, evaluation = "", seed = 0): Settings {
  const { settings, diagnostics } = check(`recipe r {
    model "." { train: all }
    data ${data}
    ${evaluation}
    batch 2
    optimizer sgd { rate: 1 }
    training 1 epochs { seed: ${seed} }
  }`);
  if (settings === undefined) throw new Error(diagnostics.map(({ message }) => message).join());
  return settings;
}

function folderWith(name: string, text: string): string {
  const folder = temporaryFolder();
  put(folder, name, text);
  for (const file of ["tokenizer.json", "tokenizer_config.json"])
    put(folder, file, JSON.stringify(readLexicon(file)));
  return folder;
}

/** Document d is the tokens 100 d + 1, 100 d + 2, … */
const numbered = (sizes: readonly number[]): string =>
  sizes
    .map((size, d) => JSON.stringify({ input_ids: Array.from({ length: size }, (_, t) => 100 * d + 1 + t) }))
    .join("\n");

function documentsIn(rows: Rows | undefined): Set<number> {
  const all = Array.from({ length: rows?.count ?? 0 }, (_, row) => [...(rows?.tokens(row) ?? [])]);
  return new Set(all.flat().map((id) => Math.floor(id / 100)));
}

test("no document is on both sides, and each is on one", async () => {
  const cases = fc.record({
    sizes: fc.array(fc.integer({ min: 2, max: 12 }), { minLength: 2, maxLength: 20 }),
    percent: fc.integer({ min: 1, max: 99 }),
    pack: fc.boolean(),
    packHeld: fc.boolean(),
    seed: fc.nat(1000),
  });
  await fc.assert(
    fc.asyncProperty(cases, async ({ sizes, percent, pack, packHeld, seed }) => {
      const folder = folderWith("rows.jsonl", numbered(sizes));
      const data = `"rows.jsonl" { format: tokens, length: 12, split: ${percent}%, pack: ${pack} }`;
      const settings = settingsOf(data, `evaluation { pack: ${packHeld}, length: 16 }`, seed);
      const { train, held } = await readJobRows(settings, job, folder, folder);
      const [learned, others] = [documentsIn(train), documentsIn(held)];
      expect(learned.isDisjointFrom(others)).toBe(true);
      expect([...learned.union(others)].toSorted((a, b) => a - b)).toEqual([...sizes.keys()]);
      expect(others.size).toBe(
        Math.min(sizes.length - 1, Math.max(1, Math.round((sizes.length * percent) / 100))),
      );
      const again = await readJobRows(settings, job, folder, folder);
      expect(documentsIn(again.held)).toEqual(others);
    }),
    { numRuns: 40 },
  );
});

test("without an evaluation clause, held-out rows are read as those to learn from", async () => {
  const folder = folderWith("rows.jsonl", numbered([5, 5, 5, 5]));
  const settings = settingsOf('"rows.jsonl" { format: tokens, length: 12, split: 25%, pack: true }');
  const { train, held } = await readJobRows(settings, job, folder, folder);
  expect([train.count, train.tokenCount, held?.count, held?.tokenCount]).toEqual([2, 15, 1, 5]);
});

test("other words may be learned of those held out", async () => {
  const rows = Array.from({ length: 10 }, (_, at) =>
    JSON.stringify({ prompt: `a${at}`, completion: ` b${at}` }),
  );
  const folder = folderWith("rows.jsonl", rows.join("\n"));
  const data = '"rows.jsonl" { format: prompt, length: 32, split: 30% }';
  const plain = await readJobRows(settingsOf(data), job, folder, folder);
  const all = await readJobRows(settingsOf(data, "evaluation { learn: all }"), job, folder, folder);
  expect(all.train.learnedCount).toBe(plain.train.learnedCount);
  expect(all.held?.tokenCount).toBe(plain.held?.tokenCount);
  expect(all.held?.learnedCount).toBeGreaterThan(plain.held?.learnedCount ?? NaN);
});

test("of one text, pieces as long as a row are held out", async () => {
  const folder = folderWith("corpus.txt", "the quick brown fox jumps over the lazy dog. ".repeat(30));
  const data = '"corpus.txt" { length: 20, split: 20% }';
  const { train, held } = await readJobRows(settingsOf(data), job, folder, folder);
  const whole = await readJobRows(settingsOf('"corpus.txt" { length: 20 }'), job, folder, folder);
  expect(train.tokenCount + (held?.tokenCount ?? 0)).toBe(whole.train.tokenCount);
  expect(held?.count).toBe(Math.round(0.2 * whole.train.count));
  const longer = await readJobRows(settingsOf(data, "evaluation { length: 50 }"), job, folder, folder);
  expect([longer.train.tokenCount, longer.held?.tokenCount]).toEqual([train.tokenCount, held?.tokenCount]);
});

test("what cannot be split is refused", async () => {
  const one = folderWith("rows.jsonl", numbered([5]));
  const settings = settingsOf('"rows.jsonl" { format: tokens, length: 12, split: 25% }');
  await expect(readJobRows(settings, job, one, one)).rejects.toThrow(
    "it has one row, which cannot be split in two",
  );
});
