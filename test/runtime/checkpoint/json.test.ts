// The strict reader agrees with JSON.parse wherever there are no duplicate keys, and says where things are.
import fc from "fast-check";
import { expect, test } from "vitest";

import { JsonError, lineOf, parseJson, plainValue, wholeNumber } from "../../../runtime/checkpoint/json.ts";

test("reads what JSON.stringify writes", () => {
  fc.assert(
    fc.property(fc.jsonValue({ depthSize: "medium" }), fc.constantFrom(0, 2, "\t"), (value, indent) => {
      const text = JSON.stringify(value, null, indent);
      expect(plainValue(parseJson(text))).toEqual(JSON.parse(text));
    }),
  );
});

test("accepts and refuses the same texts as JSON.parse", () => {
  const piece = fc.constantFrom(
    ...'{}[],:"\\ \n-+.0123eEtruefalsn'.split(""),
    '"a":',
    '"b":',
    "1",
    "true",
    "null",
    "\\u00e9",
    "\\n",
  );
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
      const text = pieces.join("");
      let expected: unknown;
      try {
        expected = JSON.parse(text);
      } catch {
        expect(() => parseJson(text)).toThrow(JsonError);
        return;
      }
      try {
        expect(plainValue(parseJson(text))).toEqual(expected);
      } catch (error) {
        if (!(error instanceof JsonError)) throw error;
        expect(error.message).toMatch(/appears twice/);
      }
    }),
    { numRuns: 5000 },
  );
});

test.for([
  ['{"a": 1,\n "a": 2}', 2, /"a" appears twice/],
  ['{"a": 1,\n\n "b": tru}', 3, /a JSON value was expected/],
  ['{"a":\n"x', 2, /no end/],
  ['["\u0001"]', 1, /control character/],
  ['["\\x"]', 1, /unknown escape \\x/],
  ['["\\u12g4"]', 1, /bad \\u escape/],
  ["", 1, /ends too early/],
  ["NaN", 1, /a JSON value was expected/],
  ["+1", 1, /a JSON value was expected/],
] as const)("%j fails on line %i", ([text, line, message]) => {
  let found: unknown;
  try {
    parseJson(text);
  } catch (error) {
    found = error;
  }
  expect(found).toBeInstanceOf(JsonError);
  if (!(found instanceof JsonError)) return;
  expect(found.message).toMatch(message);
  expect(lineOf(text, found.at)).toBe(line);
});

test("depth and number of values are bounded", () => {
  expect(() => parseJson("[".repeat(1_000_000))).toThrow(/nested more than 100 deep/);
  expect(() => parseJson(`[${"1,".repeat(4_000_000)}1]`)).toThrow(/more than 4000000 values/);
});

test("whole numbers are those spelt as such and exact", () => {
  const read = (text: string) => wholeNumber(parseJson(text));
  expect(read("0")).toBe(0);
  expect(read("9007199254740991")).toBe(2 ** 53 - 1);
  for (const text of ["-1", "-0", "1.0", "1e3", "9007199254740992", "9007199254740993", '"1"', "null"]) {
    expect(read(text)).toBeUndefined();
  }
});
