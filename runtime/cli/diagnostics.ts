// Diagnostics as the command line shows them: text on standard error, or data on standard output.
// Holds: order is that of the text, errors and warnings together; the closing line counts them.
import { renderJson, renderText } from "../../compiler/diagnostics/render.ts";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import type { Terminal } from "./terminal.ts";

export function sayDiagnostics(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  if (diagnostics.length > 0)
    terminal.err(renderText(diagnostics, { color: terminal.errColors.isColorSupported }));
}

export function writeJson(diagnostics: readonly Diagnostic[], terminal: Terminal): void {
  terminal.out(JSON.stringify({ diagnostics: renderJson(diagnostics) }, undefined, 2));
}

export function hasErrors(diagnostics: readonly Diagnostic[]): boolean {
  return diagnostics.some(({ severity }) => severity === "error");
}

/** "2 errors, 1 warning". */
export function countText(diagnostics: readonly Diagnostic[]): string {
  const count = (severity: Diagnostic["severity"]): string[] => {
    const found = diagnostics.filter((each) => each.severity === severity).length;
    return found === 0 ? [] : [`${found} ${severity}${found === 1 ? "" : "s"}`];
  };
  return [...count("error"), ...count("warning")].join(", ");
}
