// Definitions: the library and the hardest cases on paper pass, wrong ones get the messages of golden/wrong-definitions.txt.
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { checkNames } from "../../../compiler/language/names.ts";
import { libraryIndex, resolve } from "../../../compiler/language/resolve.ts";
import { library } from "../../../compiler/library.gen.ts";
import { parse } from "../../../grammar/parse.ts";
import { definitions, fixture, fixtures, render } from "./support.ts";
import { wrongDefinitions } from "./wrong-definitions.ts";

test.each([...library.keys()])("%s passes", (path) => {
  const { scope, diagnostics } = resolve({ path, text: library.get(path) ?? "" }, () => undefined);
  expect(scope.root.embedded).toBe(true);
  expect(render([...diagnostics, ...checkNames(scope.root, scope)])).toBe("");
});

test.each(readdirSync(join(fixtures, "paper")))("paper/%s passes", (name) => {
  expect(render(definitions(fixture(`paper/${name}`)))).toBe("");
});

test("the index of the library finds what the parser finds, and no name twice", () => {
  const parsed = [...library].flatMap(([path, text]) =>
    parse({ path, text }).file.items.flatMap((item) =>
      item.kind === "definition" ? [`${item.what} ${item.name.text} ${path}`] : [],
    ),
  );
  const indexed = [...libraryIndex].flatMap(([kind, names]) =>
    [...names].map(([name, path]) => `${kind} ${name} ${path}`),
  );
  expect(indexed.toSorted()).toEqual(parsed.toSorted());
});

test("wrong definitions", async () => {
  const texts = wrongDefinitions.map(([title, text, path, files]) => {
    const found = definitions(text, files ?? {}, path);
    expect(found.length, title).toBeGreaterThan(0);
    return `=== ${title}\n${text}\n---\n${render(found)}\n`;
  });
  await expect(texts.join("\n")).toMatchFileSnapshot("golden/wrong-definitions.txt");
});

test("a library file finds its own imports only, a local file the whole library", () => {
  const text = "function f(x: [..]) { silu(x) }";
  expect(definitions(text)).toEqual([]);
  const { scope } = resolve({ path: "r.ftl", text: "" }, () => undefined);
  const path = "stdlib/optimizers/adamw.ftl";
  expect(scope.inLibrary("optimizer", "adamw")?.span.source.path).toBe(path);
  expect(scope.lookup("function", "silu", path)).toBeUndefined();
  expect(scope.lookup("function", "silu", "r.ftl")?.name.text).toBe("silu");
  expect(scope.names("adapter", "r.ftl")).toContain("lora");
});

test("a local definition goes before the library's", () => {
  const files = { "my.ftl": "optimizer adamw(rate: number) { update(w, g, s) { w = w - rate * g } }" };
  const { scope } = resolve(
    { path: "r.ftl", text: 'import "my.ftl"' },
    (path) => (files as Record<string, string>)[path],
  );
  expect(scope.lookup("optimizer", "adamw", "r.ftl")?.span.source.path).toBe("my.ftl");
});
