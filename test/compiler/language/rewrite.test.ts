// Settings written into a recipe's text: comments, columns and order stay, and the text reads as the setting says.
import { expect, test } from "vitest";
import { parse } from "../../../grammar/parse.ts";
import { applied, combined, rewrite } from "../../../compiler/language/rewrite.ts";

const text = `/// A recipe.
recipe r {
  model     "base" // as it came
  adapter   lora { rank: 8, on: [attention] } // small
  adapter   dora as style {
    rank: 4
    alpha: 8 // twice
  }
  data      "rows.jsonl" { format: tokens, length: 64 }
  batch     8 // rows
  optimizer adamw { rate: 1e-3 }
  checkpoint every 2 { keep: [attention] }
}
`;

function changed(...settings: (readonly [string, string])[]): string[] {
  const recipe = parse({ path: "r.ftl", text }).file.items.find((item) => item.kind === "recipe");
  if (recipe === undefined) throw new Error("no recipe");
  const edits = settings.map(([path, value]) => {
    const edit = rewrite(recipe, path, value);
    if (edit === undefined) throw new Error(`no place for ${path}`);
    return edit;
  });
  const edit = combined(edits);
  const after = edit === undefined ? text : applied(edit);
  expect(parse({ path: "r.ftl", text: after }).diagnostics).toEqual([]);
  const before = new Set(text.split("\n"));
  return after.split("\n").filter((line) => !before.has(line));
}

test.each<[string, string, string[]]>([
  ["accumulation", "4", ["  accumulation 4"]],
  ["checkpoint", "auto", ["  checkpoint auto { keep: [attention] }"]],
  ["data.length", "32", ['  data      "rows.jsonl" { format: tokens, length: 32 }']],
  ["model.weights", "nf4 { block: 64 }", ['  model     "base" { weights: nf4 { block: 64 } } // as it came']],
  ["optimizer.state", "int8", ["  optimizer adamw { rate: 1e-3, state: int8 }"]],
  ["style.rank", "2", ["    rank: 2"]],
  ["style.dropout", "0.1", ["    dropout: 0.1"]],
  ["memory", "8GiB", ["  memory    8GiB"]],
])("%s: %s", (path, value, lines) => {
  expect(changed([path, value])).toEqual(lines);
});

test("several at once are one edit", () => {
  expect(changed(["checkpoint", "auto"], ["accumulation", "2"], ["data.length", "16"])).toEqual([
    '  data      "rows.jsonl" { format: tokens, length: 16 }',
    "  accumulation 2",
    "  checkpoint auto { keep: [attention] }",
  ]);
});
