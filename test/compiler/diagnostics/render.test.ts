// How diagnostics look as text, and what they hold as data.
import { describe, expect, test } from "vitest";
import { renderJson, renderText } from "../../../compiler/diagnostics/render.ts";
import { problem, type Diagnostic } from "../../../grammar/diagnostic.ts";
import type { Source, Span } from "../../../grammar/source.ts";

/** The place of a piece of text in a source. */
function at(source: Source, piece: string, from = 0): Span {
  const start = source.text.indexOf(piece, from);
  return { source, start, end: start + piece.length };
}

const recipe: Source = {
  path: "support.ftl",
  text: 'recipe support {\n  batch 32\n  accumulation 5\n  memory 8GiB\n  data "x" // …\n}\n',
};

function shapes(): Diagnostic {
  const library: Source = {
    path: "stdlib/modules/linear.ftl",
    text: "module linear[in -> out] {\n  weight W [out, in]\n}\n",
  };
  return problem("FTL0301", at(recipe, "5"), "5 does not divide 32", "not a divisor", {
    related: [
      { span: at(recipe, "32"), label: "the batch" },
      { span: at(library, "[out, in]"), label: "the shape comes from here" },
    ],
    edits: [{ span: at(recipe, "5"), text: "4", label: "write 4" }],
  });
}

test("places of one file together, others below, the edit last", () => {
  expect(renderText([shapes()])).toMatchInlineSnapshot(`
    "error[FTL0301]: 5 does not divide 32
     --> support.ftl:3:16
      |
    2 |   batch 32
      |         -- the batch
    3 |   accumulation 5
      |                ^ not a divisor
     ::: stdlib/modules/linear.ftl:2:12
      |
    2 |   weight W [out, in]
      |            --------- the shape comes from here
      |
      = help: write 4"
  `);
});

test("lines that lie apart", () => {
  const diagnostic = problem("FTL0302", at(recipe, "data"), "too late", "here", {
    severity: "warning",
    related: [{ span: at(recipe, "support"), label: "far above" }],
  });
  expect(renderText([diagnostic])).toMatchInlineSnapshot(`
    "warning[FTL0302]: too late
     --> support.ftl:5:3
      |
    1 | recipe support {
      |        ------- far above
    ...
    5 |   data "x" // …
      |   ^^^^ here"
  `);
});

describe("awkward text", () => {
  const one = (text: string, piece: string, label = "here"): string =>
    renderText([problem("FTL0101", at({ path: "a.ftl", text }, piece), "message", label)]);

  test("tabs, wide and combining characters line up", () => {
    expect(one('\tdata "日本é" x', "x")).toMatchInlineSnapshot(`
      "error[FTL0101]: message
       --> a.ftl:1:13
        |
      1 |   data "日本é" x
        |                ^ here"
    `);
  });
  test("nothing changes the terminal", () => {
    const text = one("x \u001b[31m y\u202e", "y", "la\u0007bel");
    expect(text).not.toMatch(/[\u0000-\u0009\u000b-\u001f\u007f\u202e]/);
  });
  test("a long line is cut around the mark", () => {
    const lines = one(`${"a ".repeat(500)}HERE${" b".repeat(500)}`, "HERE").split("\n");
    expect(Math.max(...lines.map((line) => line.length))).toBeLessThan(160);
    expect(lines[3]).toContain("HERE");
    expect(lines[4]?.indexOf("^^^^")).toBe(lines[3]?.indexOf("HERE"));
  });
  test("an empty place at the end of the file", () => {
    expect(one("batch", "")).toContain("1 | batch\n  | ^ here");
    const source = { path: "a.ftl", text: "batch\n" };
    expect(renderText([problem("FTL0106", { source, start: 6, end: 6 }, "m", "here")])).toContain(
      "2 |\n  | ^ here",
    );
  });
  test("a place over several lines", () => {
    expect(one("f(\n  x\n)\n", "f(\n  x\n)")).toContain("1 | f(\n  | ^^ here (to line 3)");
  });
  test("windows line ends", () => {
    expect(one("a\r\nb\r\n", "b")).toContain("2 | b\n");
  });
});

test("colour changes nothing but colour", () => {
  const plain = renderText([shapes()]);
  const coloured = renderText([shapes()], { color: true });
  expect(coloured).not.toBe(plain);
  expect(coloured.replaceAll(/\u001b\[[0-9;]*m/g, "")).toBe(plain);
  const same = (text: string): string => text;
  const palette = { error: same, warning: same, message: same, frame: same, help: same };
  expect(renderText([shapes()], { color: palette })).toBe(plain);
});

test("many are cut short with a count", () => {
  const many = Array.from({ length: 12 }, shapes);
  expect(renderText(many, { limit: 10 })).toMatch(/… and 2 more$/);
  expect(renderText([])).toBe("");
});

test("the same as data", () => {
  const [data] = renderJson([shapes()]);
  expect(data).toEqual({
    code: "FTL0301",
    severity: "error",
    message: "5 does not divide 32",
    file: "support.ftl",
    line: 3,
    column: 16,
    endLine: 3,
    endColumn: 17,
    label: "not a divisor",
    related: [
      { file: "support.ftl", line: 2, column: 9, endLine: 2, endColumn: 11, label: "the batch" },
      {
        file: "stdlib/modules/linear.ftl",
        line: 2,
        column: 12,
        endLine: 2,
        endColumn: 21,
        label: "the shape comes from here",
      },
    ],
    edits: [
      { file: "support.ftl", line: 3, column: 16, endLine: 3, endColumn: 17, text: "4", label: "write 4" },
    ],
  });
});
