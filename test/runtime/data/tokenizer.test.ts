// Text becomes the ids that the reference library gives, and never a special token.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { CheckpointError } from "../../../runtime/checkpoint/error.ts";
import { breakUp, openTokenizer, TextError } from "../../../runtime/data/tokenizer.ts";
import { put, temporaryFolder } from "../checkpoint/files.ts";
import { lexicon, readLexicon, tokenizerWith } from "./files.ts";

interface Encoded {
  readonly prompt: readonly number[];
  readonly completion: readonly number[];
}

const end = "<|end|>";

describe("the lexicon's tokenizer", () => {
  test("encodes as the reference library does, and back", async () => {
    const tokenizer = await openTokenizer(lexicon);
    const expected = JSON.parse(readFileSync(join(lexicon, "jargon-held.ids.json"), "utf8")) as Encoded[];
    const rows = readFileSync(join(lexicon, "jargon-held.jsonl"), "utf8").trim().split("\n");
    for (const [i, line] of rows.entries()) {
      const { prompt, completion } = JSON.parse(line) as { prompt: string; completion: string };
      expect([...tokenizer.encode(prompt)]).toEqual(expected[i]?.prompt);
      expect([...tokenizer.encode(completion)]).toEqual(expected[i]?.completion);
      expect(tokenizer.decode(tokenizer.encode(completion))).toBe(completion);
    }
  });

  test("starts and ends a row with the same token, which it can spell or leave out", async () => {
    const tokenizer = await openTokenizer(lexicon);
    expect([tokenizer.start, tokenizer.end]).toEqual([0, 0]);
    const ids = [0, ...tokenizer.encode("a b"), 0];
    expect(tokenizer.decode(ids)).toBe(`${end}a b${end}`);
    expect(tokenizer.decode(ids, { plain: true })).toBe("a b");
    expect(tokenizer.decode([])).toBe("");
    expect([...tokenizer.encode("")]).toEqual([]);
  });

  test("any text comes back, and none of it is special", async () => {
    const tokenizer = await openTokenizer(lexicon);
    const text = fc
      .array(fc.oneof(fc.string({ unit: "grapheme" }), fc.constantFrom(end, "<|", "end|>", " ")))
      .map((p) => p.join(""));
    fc.assert(
      fc.property(text, (t) => {
        const ids = tokenizer.encode(t);
        expect(ids.includes(0)).toBe(false);
        expect(tokenizer.decode(ids)).toBe(t);
      }),
    );
  });

  test("half a surrogate pair is refused, not replaced", async () => {
    const tokenizer = await openTokenizer(lexicon);
    expect(() => tokenizer.encode("a\ud800")).toThrow(TextError);
  });
});

describe("vocabularies that spell special tokens as ordinary entries", () => {
  const vocab = { [end]: 0, "<": 1, "|": 2, e: 3, n: 4, d: 5, ">": 6, "?": 7, "|end|>": 8 };
  const words = {
    model: { type: "WordLevel", vocab, unk_token: "?" },
    pre_tokenizer: null,
    normalizer: null,
    added_tokens: [{ id: 0, content: end, special: true }],
  };
  const model = {
    type: "BPE",
    vocab,
    merges: [],
    unk_token: null,
    ignore_merges: true,
    fuse_unk: false,
    byte_fallback: false,
  };

  test("are read around", () => {
    const tokenizer = tokenizerWith({ ...words, model }, {});
    expect([...tokenizer.encode(end)]).toEqual([1, 8]);
    expect(tokenizer.encode(`nd${end}`).includes(0)).toBe(false);
  });

  test("are refused where there is no way around", () => {
    const shouting = {
      ...words,
      model,
      normalizer: { type: "Replace", pattern: { String: "!" }, content: end },
    };
    const tokenizer = tokenizerWith(shouting, {});
    expect(() => tokenizer.encode("!")).toThrow(/would become a special token/);
  });

  test("an end token that is not marked as special is one all the same", () => {
    const unmarked = { ...words, model, added_tokens: [{ id: 0, content: end, special: false }] };
    expect(tokenizerWith(unmarked, {}).encode(end).includes(0)).toBe(false);
  });

  test("other added tokens stay what they are", () => {
    const more = [...words.added_tokens, { id: 9, content: "<tool>", special: false }];
    expect([...tokenizerWith({ ...words, model, added_tokens: more }, {}).encode("e<tool>n")]).toEqual([
      3, 9, 4,
    ]);
  });

  test("a character that is not in the vocabulary is unknown, or refused where nothing is", () => {
    expect([...tokenizerWith({ ...words, model: { ...model, unk_token: "?" } }, {}).encode("eX")]).toEqual([
      3, 7,
    ]);
    const pieces = { type: "WordPiece", vocab, unk_token: "[none]", max_input_chars_per_word: 100 };
    expect(() => tokenizerWith({ ...words, model: pieces }, {}).encode("X")).toThrow(
      /a character that the tokenizer lacks/,
    );
  });
});

test("breaking up leaves no name whole and loses nothing", () => {
  const names = ["aa", "<|end|>", "a<", "\u{1f600}b", "x"];
  expect(breakUp("aaaa", names)).toEqual(["a", "a", "a", "a"]);
  expect(breakUp("", names)).toEqual([]);
  fc.assert(
    fc.property(fc.array(fc.constantFrom("a", "<", "|", end, "\u{1f600}", "b", "x")), (pieces) => {
      const text = pieces.join("");
      const parts = breakUp(text, names);
      expect(parts.join("")).toBe(text);
      for (const part of parts)
        for (const name of names) if (name !== "x") expect(part.includes(name)).toBe(false);
    }),
  );
});

describe("the start and the end", () => {
  const token = (config: Record<string, unknown>, modelConfig: Record<string, unknown> = {}) => {
    const { start, end: last } = tokenizerWith({}, config, modelConfig);
    return [start, last];
  };

  test("are what tokenizer_config.json says, as a string or an object; null is none", () => {
    expect(token({ bos_token: null })).toEqual([undefined, 0]);
    expect(token({ bos_token: { content: end }, eos_token: "a" })).toEqual([
      0,
      tokenizerWith({}, {}).encode("a")[0],
    ]);
  });

  test("are what config.json says where that is silent", () => {
    expect(
      token({ bos_token: undefined, eos_token: undefined }, { bos_token_id: 5, eos_token_id: [7, 8] }),
    ).toEqual([5, 7]);
    expect(token({ bos_token: undefined, eos_token: undefined })).toEqual([undefined, undefined]);
  });

  test("that are not in the vocabulary are refused", () => {
    expect(() => token({ eos_token: "</s>" })).toThrow(
      /field "eos_token" is "<\/s>", which tokenizer.json lacks/,
    );
    expect(() => token({ eos_token: 3 })).toThrow(/field "eos_token" is neither a string nor an object/);
  });
});

describe("a wrong file is refused by name", () => {
  test.for([
    ["not JSON", "{", /tokenizer\.json: it is not good JSON/],
    ["a list", "[]", /tokenizer\.json: it holds no JSON object/],
    ["not UTF-8", Uint8Array.of(0xff), /tokenizer\.json: it is not UTF-8/],
    ["no model", "{}", /field "model" is missing/],
    [
      "an unknown model",
      JSON.stringify({ ...readLexicon("tokenizer.json"), model: { type: "none" } }),
      /no tokenizer can be made/,
    ],
    [
      "added tokens that are none",
      JSON.stringify({ model: {}, added_tokens: [1] }),
      /"added_tokens\[0\]" is not an object/,
    ],
    [
      "an id that is none",
      JSON.stringify({ model: {}, added_tokens: [{ id: -1, content: "a" }] }),
      /"added_tokens\[0\].id"/,
    ],
    [
      "an empty token",
      JSON.stringify({ model: {}, added_tokens: [{ id: 1, content: "" }] }),
      /"added_tokens\[0\].content"/,
    ],
  ] as const)("%s", async ([, contents, message]) => {
    const folder = temporaryFolder();
    put(folder, "tokenizer.json", contents);
    await expect(openTokenizer(folder)).rejects.toThrow(message);
    await expect(openTokenizer(folder)).rejects.toBeInstanceOf(CheckpointError);
  });

  test("none at all", async () => {
    await expect(openTokenizer(temporaryFolder())).rejects.toThrow(/tokenizer\.json: there is no such file/);
  });
});

test("behind a special token there is no space in front, where the tokenizer puts one at the beginning only", () => {
  const scheme = (prepend_scheme: string) =>
    tokenizerWith(
      {
        pre_tokenizer: { type: "Metaspace", replacement: "\u2581", prepend_scheme, split: false },
        model: {
          type: "BPE",
          vocab: { "<|end|>": 0, a: 1, "\u2581": 2, "\u2581a": 3 },
          merges: [["\u2581", "a"]],
        },
      },
      {},
    );
  const found = (each: string, behind: boolean) => [...scheme(each).encode("a", { behind })];
  expect([found("first", false), found("first", true)]).toEqual([[3], [1]]);
  expect([found("always", false), found("always", true)]).toEqual([[3], [3]]);
  expect([found("never", false), found("never", true)]).toEqual([[1], [1]]);
});

test("a text may spell what stands for special tokens inside", async () => {
  const tokenizer = await openTokenizer(lexicon);
  const text = "a\ufdd0ftl\ufdd1b";
  for (const behind of [false, true]) {
    const ids = tokenizer.encode(text, { behind });
    expect(tokenizer.decode(ids)).toBe(text);
    expect(Math.max(...ids)).toBeLessThan(1024);
  }
});
