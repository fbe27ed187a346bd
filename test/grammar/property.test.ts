// What holds for every input: the parser never throws and gives spans within the text; the formatter keeps the tree and
// every comment, and formats its own result to itself.
import fc from "fast-check";
import { expect, test } from "vitest";
import { renderJson, renderText } from "../../compiler/diagnostics/render.ts";
import { formatFtl, parse } from "../../grammar/index.ts";
import { soup, wellFormed } from "./arbitrary.ts";
import { sexpr } from "./sexpr.ts";

/** Enough for a change of the grammar to show; a soak with other seeds takes thousands. */
const runs = 100;

test("any text parses, and every mistake lies within it", () => {
  const check = (text: string): void => {
    const source = { path: "soup.ftl", text };
    const { file, diagnostics } = parse(source);
    sexpr(file);
    for (const { span, edits } of diagnostics) {
      for (const { start, end } of [span, ...edits.map((edit) => edit.span)]) {
        expect(0 <= start && start <= end && end <= text.length).toBe(true);
      }
    }
    renderText(diagnostics, { color: true });
    expect(renderJson(diagnostics)).toHaveLength(diagnostics.length);
  };
  fc.assert(fc.property(soup, check), { numRuns: runs });
  fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), check), { numRuns: runs });
});

test("a file with a few characters taken out or put in parses too", () => {
  fc.assert(
    fc.property(wellFormed, fc.array(fc.tuple(fc.nat(), soup), { maxLength: 2 }), (text, changes) => {
      let changed = text;
      for (const [at, put] of changes) {
        const place = text.length === 0 ? 0 : at % text.length;
        changed = changed.slice(0, place) + put.slice(0, 5) + changed.slice(place + (at % 3));
      }
      sexpr(parse({ path: "changed.ftl", text: changed }).file);
    }),
    { numRuns: runs },
  );
});

test("formatting keeps the tree and the comments, and is done after one time", async () => {
  await fc.assert(
    fc.asyncProperty(wellFormed, async (text) => {
      const before = parse({ path: "before.ftl", text });
      expect(before.diagnostics.map((each) => each.message)).toEqual([]);
      const formatted = await formatFtl({ path: "before.ftl", text });
      const source = { path: "after.ftl", text: formatted.text ?? "" };
      const after = parse(source);
      expect(after.diagnostics.map((each) => each.message)).toEqual([]);
      expect(sexpr(after.file)).toBe(sexpr(before.file));
      const comments = (parsed: typeof before): string[] =>
        parsed.file.comments.map((each) => each.text).sort();
      expect(comments(after)).toEqual(comments(before));
      expect((await formatFtl(source)).text).toBe(formatted.text);
    }),
    { numRuns: runs },
  );
});
