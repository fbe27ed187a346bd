// What the tests of this folder share: checking text as a recipe or a file of definitions, and a plain rendering of diagnostics that does
// not hang on how the product draws them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { positionAt, textOf, type Span } from "../../../grammar/source.ts";
import type { Diagnostic } from "../../../grammar/diagnostic.ts";
import type { Recipe } from "../../../grammar/syntax.ts";
import { checkDefinitions, checkNames } from "../../../compiler/language/names.ts";
import { checkRecipe, type CheckedRecipe } from "../../../compiler/language/recipe.ts";
import { resolve, type Scope } from "../../../compiler/language/resolve.ts";

export const fixtures = join(import.meta.dirname, "../../fixtures");

export interface Checked extends CheckedRecipe {
  readonly scope: Scope;
  readonly recipe: Recipe;
}

/** Resolves and checks the first recipe of a text; `files` are the others by path. */
export function check(
  text: string,
  files: Readonly<Record<string, string>> = {},
  path = "recipe.ftl",
): Checked {
  const { scope, diagnostics } = resolve({ path, text }, (path) => files[path]);
  const [recipe] = scope.root.recipes;
  if (recipe === undefined) throw new Error("no recipe");
  const checked = checkRecipe(recipe, scope);
  return {
    ...checked,
    scope,
    recipe,
    diagnostics: [...diagnostics, ...checkDefinitions(scope), ...checked.diagnostics],
  };
}

/** All that is wrong with a text of definitions. */
export function definitions(
  text: string,
  files: Readonly<Record<string, string>> = {},
  path = "local.ftl",
): Diagnostic[] {
  const { scope, diagnostics } = resolve({ path, text }, (path) => files[path]);
  return [...diagnostics, ...checkNames(scope.root, scope)];
}

export function fixture(path: string): string {
  return readFileSync(join(fixtures, path), "utf8");
}

/** `line:column code message · label`, the marked text, then other places and edits. */
export function render(diagnostics: readonly Diagnostic[]): string {
  const place = ({ source, start }: Span): string => {
    const { line, column } = positionAt(source, start);
    return `${source.path}:${line}:${column}`;
  };
  return diagnostics
    .map((found) =>
      [
        `${place(found.span)} ${found.code} ${found.message}`,
        `    ${JSON.stringify(textOf(found.span))}: ${found.label}`,
        ...found.related.map(
          (other) => `    see ${place(other.span)} ${JSON.stringify(textOf(other.span))}: ${other.label}`,
        ),
        ...found.edits.map(
          (edit) =>
            `    edit ${place(edit.span)} ${JSON.stringify(textOf(edit.span))} to ${JSON.stringify(edit.text)}: ${edit.label}`,
        ),
      ].join("\n"),
    )
    .join("\n");
}
