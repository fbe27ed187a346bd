// The example of a definition as a whole recipe: the library's example recipe with the definition's own clause in it, and what else its
// `example { … }` sets, by paths such as `data.format`. In: a definition that recipes name. Out: the text of a recipe.
import { textOf } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import { exampleClause, exampleSettings, exampleUse } from "../language/example.ts";
import { library } from "../library.gen.ts";
import {
  recipeLine,
  recipeLines,
  recipeText,
  withLine,
  withSetting,
  type RecipeLine,
} from "./recipe-lines.ts";

/** The folder that the example recipe calls its model. */
export const exampleModel = "models/base";

/** The library's example recipe, with the definition's clause where a clause names such definitions. */
export function exampleLines(definition?: Definition): readonly RecipeLine[] {
  const base = recipeLines(library.get("stdlib/recipes/example.ftl") ?? "");
  if (definition === undefined) return base;
  const own = recipeLine(exampleClause(definition) ?? "");
  let lines = own === undefined ? base : withLine(base, own);
  if (definition.what === "format") lines = withSetting(lines, "model", "weights", exampleUse(definition));
  for (const { path, value } of exampleSettings(definition)) {
    const [noun, option] = path.map(({ text }) => text);
    if (noun !== undefined) lines = withSetting(lines, noun, option, textOf(value.span));
  }
  return lines;
}

/** `file`: what the recipe imports, for a definition that is not the library's. */
export function exampleRecipe(definition: Definition, file?: string): string {
  const imports = file === undefined ? "" : `import ${JSON.stringify(file)}\n\n`;
  return `${imports}${recipeText("example", exampleLines(definition))}`;
}
