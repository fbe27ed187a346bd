// Diagnostics as the command line shows them: text on standard error, or data on standard output.
// Holds: order is that of the text, errors and warnings together; a closing line counts them.
import { renderJson, renderText } from "../../compiler/diagnostics/render.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { Terminal } from "./terminal.ts";

/** In full, each set apart by an empty line; then, after another, how many there are. */
export function sayDiagnostics(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  if (diagnostics.length === 0) return;
  const text = renderText(inOrder(diagnostics), { color: terminal.errColors.isColorSupported });
  terminal.err(`${text}\n\n${countText(diagnostics)}`);
}

export function writeJson(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  terminal.out(JSON.stringify({ diagnostics: renderJson(inOrder(diagnostics)) }, undefined, 2));
}

/** File by file as they first come, each from top to bottom. */
function inOrder(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const files = [...new Set(diagnostics.map(({ span }) => span.source.path))];
  const rank = new Map(files.map((path, index) => [path, index]));
  const of = ({ span }: Diagnostic): number => rank.get(span.source.path) ?? 0;
  return diagnostics.toSorted((a, b) => of(a) - of(b) || a.span.start - b.span.start);
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === "error");
}

/** "2 errors, 1 warning". */
function countText(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic["severity"]): string[] => {
    const found = diagnostics.filter((each) => each.severity === severity).length;
    return found === 0 ? [] : [`${found} ${severity}${found === 1 ? "" : "s"}`];
  };
  return [...count("error"), ...count("warning")].join(", ");
}
