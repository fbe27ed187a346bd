// `ftlc/runtime` runs in a browser: nothing that it imports, however deep, is Node's.
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

/** Packages that are plain JavaScript. */
const portable = /^@noble\/hashes\//;

function foreign(file: URL, seen: Set<string>): string[] {
  if (seen.has(file.href)) return [];
  seen.add(file.href);
  const text = readFileSync(file, "utf8");
  const names = [
    ...text.matchAll(/^(?:import|export)\s(?!type\b)[^"]*?from "([^"]+)"|import\("([^"]+)"\)/gms),
  ];
  return names.flatMap(([, from, dynamic]) => {
    const name = from ?? dynamic ?? "";
    if (name.startsWith(".")) return foreign(new URL(name, file), seen);
    return portable.test(name) ? [] : [`${fileURLToPath(file)}: ${name}`];
  });
}

test("the runtime's entry reaches nothing of Node", () => {
  const seen = new Set<string>();
  expect(foreign(new URL("../../../runtime/index.ts", import.meta.url), seen)).toEqual([]);
  expect(seen.size).toBeGreaterThan(10);
  const sources = [...seen].map((href) => readFileSync(new URL(href), "utf8"));
  for (const text of sources) expect(text).not.toMatch(/\b(process|Buffer)\.[a-z]/);
});
