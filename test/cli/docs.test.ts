// ftlc docs: every page fits 80 columns and reads without colour; names, groups, files, and what nothing has.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import pc from "picocolors";
import { expect, test } from "vitest";
import { groups, inGroup, libraryPages } from "../../compiler/docs/pages.ts";
import type { Page } from "../../compiler/docs/page.ts";
import { groupText, overviewText, pageText } from "../../runtime/cli/docs-text.ts";
import { wrap } from "../../runtime/cli/wrap.ts";
import { ftlc, temporaryFolder } from "./run.ts";

const pages = libraryPages();
const [plain, coloured] = [pc.createColors(false), pc.createColors(true)];
const wide = (text: string): string[] => text.split("\n").filter((line) => line.length > 80);

test("every page, group and the overview fit 80 columns", () => {
  expect(wide(overviewText(pages, plain))).toEqual([]);
  for (const { kind, title } of groups)
    expect(wide(groupText(title, inGroup(pages, kind), plain))).toEqual([]);
  for (const page of pages) expect(wide(pageText(page, plain)), page.name).toEqual([]);
});

test("colour only decorates", () => {
  for (const page of pages)
    expect(pageText(page, coloured).replaceAll(/\x1b\[\d+m/g, "")).toBe(pageText(page, plain));
});

test("the overview names everything, in its group", () => {
  const text = overviewText(pages, plain);
  for (const page of pages) expect(text).toMatch(new RegExp(`\\b${page.name}\\b`));
  expect(text.split("\n").filter((line) => /^\S/.test(line))).toEqual(
    groups.filter(({ kind }) => inGroup(pages, kind).length > 0).map(({ title }) => title),
  );
});

test("a page says what its definition says", async () => {
  const { code, out, err } = await ftlc(["docs", "cosine"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  await expect(out).toMatchFileSnapshot("golden/docs-cosine.txt");
});

test("the pages of an architecture say what it does with a config.json", async () => {
  const { out } = await ftlc(["docs", "gpt_neox"]);
  expect(out).toContain('"model_type": "gpt_neox" (or "gpt-neox") in config.json');
  expect(out).toMatch(/needs\n {2}hidden_size, num_attention_heads/);
  expect(out).toMatch(/rotary_pct +else 0\.25/);
});

test("--json gives the same as data", async () => {
  const { code, out, err } = await ftlc(["docs", "linear", "--json"]);
  expect({ code, err }).toEqual({ code: 0, err: "" });
  const found = (JSON.parse(out) as { pages: Page[] }).pages;
  expect(found.map(({ kind, name }) => `${kind} ${name}`)).toEqual(["module linear", "schedule linear"]);
  expect(found[1]?.parameters[0]).toMatchObject({
    name: "warmup",
    unit: "steps",
    default: "0",
    needed: false,
  });
  const all = await ftlc(["docs", "--json"]);
  expect((JSON.parse(all.out) as { pages: Page[] }).pages.length).toBe(pages.length);
});

test("a group is listed by its name", async () => {
  const { code, out } = await ftlc(["docs", "schedules"]);
  expect(code).toBe(0);
  expect(out).toContain("warmup_stable_decay");
});

test("an unknown name is wrong usage, with what was meant", async () => {
  const { code, out, err } = await ftlc(["docs", "cosin"]);
  expect({ code, out }).toEqual({ code: 2, out: "" });
  expect(err).toContain("did you mean 'cosine'?");
});

test("the definitions of a file have pages, and mistakes are told", async () => {
  const folder = temporaryFolder();
  const text = `/// Follows the sign (Bernstein et al., 2018).
optimizer signed(
  /// Length of a step in every direction.
  rate: number,
) {
  example { rate: 1e-3 }
  update(w, g, s) { w = w - rate * sign(g) }
}
`;
  writeFileSync(join(folder, "own.ftl"), text);
  const { code, out, err } = await ftlc(["docs", "own.ftl"], { cwd: folder });
  expect({ code, err }).toEqual({ code: 0, err: "" });
  expect(out).toContain("Length of a step in every direction. Must be given.");
  expect(out).toContain("Bernstein et al., 2018");
  expect(out).toContain('import "own.ftl"');
  writeFileSync(join(folder, "own.ftl"), `${text}\nfunktion f() { 1 }\n`);
  expect(await ftlc(["docs", "own.ftl"], { cwd: folder })).toMatchObject({ code: 1 });
  writeFileSync(join(folder, "own.ftl"), "");
  const empty = await ftlc(["docs", "own.ftl"], { cwd: folder });
  expect(empty.code).toBe(1);
  expect(empty.err).toContain("no definitions");
});

test("text is wrapped at spaces", () => {
  expect(wrap(`${"word ".repeat(20)}end`, "  ").map((line) => line.length)).toEqual([76, 30]);
  expect(wrap("a ".repeat(3), "  ", "x")).toEqual(["xa a a"]);
  expect(wrap("", "  ")).toEqual([]);
});
