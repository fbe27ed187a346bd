// Pages of documentation as a terminal shows them: 80 columns, colour only as decoration. Comes in: pages. Goes out: text.
import { groups, inGroup, summaryOf } from "../../compiler/docs/pages.ts";
import type { ConfigFieldUse } from "../../compiler/docs/config-fields.ts";
import type { ConfigPage, Given, Page } from "../../compiler/docs/page.ts";
import type { Colors } from "./terminal.ts";
import { table, wrap } from "./wrap.ts";

/** Of these there are many, and their names say most. */
const namesOnly: ReadonlySet<string> = new Set(["module", "function", "built-in"]);

/** Everything there is, in groups. */
export function overviewText(pages: readonly Page[], colors: Colors): string {
  const shown = groups
    .map((group) => ({ ...group, pages: inGroup(pages, group.kind) }))
    .filter((group) => group.pages.length > 0)
    .map(({ kind, title, pages: members }) =>
      [
        colors.bold(title),
        ...(namesOnly.has(kind)
          ? wrap(members.map(({ name }) => name).join(", "), "  ")
          : table(
              members.map((page) => [page.name, summaryOf(page)]),
              "  ",
            )),
      ].join("\n"),
    );
  return shown.join("\n\n");
}

/** One group, each with its first sentence. */
export function groupText(title: string, pages: readonly Page[], colors: Colors): string {
  const rows = pages.map((page) => [page.name, summaryOf(page)] as const);
  return [colors.bold(title), ...table(rows, "  ", 28)].join("\n");
}

export function pageText(page: Page, colors: Colors): string {
  const { kind, name, text, use, parameters, common, config, papers, example, file } = page;
  const section = (title: string, lines: readonly string[]): string =>
    lines.length === 0 ? "" : [colors.bold(title), ...lines].join("\n");
  const place = file === undefined ? "" : colors.dim(`, ${file}`);
  return [
    `${colors.bold(name)}  ${kind}${place}`,
    paragraphs(text),
    config === undefined ? wrap(use, "      ", "  ").join("\n") : "",
    kind === "clause"
      ? section("Options", optionsText(parameters))
      : section("Parameters", parameters.flatMap(givenText)),
    section("Options of the clause", optionsText(common)),
    config === undefined ? "" : configText(config, section),
    section("Paper", wrap(papers.join("; "), "  ")),
    section("Example", example === undefined ? [] : indented(example)),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

function paragraphs(text: string): string {
  return text
    .split(/\n\s*\n/)
    .map((paragraph) => wrap(paragraph, "  ").join("\n"))
    .join("\n\n");
}

function optionsText(options: readonly Given[]): readonly string[] {
  return table(
    options.map(({ name, text }) => [name, text]),
    "  ",
  );
}

/** `rate: number = 1e-3`, and below what it means and what may be written. */
function givenText({ name, type, takes, unit, default: initial, needed, text }: Given): readonly string[] {
  const typed = type === undefined ? name : `${name}: ${type}`;
  const value = initial === undefined ? "" : ` = ${initial}`;
  const notes = [needed ? "Must be given." : "", takes === undefined ? "" : `Takes ${takes}.`];
  const counted = unit === undefined || takes !== undefined ? "" : `In ${unit}.`;
  const written = type === undefined || needed || !plain.has(type) ? notes : notes.slice(0, 1);
  return [
    ...wrap(`${typed}${value}`, "    ", "  "),
    ...wrap([text, counted, ...written].filter((part) => part !== "").join(" "), "      "),
  ];
}

/** Types that say themselves what may be written. */
const plain: ReadonlySet<string> = new Set(["number", "boolean"]);

function configText(
  { modelType, fields, refuses, warns, example }: ConfigPage,
  section: (title: string, lines: readonly string[]) => string,
): string {
  const spelled = modelType.includes("_") ? ` (or "${modelType.replaceAll("_", "-")}")` : "";
  const top = fields.filter(({ name }) => !name.includes("."));
  const needed = top.filter((field) => field.needed).map(({ name }) => name);
  const rows = topNames(fields)
    .filter((name) => !needed.includes(name))
    .map((name) => [name, fieldText(name, fields)] as const);
  return [
    section("Picked by", wrap(`"model_type": "${modelType}"${spelled} in config.json`, "  ")),
    section("Fields of config.json that it needs", wrap(needed.join(", "), "  ")),
    section("Fields that it reads where they are there", table(rows, "  ", 28)),
    section(
      "What it refuses",
      refuses.flatMap((message) => wrap(message, "    ", "  - ")),
    ),
    section(
      "What it warns of",
      warns.flatMap((message) => wrap(message, "    ", "  - ")),
    ),
    section("A small config.json", indented(JSON.stringify(example, undefined, 2))),
  ]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** The fields of the config itself, those that are only looked into included, in order. */
function topNames(fields: readonly ConfigFieldUse[]): readonly string[] {
  return [...new Set(fields.map(({ name }) => name.split(".")[0] ?? name))];
}

function fieldText(name: string, fields: readonly ConfigFieldUse[]): string {
  const inside = fields
    .filter((field) => field.name.startsWith(`${name}.`))
    .map((field) => field.name.slice(name.length + 1));
  const otherwise = fields.find((field) => field.name === name)?.otherwise;
  const parts = [
    otherwise === undefined ? "" : `else ${otherwise}`,
    inside.length === 0 ? "" : `with ${inside.join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join("; ");
}

function indented(text: string): readonly string[] {
  return text
    .trimEnd()
    .split("\n")
    .map((line) => `  ${line}`);
}
