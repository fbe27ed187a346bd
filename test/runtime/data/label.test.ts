// Rows with a class: from text or ids, each wrong one named with file, line and field; batches bring one class a row.
import { describe, expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import type { Classes } from "../../../runtime/data/formats.ts";
import type { Rows } from "../../../runtime/data/rows.ts";
import { openTokenizer, type Tokenizer } from "../../../runtime/data/tokenizer.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { lexicon, readRows } from "./files.ts";

const tokenizer = await openTokenizer(lexicon);

const classes: Classes = {
  count: 3,
  names: new Map([
    ["bad", 0],
    ["good", 2],
    ["far", 7],
  ]),
};

function rowsOf(text: string, own: Tokenizer | undefined = tokenizer): Promise<Rows> {
  const path = put(temporaryFolder(), "rows.jsonl", text);
  const common = { path, length: 8, vocab: 1024, learns: "classes" } as const;
  return readRows({ ...common, format: "label", tokenizer: own, classes });
}

const good =
  '{"input_ids": [5, 6, 7, 0], "attention_mask": [1, 1, 1, 0], "label": 2}\n{"input_ids": [8], "label": 0}\n';

describe("rows with a class", () => {
  test("from ids and from text; nothing is learned position by position", async () => {
    const rows = await rowsOf(`${good}{"text": "a term", "label": 1}\n`);
    expect([0, 1, 2].map((row) => rows.class(row))).toEqual([2, 0, 1]);
    expect([...rows.tokens(0)]).toEqual([5, 6, 7]);
    expect([...rows.tokens(2)]).toEqual([tokenizer.start, ...tokenizer.encode("a term"), tokenizer.end]);
    expect([...rows.labels(0)]).toEqual([-100, -100, -100]);
    expect(rows.learnedCount).toBe(3);
  });

  test("`labels` is read where there is no `label`", async () => {
    const rows = await rowsOf(
      '{"input_ids": [1], "labels": 2}\n{"input_ids": [1], "labels": 2, "label": 1}\n',
    );
    expect([0, 1].map((row) => rows.class(row))).toEqual([2, 1]);
    await expect(rowsOf('{"input_ids": [1], "labels": [2]}')).rejects.toThrow(
      /field "labels" is \[2\]; expected a class/,
    );
  });

  test("by the names that the model's config gives them", async () => {
    const rows = await rowsOf('{"input_ids": [5], "label": "good"}\n{"input_ids": [5], "label": "bad"}');
    expect([rows.class(0), rows.class(1)]).toEqual([2, 0]);
    await expect(rowsOf('{"input_ids": [5], "label": "fine"}')).rejects.toThrow(
      'rows.jsonl:1: field "label" is "fine"; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    );
    await expect(rowsOf('{"input_ids": [5], "label": "far"}')).rejects.toThrow(
      'field "label" is 7; expected',
    );
  });

  test("ids need no tokenizer", async () => {
    const path = put(temporaryFolder(), "rows.jsonl", good);
    const common = { path, length: 8, vocab: 1024, learns: "classes" } as const;
    const rows = await readRows({ ...common, format: "label", tokenizer: undefined, classes });
    expect(rows.count).toBe(2);
    const text = put(temporaryFolder(), "rows.jsonl", '{"text": "a", "label": 0}');
    await expect(
      readRows({ ...common, path: text, format: "label", tokenizer: undefined, classes }),
    ).rejects.toThrow(/rows\.jsonl:1: field "text" needs a tokenizer\.json in the model's folder/);
  });

  test.for([
    [
      '{"input_ids": [1]}',
      'field "label" is missing; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    ],
    [
      '{"input_ids": [1], "label": "1"}',
      'field "label" is "1"; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    ],
    [
      '{"input_ids": [1], "label": 3}',
      'field "label" is 3; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    ],
    [
      '{"input_ids": [1], "label": 0.5}',
      'field "label" is 0.5; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    ],
    [
      '{"input_ids": [1], "label": -1}',
      'field "label" is -1; expected a class, a whole number from 0 to 2, or one of bad, good, far',
    ],
    ['{"label": 1}', 'field "text" is missing; expected a string'],
    [
      '{"input_ids": [2000], "label": 1}',
      'field "input_ids" holds token 2000, beyond the vocabulary of 1024 at 0',
    ],
  ] as const)("%s is refused", async ([row, reason]) => {
    await expect(rowsOf(`${good}\n${row}\n`)).rejects.toThrow(`rows.jsonl:4: ${reason}`);
  });

  test("a batch brings the classes of its rows, and none for the rows that fill it", async () => {
    const rows = await rowsOf(`${good}{"input_ids": [9], "label": 1}\n`);
    const source = batches(rows, { rows: 2, length: 8, seed: 0, shuffle: false, learns: "classes" });
    const [first, second] = [source.at(1), source.at(2)];
    expect([[...first.targets], first.learned, first.tokens]).toEqual([[2, 0], 2, 4]);
    expect([[...second.targets], second.learned, second.tokens]).toEqual([[1, -100], 1, 1]);
    expect([...first.segments]).toEqual([1, 1, 1, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0]);
  });
});
