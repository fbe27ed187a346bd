// Every code that any source file reports has one explanation, and every explanation has a code that is reported.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { codes, explain, families } from "../../../compiler/diagnostics/explain.ts";

const root = join(import.meta.dirname, "../../..");
const used = new Set(
  globSync("{grammar,compiler,runtime}/**/*.ts", { cwd: root })
    .filter((path) => !path.startsWith(join("compiler", "diagnostics")))
    .flatMap((path) => readFileSync(join(root, path), "utf8").match(/"FTL\d{4}"/g) ?? [])
    .map((code) => code.slice(1, -1)),
);

test("every code has an explanation", () => {
  expect([...used].filter((code) => explain(code) === undefined).toSorted()).toEqual([]);
});

test("every explanation has a code", () => {
  expect(codes().filter((code) => !used.has(code))).toEqual([]);
});

test("a code stands in one family", () => {
  const all = families.flatMap((family) => Object.keys(family));
  expect(all.filter((code, at) => all.indexOf(code) !== at)).toEqual([]);
  expect(all.filter((code) => !/^FTL\d{4}$/.test(code))).toEqual([]);
});

test("an explanation is text that a terminal can show", () => {
  for (const code of codes()) {
    const text = explain(code) ?? "";
    expect(text.length, code).toBeGreaterThan(40);
    expect(text.trim(), code).toBe(text);
    expect(Math.max(...text.split("\n").map((line) => line.length)), code).toBeLessThanOrEqual(150);
  }
  expect(explain("FTL9999")).toBeUndefined();
  expect(explain("toString")).toBeUndefined();
});
