// Rows of each format are what the files say, token by token, and wrong rows are named with file, line and field.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";

import { DataError } from "../../../runtime/data/error.ts";
import type { DataSource } from "../../../runtime/data/read.ts";
import type { Rows } from "../../../runtime/data/rows.ts";
import { openTokenizer } from "../../../runtime/data/tokenizer.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { lexicon, readRows, tokenizerWith } from "./files.ts";

interface Encoded {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

const held = join(lexicon, "jargon-held.jsonl");
const encoded = JSON.parse(readFileSync(join(lexicon, "jargon-held.ids.json"), "utf8")) as Encoded[];
const tokenizer = await openTokenizer(lexicon);

function contents(rows: Rows): { ids: number[]; labels: number[]; starts: number[] }[] {
  return Array.from({ length: rows.count }, (_, i) => ({
    ids: Array.from(rows.tokens(i)),
    labels: Array.from(rows.labels(i)),
    starts: Array.from(rows.starts(i)),
  }));
}

function tokens(text: string, more: Partial<DataSource> = {}): Promise<Rows> {
  const path = put(temporaryFolder(), "rows.jsonl", text);
  return readRows({ path, format: "tokens", length: 8, vocab: 100, ...more } as DataSource);
}

const lines = (...rows: readonly unknown[]): string => rows.map((row) => `${JSON.stringify(row)}\n`).join("");

describe("prompt", () => {
  const source = { path: held, format: "prompt", tokenizer, length: 192, vocab: 1024 } as const;

  test("rows are end, prompt, completion, end, cut at the length; the completion and the end are learned", async () => {
    const rows = await readRows(source);
    const expected = encoded.map(({ prompt, completion }) => {
      const ids = [0, ...prompt, ...completion, 0];
      const labels = ids.map((id, t) => (t <= prompt.length ? -100 : id));
      return { ids: ids.slice(0, 192), labels: labels.slice(0, 192), starts: [0] };
    });
    expect(contents(rows)).toEqual(expected);
    expect(rows.longest).toBe(192);
    expect(rows.cutCount).toBe(encoded.filter((r) => r.prompt.length + r.completion.length + 2 > 192).length);
    expect(rows.tokenCount).toBe(expected.reduce((n, r) => n + r.ids.length, 0));
    expect(rows.learnedCount).toBe(
      expected.reduce((n, r) => n + r.labels.filter((l) => l !== -100).length, 0),
    );
  });

  test("learn: all learns everything but the first token, which nothing predicts", async () => {
    const rows = await readRows({ ...source, learn: "all" });
    for (const { ids, labels } of contents(rows)) expect(labels).toEqual([-100, ...ids.slice(1)]);
  });

  test("text that spells a special token stays text", async () => {
    const path = put(temporaryFolder(), "a.jsonl", lines({ prompt: "<|end|>", completion: " x<|end|>y" }));
    const [row] = contents(await readRows({ ...source, path }));
    expect(row?.ids.map((id) => id === 0)).toEqual(
      row?.ids.map((_, t) => t === 0 || t === row.ids.length - 1),
    );
    expect(tokenizer.decode(row?.ids.slice(1, -1) ?? [])).toBe("<|end|> x<|end|>y");
  });

  test("a tokenizer without start or end leaves them out", async () => {
    const path = put(temporaryFolder(), "a.jsonl", lines({ prompt: "a", completion: "b" }));
    const bare = tokenizerWith({}, { bos_token: null, eos_token: null });
    const [row] = contents(await readRows({ ...source, path, tokenizer: bare }));
    expect(row).toEqual({
      ids: [...bare.encode("a"), ...bare.encode("b")],
      labels: [-100, ...bare.encode("b")],
      starts: [0],
    });
  });

  test("packed rows hold whole documents, each from its own start", async () => {
    const alone = contents(await readRows({ ...source, length: 400 }));
    const packed = await readRows({ ...source, length: 400, pack: true });
    expect(packed.count).toBeLessThan(alone.length);
    const apart = contents(packed).flatMap(({ ids, labels, starts }) =>
      starts.map((start, i) => ({
        ids: ids.slice(start, starts[i + 1]),
        labels: labels.slice(start, starts[i + 1]),
        starts: [0],
      })),
    );
    const inOrder = (rows: readonly object[]) => rows.map((row) => JSON.stringify(row)).toSorted();
    expect(inOrder(apart)).toEqual(inOrder(alone));
    expect(packed.longest).toBeLessThanOrEqual(400);
  });

  test.for([
    [{ completion: "b" }, 'field "prompt" is missing; expected a string'],
    [{ prompt: 1, completion: "b" }, 'field "prompt" is 1; expected a string'],
    [{ prompt: "a", completion: null }, 'field "completion" is null; expected a string'],
    [
      { prompt: "a\ud800", completion: "" },
      'field "prompt" holds half of a surrogate pair, which is no character',
    ],
  ] as const)("%j is refused", async ([row, reason]) => {
    const path = put(temporaryFolder(), "a.jsonl", lines({ prompt: "a", completion: "b" }, row));
    await expect(readRows({ ...source, path })).rejects.toThrow(`${path}:2: ${reason}`);
  });

  test("a tokenizer larger than the model is found out", async () => {
    await expect(readRows({ ...source, vocab: 300 })).rejects.toThrow(
      /jargon-held\.jsonl:1: field "\w+" holds token \d+, beyond the vocabulary of 300; the tokenizer does not fit the model/,
    );
  });
});

describe("tokens", () => {
  test("labels are aligned, default to the input, and are cut with it", async () => {
    const long = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    const rows = await tokens(
      lines(
        { input_ids: [1, 2, 3], labels: [-100, -100, 3], id: "mine" },
        { input_ids: [4, 5] },
        { input_ids: long },
      ),
    );
    expect(contents(rows)).toEqual([
      { ids: [1, 2, 3], labels: [-100, -100, 3], starts: [0] },
      { ids: [4, 5], labels: [-100, 5], starts: [0] },
      { ids: long.slice(0, 8), labels: [-100, ...long.slice(1, 8)], starts: [0] },
    ]);
    expect(rows.cutCount).toBe(1);
  });

  test("a mask leaves off padding at the end", async () => {
    const row = { input_ids: [1, 2, 0, 0], labels: [1, 2, -100, -100], attention_mask: [1, 1, 0, 0] };
    expect(contents(await tokens(lines(row)))).toEqual([{ ids: [1, 2], labels: [-100, 2], starts: [0] }]);
  });

  test("empty lines, a byte order mark, Windows line ends and no newline at the end", async () => {
    const rows = await tokens('\ufeff{"input_ids":[1]}\r\n\r\n   \n{"input_ids":[2]}');
    expect(contents(rows).map((r) => r.ids)).toEqual([[1], [2]]);
  });

  test("lines across the pieces in which a file is read", async () => {
    const all = Array.from({ length: 3000 }, (_, i) => ({ input_ids: [i % 100], note: "é".repeat(i % 90) }));
    const rows = await tokens(lines(...all));
    expect(contents(rows).map((r) => r.ids)).toEqual(all.map((r) => r.input_ids));
  });

  test.for([
    ["{}", 'field "input_ids" is missing; expected a list of token ids'],
    ['{"input_ids": 3}', 'field "input_ids" is 3; expected a list of token ids'],
    ['{"input_ids": []}', 'field "input_ids" is empty'],
    ['{"input_ids": ["1"]}', 'field "input_ids" is "1" at 0; expected a token id'],
    ['{"input_ids": [1, 100]}', 'field "input_ids" holds token 100, beyond the vocabulary of 100 at 1'],
    ['{"input_ids": [1, -1]}', 'field "input_ids" holds -1, which is no token id at 1'],
    ['{"input_ids": [-100]}', 'field "input_ids" holds -100, which is no token id at 0'],
    ['{"input_ids": [1.5]}', 'field "input_ids" holds 1.5, which is no token id at 0'],
    ['{"input_ids": [4294967297]}', 'field "input_ids" holds token 4294967297, beyond the vocabulary'],
    ['{"input_ids": [1], "labels": [1, 2]}', 'field "labels" has 2 entries, input_ids has 1'],
    ['{"input_ids": [1], "labels": [-1]}', 'field "labels" holds -1, which is no token id at 0'],
    [
      '{"input_ids": [1], "labels": [100]}',
      'field "labels" holds token 100, beyond the vocabulary of 100 at 0',
    ],
    ['{"input_ids": [1], "labels": null}', 'field "labels" is null; expected a list of token ids'],
    ['{"input_ids": [1], "attention_mask": [2]}', 'field "attention_mask" holds 2, neither 0 nor 1 at 0'],
    ['{"input_ids": [1], "attention_mask": [0]}', 'field "attention_mask" hides the whole row'],
    [
      '{"input_ids": [1, 2], "attention_mask": [0, 1]}',
      'field "attention_mask" hides position 0, which is not at the end',
    ],
    ["[1, 2]", "this line is no JSON object"],
    ["{", "this line is not good JSON"],
  ] as const)("%s is refused", async ([row, reason]) => {
    const error = await tokens(`{"input_ids":[1]}\n\n${row}\n`).catch((e: unknown) => e);
    expect(error).toBeInstanceOf(DataError);
    expect(String(error)).toContain(`rows.jsonl:3: ${reason}`);
  });

  test("all wrong rows are named at once, up to a limit", async () => {
    const some = await tokens('{"input_ids":[1]}\n{}\n{"input_ids":[]}\n').catch((e: unknown) => e);
    expect(some instanceof DataError ? some.problems.map((p) => [p.line, p.field]) : some).toEqual([
      [2, "input_ids"],
      [3, "input_ids"],
    ]);
    const many = await tokens("{}\n".repeat(1000)).catch((e: unknown) => e);
    expect(many instanceof DataError ? many.problems.length : many).toBe(20);
  });

  test("a line without end", async () => {
    const path = put(temporaryFolder(), "a.jsonl", Buffer.alloc(65 * 1024 * 1024, " "));
    await expect(tokens("", { path })).rejects.toThrow(`${path}:1: is longer than 67108864 bytes`);
  });

  test("a file without rows, not UTF-8, or not there", async () => {
    await expect(tokens("\n\n")).rejects.toThrow(/rows\.jsonl: it holds no rows/);
    const folder = temporaryFolder();
    const path = put(
      folder,
      "a.jsonl",
      Buffer.concat([Buffer.from('{"input_ids":[1]}\n"'), Uint8Array.of(0xff)]),
    );
    await expect(tokens("", { path })).rejects.toThrow(`${path}:2: this is not UTF-8`);
    await expect(tokens("", { path: join(folder, "none") })).rejects.toThrow(
      /none: the data could not be read: there is no such/,
    );
    await expect(tokens("", { path: folder })).rejects.toThrow(/could not be read: this is a folder/);
  });
});

describe("text", () => {
  const source = { format: "text", tokenizer, length: 16, vocab: 1024 } as const;
  const texts = [
    "a short one",
    "",
    "another one, rather longer than the first, which runs over the end of a row or two",
    "last",
  ];

  test("documents fill rows to the last position and run on in the next", async () => {
    const path = put(temporaryFolder(), "a.jsonl", lines(...texts.map((text) => ({ text }))));
    const rows = await readRows({ ...source, path, pack: true });
    const stream = texts.flatMap((text) => [0, ...tokenizer.encode(text), 0]);
    expect(contents(rows).flatMap((r) => r.ids)).toEqual(stream);
    expect(contents(rows).map((r) => r.ids.length)).toEqual(
      Array.from({ length: rows.count }, (_, i) => Math.min(16, stream.length - 16 * i)),
    );
    for (const { ids, labels, starts } of contents(rows)) {
      expect(starts[0]).toBe(0);
      expect(labels).toEqual(ids.map((id, t) => (starts.includes(t) ? -100 : id)));
    }
    expect(rows.cutCount).toBe(0);
  });

  test("without packing each text has a row of its own", async () => {
    const path = put(temporaryFolder(), "a.jsonl", lines(...texts.map((text) => ({ text }))));
    const rows = await readRows({ ...source, path, pack: false });
    expect(contents(rows).map((r) => r.ids)).toEqual(
      texts.map((text) => [0, ...tokenizer.encode(text), 0].slice(0, 16)),
    );
    expect(rows.cutCount).toBe(1);
  });

  test.for([true, false])("a file that is not JSONL is one text, with pack: %s", async (pack) => {
    const path = join(lexicon, "wordnet-held.txt");
    const rows = await readRows({ ...source, path, length: 64, pack });
    const text = readFileSync(path, "utf8");
    expect(contents(rows).flatMap((r) => r.ids)).toEqual([0, ...tokenizer.encode(text), 0]);
    expect(contents(rows).map((r) => r.starts)).toEqual(contents(rows).map(() => [0]));
  });

  test("a row without text is refused", async () => {
    const path = put(temporaryFolder(), "a.jsonl", lines({ text: "a" }, { content: "b" }));
    await expect(readRows({ ...source, path, pack: true })).rejects.toThrow(
      `${path}:2: field "text" is missing; expected a string`,
    );
  });
});
