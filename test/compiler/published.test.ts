// The README's table of published memory says what plans say: every job has its line, and for the cheapest the line is made again.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { jobs } from "../../bench/published-jobs.ts";
import { begin, end, heading, lineOf, withTable } from "../../bench/published-table.ts";

const readme = readFileSync(join(import.meta.dirname, "../../README.md"), "utf8");
/** As written, without the padding that formatting may add. */
const lines = readme
  .slice(readme.indexOf(begin), readme.indexOf(end))
  .split("\n")
  .filter((line) => line.startsWith("|"));

test("every job has its line, in order (npm run bench:published)", () => {
  expect(lines.slice(0, heading.length)).toEqual(heading);
  expect(lines.slice(heading.length).map((line) => /^\| \[([^\]]*)\]/.exec(line)?.[1])).toEqual(
    jobs.map(({ job }) => job),
  );
});

test.each(jobs.filter(({ recipe }) => /3b-lora|8b-lora|0\.5b-mezo|int8-lora/.test(recipe)))(
  "$job: the line is what the plan says (npm run bench:published)",
  (job) => {
    expect(lines).toContain(lineOf(job));
  },
);

test("the table is put between its markers, and nowhere else", () => {
  expect(withTable(`a\n${begin}\nold\n${end}\nb`, ["| x |"])).toBe(
    `a\n${begin}\n\n${heading.join("\n")}\n| x |\n\n${end}\nb`,
  );
  expect(withTable("a", [])).toBeUndefined();
});
