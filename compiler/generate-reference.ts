// Build tool, run by `npm run generate`: writes the reference of README.md between its markers. Takes the better part of a minute, because
// what trains with what is asked of the compiler: every cell is elaborated, and each row and column is planned whole at least once.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "./compile.ts";
import { exampleModel } from "./docs/example-recipe.ts";
import { referenceText, withReference, type Cells } from "./docs/markdown.ts";
import { libraryPages } from "./docs/pages.ts";
import { architectureTrials, optimizerTrials, refusal, type Trial, type Trials } from "./docs/trains.ts";

const readme = join(import.meta.dirname, "..", "README.md");

function cellsOf({ title, rows, columns, trials }: Trials): Cells {
  const found = new Map(
    trials.map((trial) => [`${trial.row} ${trial.column}`, outcome(trial, planned(trial))]),
  );
  // Each row and each column at least once.
  function planned({ row, column }: Trial): boolean {
    const [at, across] = [rows.indexOf(row), columns.indexOf(column)];
    return at % columns.length === across || across % rows.length === at;
  }
  return { title, rows, columns, cell: (row, column) => found.get(`${row} ${column}`) ?? "" };
}

/** "yes", or the code of the refusal; `whole`: the plan is made and verified, not only the graph. */
function outcome({ recipe, config }: Trial, whole: boolean): string {
  const code = refusal(recipe, config);
  if (code !== undefined || !whole) return code ?? "yes";
  const path = `${exampleModel}/config.json`;
  const { plan, diagnostics } = compile(recipe, {
    path: "recipe.ftl",
    read: (asked) => (asked === path ? JSON.stringify(config) : undefined),
  });
  if (plan !== undefined) return "yes";
  return diagnostics.find(({ severity }) => severity === "error")?.code ?? "no plan";
}

const text = referenceText(libraryPages(), [cellsOf(architectureTrials()), cellsOf(optimizerTrials())]);
const document = withReference(readFileSync(readme, "utf8"), text);
if (document === undefined) throw new Error("README.md has no markers for the reference");
writeFileSync(readme, document);
console.log(`wrote the reference of ${readme}`);
