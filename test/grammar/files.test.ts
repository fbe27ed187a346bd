// Every `.ftl` file of the project parses, and the library and the recipes stand as the formatter sets them.
import { globSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { formatFtl, parse } from "../../grammar/index.ts";
import { sexpr } from "./sexpr.ts";

const root = join(import.meta.dirname, "../..");
const all = globSync(["stdlib/**/*.ftl", "examples/**/*.ftl", "test/fixtures/{paper,recipes}/*.ftl"], {
  cwd: root,
}).sort();

describe.each(all)("%s", (path) => {
  const source = { path, text: readFileSync(join(root, path), "utf8") };
  const { file, diagnostics } = parse(source);

  test("parses", () => {
    expect(diagnostics.map((each) => each.message)).toEqual([]);
    expect(sexpr(file)).not.toContain("<missing>");
  });

  test("is formatted", async () => {
    const { text = "" } = await formatFtl(source);
    if (!path.includes("/paper/")) expect(text).toBe(source.text);
    const again = { path, text };
    expect((await formatFtl(again)).text).toBe(text);
    expect(sexpr(parse(again).file)).toBe(sexpr(file));
  });
});
