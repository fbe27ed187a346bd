// A recipe as lines that can be changed and written again: a noun, what follows it, its options as text. In: a recipe's text. Out: text in
// the order of the table of clauses, aligned as the formatter aligns it.
import { parse } from "../../grammar/parse.ts";
import { textOf } from "../../grammar/source.ts";
import type { Clause } from "../../grammar/syntax.ts";
import { clauses, type Noun } from "../language/clauses.ts";

export interface RecipeLine {
  readonly noun: string;
  readonly head: string;
  readonly options: ReadonlyMap<string, string>;
}

/** The lines of the first recipe in a text. */
export function recipeLines(text: string): readonly RecipeLine[] {
  const recipe = parse({ path: "recipe.ftl", text }).file.items.find((item) => item.kind === "recipe");
  return recipe === undefined ? [] : recipe.clauses.map(lineOf);
}

function lineOf({ noun, arguments: given, body }: Clause): RecipeLine {
  const options = (body ?? []).flatMap((entry) =>
    entry.kind === "option"
      ? [[entry.path.map(({ text }) => text).join("."), textOf(entry.value.span)] as const]
      : [],
  );
  const head = given.map(({ span }) => textOf(span)).join(" ");
  return { noun: noun.text, head, options: new Map(options) };
}

/** One line, such as `adapter lora { rank: 8 }`, as a line. */
export function recipeLine(text: string): RecipeLine | undefined {
  return recipeLines(`recipe line {\n${text}\n}`)[0];
}

/** The lines with `line` in the place of the one that has its noun, or beside the others. */
export function withLine(lines: readonly RecipeLine[], line: RecipeLine): readonly RecipeLine[] {
  return [...lines.filter(({ noun }) => noun !== line.noun), line];
}

export function withoutLine(lines: readonly RecipeLine[], noun: Noun): readonly RecipeLine[] {
  return lines.filter((line) => line.noun !== noun);
}

/** The lines with an option of a clause set, or what follows its noun where no option is named. */
export function withSetting(
  lines: readonly RecipeLine[],
  noun: string,
  option: string | undefined,
  value: string,
): readonly RecipeLine[] {
  const changed = (line: RecipeLine): RecipeLine =>
    option === undefined
      ? { ...line, head: value }
      : { ...line, options: new Map([...line.options, [option, value]]) };
  const known = lines.some((line) => line.noun === noun);
  const all = known ? lines : [...lines, { noun, head: "", options: new Map<string, string>() }];
  return all.map((line) => (line.noun === noun ? changed(line) : line));
}

/** The recipe as text. `comment` gives lines to stand above a clause. */
export function recipeText(
  name: string,
  lines: readonly RecipeLine[],
  comment: (line: RecipeLine) => readonly string[] = () => [],
): string {
  const order = Object.keys(clauses);
  const sorted = lines.toSorted((a, b) => order.indexOf(a.noun) - order.indexOf(b.noun));
  const width = Math.max(0, ...sorted.map(({ noun }) => noun.length));
  const body = sorted.flatMap((line) => [
    ...comment(line).map((text) => `  // ${text}`),
    `  ${line.noun.padEnd(width)} ${line.head}${block(line.options)}`,
  ]);
  return `recipe ${name} {\n${body.join("\n")}\n}\n`;
}

function block(options: ReadonlyMap<string, string>): string {
  const written = [...options].map(([name, value]) => `${name}: ${value}`);
  return written.length === 0 ? "" : ` { ${written.join(", ")} }`;
}
