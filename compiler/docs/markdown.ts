// The reference in README.md: what the library has, from its own pages, and what trains with what, from the compiler. In: pages and tables.
// Out: Markdown between two markers, which `npm run generate` puts in place.
import { groups, inGroup, summaryOf } from "./pages.ts";
import type { Given, Page, PageKind } from "./page.ts";

export const beginMarker =
  "<!-- reference: made by `npm run generate` from stdlib/ and the compiler; do not edit -->";
export const endMarker = "<!-- end of reference -->";

/** A table of what trains with what: for each row and column "yes" or the code of the refusal. */
export interface Cells {
  readonly title: string;
  readonly rows: readonly string[];
  readonly columns: readonly string[];
  readonly cell: (row: string, column: string) => string;
}

/** The kinds that a recipe names, each as a table. */
const shown: readonly PageKind[] = [
  "architecture",
  "adapter",
  "task",
  "method",
  "optimizer",
  "schedule",
  "format",
];

export function referenceText(pages: readonly Page[], tables: readonly Cells[]): string {
  return [
    beginMarker,
    "",
    "`ftlc docs NAME` says more of each: what its parameters mean, its paper, an example that compiles.",
    "",
    libraryText(pages),
    "",
    tablesText(tables),
    "",
    endMarker,
  ].join("\n");
}

/** What the library has, without what the compiler has to be asked for. */
export function libraryText(pages: readonly Page[]): string {
  const sections = groups
    .filter(({ kind }) => shown.includes(kind) && inGroup(pages, kind).length > 0)
    .map(({ kind, title }) => {
      const members = inGroup(pages, kind);
      const head =
        kind === "architecture"
          ? ["model_type", "which"]
          : [kind === "task" ? "head" : kind, "what it is", "parameters"];
      const rows = members.map((page) => {
        const cells = [`\`${page.name}\``, escaped(summaryOf(page))];
        return kind === "architecture" ? cells : [...cells, page.parameters.map(parameterText).join(", ")];
      });
      return [`**${title.charAt(0).toUpperCase()}${title.slice(1)}**`, "", ...table(head, rows)].join("\n");
    });
  return sections.join("\n\n");
}

function tablesText(tables: readonly Cells[]): string {
  const codes = new Set<string>();
  const drawn = tables.map(({ title, rows, columns, cell }) =>
    table(
      [title, ...columns],
      rows.map((row) => [
        `\`${row}\``,
        ...columns.map((column) => {
          const found = cell(row, column);
          if (found !== "yes") codes.add(found);
          return found;
        }),
      ]),
    ).join("\n"),
  );
  const explained = [...codes].toSorted().map((code) => `\`ftlc explain ${code}\``);
  const refusals =
    explained.length === 0
      ? "Nothing is refused."
      : `Other cells hold the code of the refusal: ${explained.join(", ")}.`;
  return [
    "**What trains with what**",
    "",
    `Asked of the compiler with a small model of each architecture; \`yes\` is planned. ${refusals}`,
    "",
    drawn.join("\n\n"),
  ].join("\n");
}

/** The table of a text whose first columns have these names, as it was drawn: for each row and column the cell. */
export function readTable(
  text: string,
  ...first: readonly string[]
): ReadonlyMap<string, ReadonlyMap<string, string>> {
  const lines = text.split("\n");
  const cellsOf = (line: string): readonly string[] =>
    line
      .split("|")
      .slice(1, -1)
      .map((cell) => cell.trim());
  const at = lines.findIndex((line) => line.startsWith(rowText(first)));
  if (at === -1) return new Map();
  const [, ...columns] = cellsOf(lines[at] ?? "");
  const end = lines.findIndex((line, index) => index > at && !line.startsWith("|"));
  return new Map(
    lines.slice(at + 2, end === -1 ? undefined : end).map((line) => {
      const [row = "", ...cells] = cellsOf(line);
      return [row.replaceAll("`", ""), new Map(columns.map((column, index) => [column, cells[index] ?? ""]))];
    }),
  );
}

/** A document with the part between the markers replaced; nothing where it has no markers. */
export function withReference(document: string, reference: string): string | undefined {
  const [begin, end] = [document.indexOf(beginMarker), document.indexOf(endMarker)];
  if (begin === -1 || end < begin) return undefined;
  return document.slice(0, begin) + reference + document.slice(end + endMarker.length);
}

function parameterText({ name, default: initial, needed }: Given): string {
  return escaped(needed ? `\`${name}\`` : `\`${name} = ${initial}\``);
}

function table(head: readonly string[], rows: readonly (readonly string[])[]): readonly string[] {
  return [rowText(head), rowText(head.map(() => "---")), ...rows.map(rowText)];
}

function rowText(cells: readonly string[]): string {
  return `| ${cells.join(" | ")} |`;
}

function escaped(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll(/\s+/g, " ");
}
