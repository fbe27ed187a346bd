// `ftlc init --architecture NAME [FILE]`: copies an architecture of the library into a file of the user's, to be changed and used in a recipe.
// Comes in: its name and a path. Goes out: a file that compiles as it stands. Holds: what it imports stays the library's; a definition
// takes the name of its file, so that a recipe can say which it means; no file is overwritten.
import { basename } from "node:path";
import { parse } from "../../grammar/parse.ts";
import { closest } from "../../grammar/suggest.ts";
import { libraryIndex, plainText } from "../../compiler/language/resolve.ts";
import { resolvePath } from "../../compiler/language/path.ts";
import { library } from "../../compiler/library.gen.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import type { Terminal } from "./terminal.ts";
import { writeNew } from "./write-new.ts";

export function copyArchitecture(name: string, target: string | undefined, terminal: Terminal): ExitCode {
  const names = [...(libraryIndex.get("architecture")?.keys() ?? [])].toSorted();
  const path = libraryIndex.get("architecture")?.get(name);
  if (path === undefined) {
    const guess = closest(name, names);
    throw new Failure(`the library has no architecture '${name}'`, exitCodes.usage, [
      guess === undefined ? `there are ${names.join(", ")}` : `did you mean '${guess}'?`,
    ]);
  }
  const file = target ?? `${name}.ftl`;
  const own = basename(file, ".ftl").replaceAll("-", "_");
  if (!file.endsWith(".ftl") || !/^[A-Za-z_]\w*$/.test(own)) {
    throw new Failure(`'${file}' cannot hold an architecture`, exitCodes.usage, [
      "name a .ftl file whose name is a word, such as mine.ftl: the architecture takes its name",
    ]);
  }
  writeNew(file, copied(path, name, own, basename(file)));
  terminal.err(`wrote ${file}, a copy of the library's ${name}; a recipe beside it uses it with`);
  terminal.out(`import "${basename(file)}"\n\nmodel "…" { architecture: ${own} }`);
  return exitCodes.done;
}

/** The text of a library file with its imports as seen from anywhere and the architecture renamed. */
function copied(path: string, name: string, own: string, file: string): string {
  const text = library.get(path) ?? "";
  const changes = parse({ path, text }).file.items.flatMap((item) => {
    if (item.kind === "import") {
      const { span } = item.path;
      return [{ span, text: JSON.stringify(resolvePath(path, plainText(item.path) ?? "")) }];
    }
    const named = item.kind === "definition" && item.what === "architecture" && item.name.text === name;
    return named ? [{ span: item.name.span, text: own }] : [];
  });
  let copy = text;
  for (const { span, text: put } of changes.toSorted((a, b) => b.span.start - a.span.start))
    copy = copy.slice(0, span.start) + put + copy.slice(span.end);
  const head = [
    `// A copy of ${path}, yours to change. What it imports is the library's: copy and import that as well to change it.`,
    `// A recipe uses it with: import "${file}" and model "…" { architecture: ${own} }`,
  ];
  return `${head.join("\n")}\n\n${copy}`;
}
