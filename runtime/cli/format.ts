// `ftlc fmt`: formats files in place, or with --check says which would change. Comes in: paths. Goes out: 0, or 1 where a file would
// change or cannot be parsed. Holds: a file with a syntax mistake is left as it is; a file that is formatted already is not written.
import { writeFileSync } from "node:fs";
import { format as prettierFormat } from "prettier";
import type { Diagnostic } from "../../grammar/diagnostic.ts";
import { parse } from "../../grammar/index.ts";
import * as plugin from "../../grammar/prettier.ts";
import { systemReason } from "../checkpoint/error.ts";
import { hasErrors, sayDiagnostics } from "./diagnostics.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readSource } from "./files.ts";
import type { Terminal } from "./terminal.ts";

export async function format(
  paths: readonly string[],
  options: { readonly check: boolean },
  terminal: Terminal,
): Promise<ExitCode> {
  const sources = paths.map(readSource);
  const mistakes: Diagnostic[] = [];
  let changed = 0;
  for (const source of sources) {
    const { diagnostics } = parse(source);
    if (hasErrors(diagnostics)) {
      mistakes.push(...diagnostics);
      continue;
    }
    const text = await prettierFormat(source.text, { parser: "ftl", plugins: [plugin] });
    if (text === source.text) continue;
    changed += 1;
    if (options.check) terminal.err(`${source.path}: not formatted`);
    else write(source.path, text, terminal);
  }
  sayDiagnostics(mistakes, terminal);
  return mistakes.length > 0 || (options.check && changed > 0) ? exitCodes.failed : exitCodes.done;
}

function write(path: string, text: string, terminal: Terminal): void {
  try {
    writeFileSync(path, text);
  } catch (error) {
    throw new Failure(`${path}: ${systemReason(error)}`);
  }
  terminal.err(`${path}: formatted`);
}
