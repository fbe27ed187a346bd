// The reference in README.md is fresh: its list of the library to the letter, its tables of what trains with what by their names and by one
// cell of each row, asked of the compiler again. `npm run generate` writes it anew.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import {
  beginMarker,
  endMarker,
  libraryText,
  readTable,
  withReference,
} from "../../../compiler/docs/markdown.ts";
import { libraryPages } from "../../../compiler/docs/pages.ts";
import { architectureTrials, optimizerTrials, refusal } from "../../../compiler/docs/trains.ts";

const readme = readFileSync(join(import.meta.dirname, "../../../README.md"), "utf8");

test("the library is listed as it is (npm run generate)", () => {
  expect(readme).toContain(libraryText(libraryPages()));
});

describe.each([architectureTrials, optimizerTrials])("what trains with what: %o", (trialsOf) => {
  const { title, rows, columns, trials } = trialsOf();
  const table = readTable(readme, title, columns[0] ?? "");

  test("every name has its row and its column (npm run generate)", () => {
    expect([...table.keys()]).toEqual(rows);
    for (const cells of table.values()) expect([...cells.keys()]).toEqual(columns);
  });

  test.each(rows.map((row, index) => [row, columns[index % columns.length] ?? ""]))(
    "%s with %s",
    (row, column) => {
      const trial = trials.find((each) => each.row === row && each.column === column);
      expect(trial).toBeDefined();
      expect(table.get(row)?.get(column)).toBe(refusal(trial?.recipe ?? "", trial?.config ?? {}) ?? "yes");
    },
  );
});

test("a reference is put between its markers, and nowhere else", () => {
  const reference = `${beginMarker}\nnew\n${endMarker}`;
  expect(withReference(`a\n${beginMarker}\nold\n${endMarker}\nb`, reference)).toBe(`a\n${reference}\nb`);
  expect(withReference("a", reference)).toBeUndefined();
});
