// Parquet files are read as the JSON that they stand for; what is wrong with one is said with its name, and no bytes crash the reader.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { parquetWriteBuffer } from "hyparquet-writer";
import { describe, expect, test } from "vitest";
import { DataError } from "../../../runtime/data/error.ts";
import { readParquet } from "../../../runtime/data/parquet.ts";
import type { NumberedRow } from "../../../runtime/data/parquet-file.ts";
import type { ThreadLimits } from "../../../runtime/data/thread.ts";
import { readDocuments } from "../../../runtime/data/read.ts";
import { openTokenizer } from "../../../runtime/data/tokenizer.ts";
import { fixtures, put, temporaryFolder } from "../checkpoint/files.ts";
import { lexicon, readRows } from "./files.ts";
import { templates } from "./templates.ts";

const folder = join(fixtures, "parquet");
const tokenizer = await openTokenizer(lexicon);

async function rowsIn(path: string, columns: readonly string[], limits?: ThreadLimits) {
  const rows: NumberedRow[] = [];
  for await (const row of readParquet(path, columns, limits)) rows.push(row);
  return rows;
}

describe("files of pyarrow", () => {
  test("structs in lists, over several row groups", async () => {
    const rows = await rowsIn(join(folder, "talk-snappy.parquet"), ["messages"]);
    const messages = (i: number) => [
      { role: "user", content: `What is ${i}?` },
      { role: "assistant", content: `Ünit ${i} 👍` },
    ];
    expect(rows).toEqual(
      [0, 1, 2, 3, 4, 5, 6].map((i) => ({ number: i + 1, value: { messages: messages(i) } })),
    );
  });

  test.for(["none", "zstd", "gzip", "brotli"])("under %s", async (codec) => {
    const rows = await rowsIn(join(folder, `prompt-${codec}.parquet`), ["prompt", "completion"]);
    expect(rows).toEqual(
      Array.from({ length: 200 }, (_, i) => {
        return { number: i + 1, value: { prompt: `prompt ${i % 3}`, completion: ` completion ${i}` } };
      }),
    );
  });

  test("numbers of any width are numbers, and null is not there", async () => {
    const rows = await rowsIn(join(folder, "tokens.parquet"), ["input_ids", "labels", "attention_mask"]);
    expect(rows[1]).toEqual({ number: 2, value: { input_ids: [2, 2], attention_mask: [1, 1] } });
    expect(rows[2]).toEqual({
      number: 3,
      value: { input_ids: [3, 2, 3], labels: [-100, 2, 3], attention_mask: [1, 1, 1] },
    });
    const read = await readRows({
      path: join(folder, "tokens.parquet"),
      format: "tokens",
      length: 8,
      vocab: 100,
    });
    expect([read.count, [...read.tokens(2)], [...read.labels(2)]]).toEqual([10, [3, 2, 3], [-100, 2, 3]]);
  });

  test("columns that no format reads are left out", async () => {
    const path = join(folder, "label.parquet");
    const classes = { count: 3, names: new Map<string, number>() };
    const read = await readRows({
      path,
      format: "label",
      tokenizer,
      classes,
      length: 16,
      vocab: 1024,
      learns: "classes",
    });
    expect([0, 1, 2].map((row) => read.class(row))).toEqual([2, 0, 1]);
    await expect(rowsIn(path, ["prompt", "completion"])).rejects.toThrow(
      `${path}: it has no column prompt or completion; there are text, label, score`,
    );
  });

  test("conversations", async () => {
    const template = { path: "t", source: templates.vicuna.source, tokens: {} };
    const path = join(folder, "talk-snappy.parquet");
    const found = await readDocuments({ path, format: "chat", tokenizer, template, length: 64, vocab: 1024 });
    expect(found.count).toBe(7);
    expect(tokenizer.decode(found.ids(6, 0, found.size(6)))).toBe("USER: What is 6?\nASSISTANT: Ünit 6 👍\n");
  });

  test("a codec that is not there, and bytes that are no text", async () => {
    await expect(rowsIn(join(folder, "lz4.parquet"), ["text"])).rejects.toThrow(
      /lz4\.parquet: row group 1 cannot be read: .*LZ4/,
    );
    await expect(rowsIn(join(folder, "not-utf8.parquet"), ["text"])).rejects.toThrow(
      /not-utf8\.parquet: .*The encoded data was not valid for encoding utf-8/,
    );
  });
});

describe("what is no good", () => {
  test.for([
    ["", "it is no good Parquet: 0 bytes are too few"],
    ['{"text": "not Parquet at all"}', "it is no good Parquet: it does not begin and end with PAR1"],
    [`PAR1${" ".repeat(20)}\xff\xff\xff\x7fPAR1`, "it is no good Parquet: its footer cannot have"],
    [`PAR1${" ".repeat(20)}\x10\0\0\0PAR1`, "it is no good Parquet: "],
  ] as const)("%j", async ([text, reason]) => {
    const path = put(temporaryFolder(), "a.parquet", Buffer.from(text, "latin1"));
    await expect(rowsIn(path, ["text"])).rejects.toThrow(`${path}: ${reason}`);
  });

  test("a file that is not there", async () => {
    const path = join(temporaryFolder(), "none.parquet");
    await expect(rowsIn(path, ["text"])).rejects.toThrow(
      `${path}: the data could not be read: there is no such`,
    );
  });

  test("a wrong row is named by its number", async () => {
    const columnData = [
      { name: "prompt", data: ["a", null, "c"] },
      { name: "completion", data: ["a", "b", "c"] },
    ];
    const path = put(temporaryFolder(), "a.parquet", new Uint8Array(parquetWriteBuffer({ columnData })));
    await expect(
      readDocuments({ path, format: "prompt", tokenizer, length: 8, vocab: 1024 }),
    ).rejects.toThrow(`${path}:2: field "prompt" is missing; expected a string`);
  });

  test("a file that keeps its decoder busy for ever", async () => {
    const path = join(folder, "endless.parquet");
    await expect(rowsIn(path, ["prompt"], { time: 1000, memory: 256 })).rejects.toThrow(
      `${path}: it is no good Parquet: reading on takes more than 1 s`,
    );
  });

  test("any bytes changed anywhere: rows, or an error of the file", { timeout: 120_000 }, async () => {
    const files = ["talk-snappy", "tokens", "prompt-none", "prompt-zstd", "prompt-gzip"].map((name) =>
      readFileSync(join(folder, `${name}.parquet`)),
    );
    const change = fc.record({ at: fc.nat(1e6), to: fc.nat(255) });
    const at = temporaryFolder();
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom(...files),
        fc.array(change, { minLength: 1, maxLength: 6 }),
        fc.option(fc.nat(1e6)),
        async (file, changes, cut) => {
          const bytes = Buffer.from(cut === null ? file : file.subarray(0, cut % file.length));
          for (const { at: place, to } of changes) if (bytes.length > 0) bytes[place % bytes.length] = to;
          const path = put(at, "a.parquet", bytes);
          const columns = ["messages", "input_ids", "labels", "prompt", "completion"];
          const found = await rowsIn(path, columns, { time: 3000, memory: 512 }).catch(
            (error: unknown) => error,
          );
          if (!Array.isArray(found)) expect(found).toBeInstanceOf(DataError);
        },
      ),
      // A run that ends by its time is not made smaller.
      { numRuns: 60, endOnFailure: true },
    );
  });
});

test("what is written is read, in groups of any size", async () => {
  const texts = fc.array(fc.option(fc.string({ unit: "grapheme" })), { minLength: 1, maxLength: 40 });
  const path = join(temporaryFolder(), "a.parquet");
  await fc.assert(
    fc.asyncProperty(texts, fc.integer({ min: 1, max: 20 }), async (data, rowGroupSize) => {
      const columnData = [{ name: "text", data, type: "STRING" as const }];
      put(
        path.slice(0, -"/a.parquet".length),
        "a.parquet",
        new Uint8Array(parquetWriteBuffer({ columnData, rowGroupSize })),
      );
      const expected = data.map((text, at) => ({ number: at + 1, value: text === null ? {} : { text } }));
      expect(await rowsIn(path, ["text"])).toEqual(expected);
    }),
    { numRuns: 25 },
  );
});
