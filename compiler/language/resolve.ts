// Loads a file and all it imports, and answers which definition a name means in a file. In: the text of one file and a `read` for
// others. Out: a scope, and every mistake in the files' syntax, imports and doubled names. A name means the file's own
// definition, else one of the files it imports, else the library's. An import is not passed on. The library's files are
// read from the embedded table, only when something in them is needed, and import what they use of each other.
import { definitionKinds } from "../../grammar/builder.ts";
import { problem, type Diagnostic, type Related } from "../../grammar/diagnostic.ts";
import { parse } from "../../grammar/parse.ts";
import type { Source } from "../../grammar/source.ts";
import type {
  Definition,
  DefinitionKind,
  File,
  Import,
  Recipe,
  StringLiteral,
} from "../../grammar/syntax.ts";
import { library } from "../library.gen.ts";
import { tooDeep } from "./depth.ts";
import { relativePath, resolvePath } from "./path.ts";

/** The text of a file, or nothing where there is none. Paths are as the first file's own, "/" between folders. */
export type Read = (path: string) => string | undefined;

export interface LoadedFile {
  readonly path: string;
  readonly tree: File;
  /** True for files of the embedded library, or a root that has the path of one: those import all that they use. */
  readonly embedded: boolean;
  /** Paths of the files it imports, those that could be read. */
  readonly imports: readonly string[];
  readonly definitions: readonly Definition[];
  readonly recipes: readonly Recipe[];
}

export interface Scope {
  /** The file that all began with. */
  readonly root: LoadedFile;
  /** The user's files: the root and what it imports, directly or not; without the library. */
  readonly files: readonly LoadedFile[];
  /** The definition that a name means in the file at path `from`. */
  lookup(kind: DefinitionKind, name: string, from: string): Definition | undefined;
  /** All names that `lookup` would find, sorted: for suggestions and completion. */
  names(kind: DefinitionKind, from: string): readonly string[];
  /** The library's definition whatever the file imports: for what needs no import, and to say what to import. */
  inLibrary(kind: DefinitionKind, name: string): Definition | undefined;
}

export interface Resolution {
  readonly scope: Scope;
  readonly diagnostics: readonly Diagnostic[];
}

/** Definitions that library files use of each other, for which they need an import; the rest is named by recipes. */
const imported: readonly DefinitionKind[] = ["function", "module"];

export function resolve(source: Source, read: Read): Resolution {
  const diagnostics: Diagnostic[] = [];
  const files = new Map<string, LoadedFile>();

  /** Loads the file and, first, what it imports. `trail` holds the imports on the way here. */
  function load(source: Source, embedded: boolean, trail: readonly Import[]): LoadedFile {
    const parsed = parse(source);
    // The library's own texts are known to be fine.
    const given = library.get(source.path) !== source.text;
    const fine = parsed.file.items.filter((item) => {
      const found = given ? tooDeep(item) : undefined;
      if (found !== undefined) diagnostics.push(found);
      return found === undefined;
    });
    const report = (found: Diagnostic): void => void diagnostics.push(found);
    parsed.diagnostics.forEach(report);
    const imports: string[] = [];
    const open = [...trail.map((entry) => entry.span.source.path), source.path];
    for (const item of fine) {
      if (item.kind !== "import") continue;
      const written = plainText(item.path);
      if (written === undefined) continue;
      const path = locate(source.path, written, embedded);
      const cycle = path === undefined ? -1 : open.indexOf(path);
      if (path === undefined) report(missingFile(item, written, embedded));
      else if (cycle !== -1) report(importCycle(item, path, trail.slice(cycle)));
      else if (imports.includes(path)) report(importedTwice(item, written));
      else {
        imports.push(path);
        const text = textAt(path, embedded);
        if (!files.has(path))
          files.set(path, load({ path, text: text.text }, text.embedded, [...trail, item]));
      }
    }
    const definitions = fine.filter((item) => item.kind === "definition");
    const recipes = fine.filter((item) => item.kind === "recipe");
    doubled([...definitions, ...recipes]).forEach(report);
    const loaded = { path: source.path, tree: parsed.file, embedded, imports, definitions, recipes };
    if (!embedded) clashing(loaded, files).forEach(report);
    return loaded;
  }

  /** The path an import means, or nothing: beside the file; else in the library where it is written "stdlib/…". */
  function locate(from: string, written: string, embedded: boolean): string | undefined {
    const beside = resolvePath(from, written);
    if (files.has(beside) || library.has(beside) || (!embedded && read(beside) !== undefined)) return beside;
    return library.has(written) ? written : undefined;
  }

  function textAt(path: string, embedded: boolean): { text: string; embedded: boolean } {
    const local = embedded ? undefined : read(path);
    return local === undefined
      ? { text: library.get(path) ?? "", embedded: true }
      : { text: local, embedded: false };
  }

  const root = load(source, library.has(source.path), []);
  files.set(source.path, root);

  function inLibrary(kind: DefinitionKind, name: string): Definition | undefined {
    const path = libraryIndex.get(kind)?.get(name);
    if (path === undefined) return undefined;
    let file = files.get(path);
    if (file === undefined) {
      file = load({ path, text: library.get(path) ?? "" }, true, []);
      files.set(path, file);
    }
    return file.definitions.find((entry) => entry.what === kind && entry.name.text === name);
  }

  function inFile(path: string, kind: DefinitionKind): readonly Definition[] {
    return (files.get(path)?.definitions ?? []).filter((entry) => entry.what === kind);
  }

  const needsImport = (kind: DefinitionKind, from: string): boolean =>
    imported.includes(kind) && files.get(from)?.embedded === true;

  const scope: Scope = {
    root,
    files: [...files.values()].filter((file) => file === root || !file.embedded),
    lookup(kind, name, from) {
      for (const path of [from, ...(files.get(from)?.imports ?? [])]) {
        const found = inFile(path, kind).find((entry) => entry.name.text === name);
        if (found !== undefined) return found;
      }
      return needsImport(kind, from) ? undefined : inLibrary(kind, name);
    },
    names(kind, from) {
      const near = [from, ...(files.get(from)?.imports ?? [])].flatMap((path) => inFile(path, kind));
      const far = needsImport(kind, from) ? [] : (libraryIndex.get(kind)?.keys() ?? []);
      return [...new Set([...near.map((entry) => entry.name.text), ...far])].toSorted();
    },
    inLibrary,
  };
  return { scope, diagnostics };
}

/** The recipe of the root file: the one of that name, or the only one. */
export function chooseRecipe(scope: Scope, name?: string): Recipe | Diagnostic {
  const { recipes, tree } = scope.root;
  const named = name === undefined ? recipes : recipes.filter((recipe) => recipe.name.text === name);
  const [recipe, second] = named;
  const start = { ...tree.span, end: tree.span.start };
  if (recipe === undefined) {
    const what = name === undefined ? "recipe" : `recipe '${name}'`;
    const names = recipes.map((entry) => entry.name.text).join(", ");
    return problem(
      "FTL0216",
      start,
      `there is no ${what} in this file`,
      names === "" ? "write recipe NAME { … }" : `there are ${names}`,
    );
  }
  if (second === undefined) return recipe;
  const related = [{ span: recipe.name.span, label: "one is here" }];
  return problem("FTL0216", second.name.span, "this file has several recipes", "say which by its name", {
    related,
  });
}

/** Where each definition of the library stands, by kind and name: found without parsing, definitions start a line. */
export const libraryIndex: ReadonlyMap<DefinitionKind, ReadonlyMap<string, string>> = indexLibrary();

function indexLibrary(): Map<DefinitionKind, Map<string, string>> {
  const index = new Map<DefinitionKind, Map<string, string>>();
  const heading = new RegExp(`^(${definitionKinds.join("|")}) (\\w+)`, "gm");
  for (const [path, text] of library) {
    for (const [, kind, name] of text.matchAll(heading)) {
      if (kind === undefined || name === undefined) continue;
      const names = index.get(kind as DefinitionKind) ?? new Map<string, string>();
      index.set(kind as DefinitionKind, names.set(name, path));
    }
  }
  return index;
}

/** The text of a string literal without `{…}`, else nothing. */
export function plainText(literal: StringLiteral): string | undefined {
  return literal.parts.every((part) => typeof part === "string") ? literal.parts.join("") : undefined;
}

function missingFile(item: Import, written: string, embedded: boolean): Diagnostic {
  const tail = written.replace(/^(\.{1,2}\/)+/, "");
  const meant = [...library.keys()].find((path) => path === written || path.endsWith(`/${tail}`));
  const edits =
    meant === undefined || embedded
      ? []
      : [
          {
            span: item.path.span,
            text: JSON.stringify(meant),
            label: `write "${meant}", the library's file`,
          },
        ];
  return problem("FTL0203", item.path.span, `there is no file "${written}" to import`, "not found", {
    edits,
  });
}

function importCycle(item: Import, path: string, trail: readonly Import[]): Diagnostic {
  const related: Related[] = trail.map((entry) => ({ span: entry.span, label: "which is imported here" }));
  return problem("FTL0204", item.span, `"${path}" imports itself`, "this import closes a circle", {
    related,
  });
}

function importedTwice(item: Import, written: string): Diagnostic {
  return problem("FTL0202", item.span, `"${written}" is imported twice`, "imported before", {
    edits: [{ span: item.span, text: "", label: "delete this line" }],
  });
}

const label = (item: Definition | Recipe): string => (item.kind === "recipe" ? "recipe" : item.what);

function doubled(items: readonly (Definition | Recipe)[]): Diagnostic[] {
  const seen = new Map<string, Definition | Recipe>();
  const found: Diagnostic[] = [];
  for (const item of items) {
    const key = `${label(item)} ${item.name.text}`;
    const first = seen.get(key);
    if (first === undefined) seen.set(key, item);
    else if (item.name.text !== "") {
      const related = [{ span: first.name.span, label: "first here" }];
      found.push(
        problem(
          "FTL0202",
          item.name.span,
          `${label(item)} '${item.name.text}' is defined twice`,
          "again here",
          { related },
        ),
      );
    }
  }
  return found;
}

/** Two imported files that define the same name: the file could mean either, unless it has its own. */
function clashing(file: LoadedFile, files: ReadonlyMap<string, LoadedFile>): Diagnostic[] {
  const seen = new Map<string, Definition>(
    file.definitions.map((entry) => [`${entry.what} ${entry.name.text}`, entry]),
  );
  const found: Diagnostic[] = [];
  for (const path of file.imports) {
    for (const entry of files.get(path)?.definitions ?? []) {
      const key = `${entry.what} ${entry.name.text}`;
      const first = seen.get(key);
      if (first === undefined) seen.set(key, entry);
      else if (first.span.source.path !== file.path && first !== entry) {
        const item = file.tree.items.find(
          (item) => item.kind === "import" && resolvePath(file.path, plainText(item.path) ?? "") === path,
        );
        const related = [
          { span: first.name.span, label: "one is here" },
          { span: entry.name.span, label: "the other is here" },
        ];
        const message = `two imported files define ${key.replace(" ", " '")}'`;
        found.push(
          problem("FTL0202", item?.span ?? file.tree.span, message, "brings in the second", { related }),
        );
      }
    }
  }
  return found;
}

/** What a file at `from` writes to import the file at `to`. */
export function importText(from: string, to: string): string {
  return from.startsWith("stdlib/") ? relativePath(from, to) : to;
}
