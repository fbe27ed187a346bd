// Which known name a mistyped one is taken for.
import fc from "fast-check";
import { expect, test } from "vitest";
import { closest } from "../../grammar/index.ts";

const nouns = [
  "model",
  "adapter",
  "precision",
  "batch",
  "accumulation",
  "checkpoint",
  "optimizer",
  "schedule",
];

test.each([
  ["chekpoint", "checkpoint"],
  ["checkpiont", "checkpoint"],
  ["Model", "model"],
  ["optimiser", "optimizer"],
  ["batches", "batch"],
  ["adaptor", "adapter"],
  ["sheduler", "schedule"],
  ["xyz", undefined],
  ["m", undefined],
  ["", undefined],
])("%s", (written, expected) => expect(closest(written, nouns)).toBe(expected));

test("the nearest wins, and the earlier of two equally near", () => {
  expect(closest("rates", ["rank", "rate", "gates"])).toBe("rate");
  expect(closest("ab", ["ac", "ad"])).toBe("ac");
});

test("a name is never its own correction", () => {
  fc.assert(
    fc.property(
      fc.string(),
      fc.array(fc.string()),
      (name, names) => closest(name, [...names, name]) !== name,
    ),
  );
});
