// `ftlc docs [NAME]`: what the library and the language hold, or one page of it; of a `.ftl` file the pages of its definitions. Comes in:
// a name, a group or a path. Goes out: pages, as text or as JSON. Holds: a name that nothing has is wrong usage, with what was meant.
import {
  filePages,
  groupNamed,
  inGroup,
  libraryPages,
  nearestName,
  pagesNamed,
} from "../../compiler/docs/pages.ts";
import type { Page } from "../../compiler/docs/page.ts";
import { resolve } from "../../compiler/language/resolve.ts";
import { hasErrors, sayDiagnostics } from "./diagnostics.ts";
import { groupText, overviewText, pageText } from "./docs-text.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readOptional, readSource } from "./files.ts";
import type { Terminal } from "./terminal.ts";

export function docsCommand(
  name: string | undefined,
  options: { readonly json: boolean },
  terminal: Terminal,
): ExitCode {
  const show = (pages: readonly Page[], text: () => string): void =>
    terminal.out(options.json ? JSON.stringify({ pages }, undefined, 2) : text());
  const each = (pages: readonly Page[]): string =>
    pages.map((page) => pageText(page, terminal.outColors)).join("\n\n\n");

  if (name !== undefined && /\.ftl$|[/\\]/.test(name)) return docsOfFile(name, show, each, terminal);
  const all = libraryPages();
  if (name === undefined) {
    show(all, () => overviewText(all, terminal.outColors));
    if (!options.json)
      terminal.err("\nftlc docs NAME shows one of these, ftlc docs FILE the definitions of a file");
    return exitCodes.done;
  }
  const named = pagesNamed(all, name);
  const group = groupNamed(name);
  if (named.length > 0) show(named, () => each(named));
  else if (group !== undefined) {
    const members = inGroup(all, group.kind);
    show(members, () => groupText(group.title, members, terminal.outColors));
  } else {
    const guess = nearestName(all, name);
    throw new Failure(`the library has no '${name}'`, exitCodes.usage, [
      guess === undefined
        ? "'ftlc docs' lists what there is"
        : `did you mean '${guess}'? 'ftlc docs' lists what there is`,
    ]);
  }
  return exitCodes.done;
}

function docsOfFile(
  path: string,
  show: (pages: readonly Page[], text: () => string) => void,
  each: (pages: readonly Page[]) => string,
  terminal: Terminal,
): ExitCode {
  const { scope, diagnostics } = resolve(readSource(path), readOptional);
  sayDiagnostics(diagnostics, terminal);
  const pages = filePages(scope.root, scope);
  if (pages.length === 0 && !hasErrors(diagnostics))
    throw new Failure(`${path}: there are no definitions in this file`);
  show(pages, () => each(pages));
  return hasErrors(diagnostics) ? exitCodes.failed : exitCodes.done;
}
