// check, fmt and explain as processes: output, and exit codes for scripts.
import { copyFileSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { fixtures, ftlc, root, temporaryFolder } from "./run.ts";

test("a good recipe has no mistakes", async () => {
  expect(await ftlc(["check", "good.ftl"])).toEqual({ code: 0, out: "", err: "good.ftl: no mistakes\n" });
});

test("all mistakes are reported at once, readable without colour", async () => {
  const { code, out, err } = await ftlc(["check", "wrong.ftl", "broken/open.ftl"]);
  expect({ code, out }).toEqual({ code: 1, out: "" });
  await expect(err).toMatchFileSnapshot("golden/check.txt");
});

test("--json gives the same as data", async () => {
  const { code, out, err } = await ftlc(["check", "wrong.ftl", "--json"]);
  expect({ code, err }).toEqual({ code: 1, err: "" });
  await expect(out).toMatchFileSnapshot("golden/check.json");
  expect(await ftlc(["check", "good.ftl", "--json"])).toEqual({
    code: 0,
    out: '{\n  "diagnostics": []\n}\n',
    err: "",
  });
});

test("what is not built yet is no mistake of the recipe", async () => {
  const { code, err } = await ftlc(["check", "later.ftl"]);
  expect(code).toBe(0);
  expect(err).toContain("not built yet: several devices");
  expect(err).toContain("1 warning");
});

test("a definition of the library is checked like a recipe", async () => {
  const { code } = await ftlc(["check", join(root, "stdlib/adapters/lora.ftl")]);
  expect(code).toBe(0);
});

test.each([
  { path: "none.ftl", says: "none.ftl: there is no such file or folder" },
  { path: ".", says: ".: this is a folder, a file was expected" },
  { path: "../reference/safetensors/mixed.safetensors", says: "this is no text in UTF-8" },
])("$path cannot be read", async ({ path, says }) => {
  const { code, err } = await ftlc(["check", path]);
  expect(code).toBe(1);
  expect(err).toContain(says);
  expect(err).not.toContain("bug of ftlc");
});

test("fmt formats in place, once", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "untidy.ftl");
  copyFileSync(join(fixtures, "cli/untidy.ftl"), path);
  expect(await ftlc(["fmt", "--check", "untidy.ftl"], { cwd: folder })).toEqual({
    code: 1,
    out: "",
    err: "untidy.ftl: not formatted\n",
  });
  expect(await ftlc(["fmt", "untidy.ftl"], { cwd: folder })).toEqual({
    code: 0,
    out: "",
    err: "untidy.ftl: formatted\n",
  });
  await expect(readFileSync(path, "utf8")).toMatchFileSnapshot("golden/untidy.ftl");
  expect(await ftlc(["fmt", "--check", "untidy.ftl"], { cwd: folder })).toEqual({
    code: 0,
    out: "",
    err: "",
  });
});

test("fmt leaves a file with a syntax mistake as it is", async () => {
  const folder = temporaryFolder();
  const path = join(folder, "open.ftl");
  const text = "recipe open {\n  model (\n}\n";
  writeFileSync(path, text);
  const { code } = await ftlc(["fmt", path]);
  expect(code).toBe(1);
  expect(readFileSync(path, "utf8")).toBe(text);
});

test.each(["FTL0301", "ftl0301", "0301"])("explain takes %s", async (code) => {
  const ran = await ftlc(["explain", code]);
  expect({ code: ran.code, err: ran.err }).toEqual({ code: 0, err: "" });
  expect(ran.out).toContain("FTL0301");
});
