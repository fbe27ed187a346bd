// Text as its words come: whole characters, nothing taken back, and an end where the text to stop at begins.
import { join } from "node:path";
import { expect, test } from "vitest";
import { openTokenizer } from "../../../runtime/data/tokenizer.ts";
import { textStream } from "../../../runtime/generate/text.ts";
import { fixtures } from "../checkpoint/files.ts";

const tokenizer = await openTokenizer(join(fixtures, "lexicon"));

/** The pieces that come of a text's words after a prompt. */
function pieces(prompt: string, text: string, stop?: string): { shown: string[]; stopped: boolean } {
  const all = tokenizer.encode(prompt + text);
  const before = tokenizer.encode(prompt);
  // The prompt's words are the beginning of the whole text's where the cut is between words.
  expect([...all.subarray(0, before.length)]).toEqual([...before]);
  const stream = textStream(tokenizer, before, stop);
  const shown: string[] = [];
  for (const word of all.subarray(before.length)) shown.push(stream.add(word));
  shown.push(stream.end());
  return { shown, stopped: stream.isStopped() };
}

test("pieces are whole characters and together the text", () => {
  const text = " a naïve 🦜 parrot — 日本語";
  const { shown } = pieces("hacker (noun):", text);
  expect(shown.join("")).toBe(text);
  expect(shown.join("|")).not.toContain("\uFFFD");
  expect(shown.every((piece) => piece.isWellFormed())).toBe(true);
  expect(shown.filter((piece) => piece === "").length).toBeGreaterThan(3);
});

test("words that end inside a character are shown as such at the very end only", () => {
  const parrot = tokenizer.encode(" 🦜");
  const stream = textStream(tokenizer, tokenizer.encode("a"), undefined);
  const shown = [...parrot.subarray(0, -1)].map((word) => stream.add(word));
  expect(shown.join("").trim()).toBe("");
  expect(stream.end()).toContain("\uFFFD");
});

test("a text to stop at is not shown, nor what may be its beginning until it is not", () => {
  const found = pieces("hacker (noun):", " a person; a thing. More", "; a thing");
  expect(found).toMatchObject({ stopped: true });
  expect(found.shown.join("")).toBe(" a person");
  const other = pieces("hacker (noun):", " a person; a theory", "; a thing");
  expect(other).toMatchObject({ stopped: false });
  expect(other.shown.join("")).toBe(" a person; a theory");
  const end = pieces("hacker (noun):", " a person;", "; a");
  expect(end.shown.join("")).toBe(" a person;");
});
