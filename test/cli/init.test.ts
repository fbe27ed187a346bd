// ftlc init: a recipe that compiles from what lies in a folder, by answers or without; an architecture copied out, changed and used.
import { cpSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { elaborate } from "../../compiler/elaborate/elaborate.ts";
import { readRecipe } from "../../compiler/front.ts";
import { printModule } from "../../compiler/ir/text.ts";
import { formatFtl } from "../../grammar/format/format.ts";
import { checkSource } from "../../runtime/cli/check.ts";
import { readOptional, readSource } from "../../runtime/cli/files.ts";
import { rowsOf } from "../../runtime/cli/init-find.ts";
import { fixtures, ftlc, temporaryFolder } from "./run.ts";

/** The step's graph as text, of a recipe at a path. */
function graphOf(path: string, text: string, read = readOptional): string {
  const { input, diagnostics } = readRecipe({ path, text }, read);
  const result = input === undefined ? undefined : elaborate(input);
  expect([...diagnostics, ...(result?.diagnostics ?? [])].map(({ message }) => message)).toEqual([]);
  return result?.elaborated === undefined ? "" : printModule(result.elaborated.module);
}

/** A folder with a model and rows of prompts. */
function project(): string {
  const folder = temporaryFolder();
  mkdirSync(join(folder, "models/small"), { recursive: true });
  cpSync(join(fixtures, "reference/models/llama/base/config.json"), join(folder, "models/small/config.json"));
  const row = JSON.stringify({ prompt: "Name a colour.", completion: "Green, as the leaves in May are." });
  writeFileSync(join(folder, "rows.jsonl"), `${row}\n${row}\n`);
  writeFileSync(join(folder, "rows-held.jsonl"), `${row}\n`);
  return folder;
}

test("--yes takes what is there, and the recipe compiles", async () => {
  const folder = project();
  const { code, err } = await ftlc(["init", "--yes"], { cwd: folder });
  expect(code).toBe(0);
  expect(err).toContain("models/small: llama");
  const text = readFileSync(join(folder, "recipe.ftl"), "utf8");
  expect(text).toContain('model      "models/small"');
  expect(text).toContain('data       "rows.jsonl" { format: prompt, length: 32 }');
  expect(text).toContain('evaluation "rows-held.jsonl"');
  expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
  expect(graphOf(join(folder, "recipe.ftl"), text)).not.toBe("");
  expect((await formatFtl({ path: "recipe.ftl", text })).text).toBe(text);

  const again = await ftlc(["init", "--yes"], { cwd: folder });
  expect(again.code).toBe(1);
  expect(again.err).toContain("recipe.ftl is there already");
  expect(readFileSync(join(folder, "recipe.ftl"), "utf8")).toBe(text);
});

test("answers are read from standard input, and asked again where they do not fit", async () => {
  const folder = project();
  const answers = ["../models/small", "../rows.jsonl", "prompts", "prompt", "-1", "24", "none"];
  const { code, err } = await ftlc(["init", "sub"], { cwd: folder, input: `${answers.join("\n")}\n` });
  expect(code).toBe(0);
  expect(err).toContain("did you mean prompt?");
  expect(err).toContain("a whole number above zero");
  const text = readFileSync(join(folder, "sub/recipe.ftl"), "utf8");
  expect(text).toContain('"../models/small" { train: all }');
  expect(text).toContain("length: 24");
  expect(text).not.toMatch(/^ *adapter/m);
});

test("rows with labels get the head that learns them, with as many classes as are seen", async () => {
  const folder = project();
  const rows = [0, 4, 1].map((label) => JSON.stringify({ text: "A word.", label }));
  writeFileSync(join(folder, "rows.jsonl"), rows.join("\n"));
  expect(await ftlc(["init", "--yes"], { cwd: folder })).toMatchObject({ code: 0 });
  const text = readFileSync(join(folder, "recipe.ftl"), "utf8");
  expect(text).toMatch(/head +classify \{ labels: 5 \}/);
  expect(text).toContain("format: label");
});

test("where nothing is found the recipe says what to put there, and checks", async () => {
  const folder = temporaryFolder();
  const { code, err } = await ftlc(["init", "new", "--yes"], { cwd: folder });
  expect({ code, err }).toMatchObject({ code: 0, err: expect.stringContaining("config.json yet") as string });
  expect(checkSource(readSource(join(folder, "new/recipe.ftl")))).toEqual([]);
});

test("nobody to ask is wrong usage, and nothing is written", async () => {
  const folder = temporaryFolder();
  const { code, err } = await ftlc(["init"], { cwd: folder });
  expect(code).toBe(2);
  expect(err).toContain("--yes");
  expect(() => readFileSync(join(folder, "recipe.ftl"))).toThrow();
});

test("an architecture is copied, changed, and used by a recipe that names it", async () => {
  const folder = project();
  expect(await ftlc(["init", "--architecture", "llama", "mine.ftl"], { cwd: folder })).toMatchObject({
    code: 0,
  });
  const copy = readFileSync(join(folder, "mine.ftl"), "utf8");
  const changed = copy.replace("let h = x + ", "let h = x + 2 * ");
  expect(changed).not.toBe(copy);

  const recipe = (architecture: string): string => `import "mine.ftl"
recipe own {
  model     "models/small"${architecture}
  adapter   lora { rank: 2 }
  data      "rows.jsonl" { format: prompt, length: 16 }
  batch     2
  optimizer adamw { rate: 1e-3 }
  training  3 steps
}`;
  // The graph without the places in the source that it came from.
  const graph = (options: string, mine: string): string => {
    const own = join(folder, "mine.ftl");
    const read = (path: string): string | undefined => (path === own ? mine : readOptional(path));
    return graphOf(join(folder, "recipe.ftl"), recipe(options), read);
  };
  const library = graph("", copy);
  expect(graph(" { architecture: mine }", copy)).toBe(library);
  expect(graph(" { architecture: mine }", changed)).not.toBe(library);
  expect(graph("", changed)).toBe(library);

  const again = await ftlc(["init", "--architecture", "llama", "mine.ftl"], { cwd: folder });
  expect(again.code).toBe(1);
  expect(again.err).toContain("mine.ftl is there already");
});

test.each([
  { args: ["--architecture", "lama"], says: "did you mean 'llama'?" },
  { args: ["--architecture", "llama", "mine.txt"], says: "name a .ftl file" },
])("$args is wrong usage", async ({ args, says }) => {
  const { code, out, err } = await ftlc(["init", ...args], { cwd: temporaryFolder() });
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain(says);
});

test.each([
  ['{"input_ids": [1, 2, 3]}\n{"input_ids": [1, 2, 3, 4, 5]}\n', { format: "tokens", length: 5 }],
  ['{"input_ids": [1], "label": 2}\n', { format: "label", labels: 3 }],
  ['{"text": "abcdef"}\n', { format: "text", length: 4 }],
  ['{"text": "abc", "label": 0}\n', { format: "label", labels: 2 }],
  ['{"messages": [{"role": "user", "content": "abcdefghi"}]}\n', { format: "chat" }],
  ['{"prompt": "", "completion": ""}\nno JSON\n', { format: "prompt", length: 2 }],
])("the first rows say their format: %s", (text, expected) => {
  const path = join(temporaryFolder(), "rows.jsonl");
  writeFileSync(path, text);
  expect(rowsOf(path)).toMatchObject(expected);
});

test.each(["", "[1, 2]\n", '{"other": 1}\n', "no JSON\n"])("%j are no rows", (text) => {
  const path = join(temporaryFolder(), "rows.jsonl");
  writeFileSync(path, text);
  expect(rowsOf(path)).toBeUndefined();
});
