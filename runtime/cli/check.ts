// `ftlc check`: all mistakes of recipes and definitions at once, without weights, GPU or config. Comes in: paths.
// Goes out: diagnostics, as text or as JSON. Holds: what a recipe asks for that is not built yet is no mistake: it is a warning here.
import { checkDefinitions } from "../../compiler/language/names.ts";
import { checkRecipe } from "../../compiler/language/recipe.ts";
import { resolve } from "../../compiler/language/resolve.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { Source } from "../../grammar/source.ts";
import { hasErrors, sayDiagnostics, writeJson } from "./diagnostics.ts";
import { exitCodes, type ExitCode } from "./exit.ts";
import { readOptional, readSource } from "./files.ts";
import type { Terminal } from "./terminal.ts";

export function check(
  paths: readonly string[],
  options: { readonly json: boolean },
  terminal: Terminal,
): ExitCode {
  const diagnostics = distinct(paths.map(readSource).flatMap(checkSource));
  if (options.json) writeJson(diagnostics, terminal);
  else {
    sayDiagnostics(diagnostics, terminal);
    if (diagnostics.length === 0) terminal.err(`${paths.join(", ")}: no mistakes`);
  }
  return hasErrors(diagnostics) ? exitCodes.failed : exitCodes.done;
}

/** Every recipe of the file, and all its definitions and those of the files it imports. */
export function checkSource(source: Source): Diagnostic[] {
  const { scope, diagnostics } = resolve(source, readOptional);
  const recipes = scope.root.recipes.map((recipe) => checkRecipe(recipe, scope));
  return [
    ...diagnostics,
    ...checkDefinitions(scope),
    ...recipes.flatMap((checked) => checked.diagnostics),
    ...recipes.flatMap(({ planned }) =>
      planned.map((found): Diagnostic => ({ ...found, severity: "warning" })),
    ),
  ];
}

/** Two files that import a third bring its mistakes twice. */
function distinct(diagnostics: readonly Diagnostic[]): Diagnostic[] {
  const seen = new Map<string, Diagnostic>();
  for (const found of diagnostics) {
    const { source, start, end } = found.span;
    seen.set(JSON.stringify([found.code, source.path, start, end, found.message]), found);
  }
  return [...seen.values()];
}
