// Source text in, formatted text out, without a file system: what the language server and the browser call.
import { format } from "prettier/standalone";
import type { Diagnostic } from "../diagnostic.ts";
import { parse } from "../parse.ts";
import * as plugin from "../prettier.ts";
import type { Source } from "../source.ts";

export interface Formatted {
  /** `undefined` for a file with syntax errors. */
  readonly text: string | undefined;
  readonly diagnostics: readonly Diagnostic[];
}

export async function formatFtl(
  source: Source,
  options: { readonly width?: number } = {},
): Promise<Formatted> {
  const { diagnostics } = parse(source);
  if (diagnostics.length > 0) return { text: undefined, diagnostics };
  const { width = 110 } = options;
  const text = await format(source.text, {
    parser: "ftl",
    plugins: [plugin],
    printWidth: width,
    endOfLine: "lf",
  });
  return { text, diagnostics };
}
