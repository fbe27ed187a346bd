// `ftlc explain CODE`: the long explanation of a diagnostic, in any case of letters, with or without the letters in front.
import { explain } from "../../compiler/diagnostics/explain.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import type { Terminal } from "./terminal.ts";

export function explainCommand(written: string, terminal: Terminal): ExitCode {
  const code = written.toUpperCase().replace(/^(?:FTL)?(?=\d{1,4}$)/, "FTL");
  const text = explain(code);
  if (text === undefined) {
    throw new Failure(`there is no diagnostic '${written}'`, exitCodes.usage, ["codes are like FTL0301"]);
  }
  terminal.out(`${terminal.outColors.bold(code)}\n\n${text}`);
  return exitCodes.done;
}
