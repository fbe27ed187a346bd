// All that documentation knows, in groups, and finding a page by its name: the library, the clauses of a recipe, the built-in functions; or
// the definitions of one file.
import { closest } from "../../grammar/suggest.ts";
import { libraryIndex, resolve, type LoadedFile, type Scope } from "../language/resolve.ts";
import { languagePages, pageOf, type Page, type PageKind } from "./page.ts";

/** The groups in the order in which they are shown. */
export const groups: readonly { readonly kind: PageKind; readonly title: string }[] = [
  { kind: "clause", title: "clauses" },
  { kind: "architecture", title: "architectures" },
  { kind: "adapter", title: "adapters" },
  { kind: "task", title: "heads" },
  { kind: "method", title: "methods" },
  { kind: "optimizer", title: "optimizers" },
  { kind: "schedule", title: "schedules" },
  { kind: "format", title: "formats" },
  { kind: "module", title: "modules" },
  { kind: "function", title: "functions" },
  { kind: "built-in", title: "built-ins" },
];

/** The pages of the whole library and of the language. */
export function libraryPages(): readonly Page[] {
  const { scope } = resolve({ path: "", text: "" }, () => undefined);
  return [...languagePages(), ...definitionPages(scope)];
}

function definitionPages(scope: Scope): readonly Page[] {
  return [...libraryIndex].flatMap(([kind, names]) =>
    [...names.keys()].toSorted().flatMap((name) => {
      const definition = scope.inLibrary(kind, name);
      return definition === undefined ? [] : [pageOf(definition, scope)];
    }),
  );
}

/** The pages of the definitions in one file of a scope. */
export function filePages(file: LoadedFile, scope: Scope): readonly Page[] {
  return file.definitions.map((definition) => pageOf(definition, scope));
}

export function inGroup(pages: readonly Page[], kind: PageKind): readonly Page[] {
  return pages.filter((page) => page.kind === kind);
}

/** The group that a word names: "optimizers", "optimizer". */
export function groupNamed(word: string): (typeof groups)[number] | undefined {
  return groups.find(({ kind, title }) => word === title || word === `${kind}s`);
}

/** All pages of a name; a module and a schedule may share one. */
export function pagesNamed(pages: readonly Page[], name: string): readonly Page[] {
  return pages.filter((page) => page.name === name);
}

/** A name that was meant, for one that nothing has. */
export function nearestName(pages: readonly Page[], name: string): string | undefined {
  return closest(name, [...pages.map((page) => page.name), ...groups.map(({ title }) => title)]);
}

/** The first sentence of a page, for lists. */
export function summaryOf({ text }: Page): string {
  const flat = text.replaceAll(/\s+/g, " ").trim();
  // A sentence ends with a point before a capital letter; "et al." does not.
  const end = /(?<!\bet al)\.(?= [A-Z`])|$/.exec(flat);
  return flat.slice(0, (end?.index ?? flat.length) + 1);
}
