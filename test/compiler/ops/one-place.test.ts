// An operation is described in one place: outside `compiler/ops` nothing lists operations in a switch, and the index
// collects every file of records.
import { readFileSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { operations } from "../../../compiler/ops/index.ts";

const compiler = join(import.meta.dirname, "../../../compiler");
const sources = readdirSync(compiler, { recursive: true, encoding: "utf8" }).filter((file) =>
  file.endsWith(".ts"),
);

test.each(sources.filter((file) => !file.startsWith("ops")))("%s does not switch over operations", (file) => {
  const text = readFileSync(join(compiler, file), "utf8");
  // Expressions over scalars and syntax trees have kinds that share a name or two with operations; a list has more.
  const named = [...text.matchAll(/case "(\w+)":/g)]
    .map(([, name = ""]) => name)
    .filter((name) => operations.has(name));
  expect(new Set(named).size).toBeLessThan(4);
});

test("every file that exports records is in the index", async () => {
  for (const file of sources.filter((name) => name.startsWith("ops"))) {
    const exported: object = await import(join(compiler, file));
    for (const value of Object.values(exported) as unknown[]) {
      if (typeof value !== "object" || value === null || !("infer" in value) || !("name" in value)) continue;
      expect(operations.get(String(value.name))).toBe(value);
    }
  }
});
