// The example of a definition as a whole recipe: the library's example recipe with the definition's own clause in it, and what else its
// `example { … }` sets, by paths such as `data.format`. In: a definition that recipes name. Out: the text of a recipe.
import { parse } from "../../grammar/parse.ts";
import { textOf } from "../../grammar/source.ts";
import type { Clause, Definition } from "../../grammar/syntax.ts";
import { clauses } from "../language/clauses.ts";
import { clauseOf, exampleClause, exampleSettings } from "../language/example.ts";
import { library } from "../library.gen.ts";

const path = "stdlib/recipes/example.ftl";

/** The folder that the example recipe calls its model. */
export const exampleModel = "models/base";

/** A clause as text: what follows the noun, and its options. */
interface Line {
  readonly noun: string;
  readonly head: string;
  readonly options: ReadonlyMap<string, string>;
}

/** The recipe; the library's own where the definition is none that a clause names. */
export function exampleRecipe(definition?: Definition): string {
  const clause = definition === undefined ? undefined : exampleClause(definition);
  const settings = definition === undefined ? [] : exampleSettings(definition);
  const own = clause === undefined ? [] : linesOf(`recipe example {\n${clause}\n}`);
  const nouns = new Set(own.map(({ noun }) => noun));
  const base = linesOf(library.get(path) ?? "").filter(({ noun }) => !nouns.has(noun));
  let lines = [...base, ...own].toSorted((a, b) => rank(a.noun) - rank(b.noun));
  for (const { path: names, value } of settings) {
    const [noun, option] = names.map(({ text }) => text);
    if (noun !== undefined) lines = withSetting(lines, noun, option, textOf(value.span));
  }
  const width = Math.max(...lines.map(({ noun }) => noun.length));
  const body = lines.map(({ noun, head, options }) => `  ${noun.padEnd(width)} ${head}${block(options)}`);
  return `recipe example {\n${body.join("\n")}\n}\n`;
}

/** The clause that a definition's example writes, in one line. */
export function exampleLine(definition: Definition): string | undefined {
  return clauseOf(definition.what) === undefined ? undefined : exampleClause(definition);
}

function linesOf(text: string): Line[] {
  const [recipe] = parse({ path, text }).file.items;
  return recipe?.kind === "recipe" ? recipe.clauses.map(lineOf) : [];
}

function lineOf({ noun, arguments: given, body }: Clause): Line {
  const options = (body ?? []).flatMap((entry) =>
    entry.kind === "option"
      ? [[entry.path.map(({ text }) => text).join("."), textOf(entry.value.span)] as const]
      : [],
  );
  return {
    noun: noun.text,
    head: given.map(({ span }) => textOf(span)).join(" "),
    options: new Map(options),
  };
}

/** Clauses stand in the order of the table of clauses. */
function rank(noun: string): number {
  return Object.keys(clauses).indexOf(noun);
}

function withSetting(
  lines: readonly Line[],
  noun: string,
  option: string | undefined,
  value: string,
): Line[] {
  return lines.map((line) => {
    if (line.noun !== noun) return line;
    return option === undefined
      ? { ...line, head: value }
      : { ...line, options: new Map([...line.options, [option, value]]) };
  });
}

function block(options: ReadonlyMap<string, string>): string {
  const written = [...options].map(([name, value]) => `${name}: ${value}`);
  return written.length === 0 ? "" : ` { ${written.join(", ")} }`;
}
