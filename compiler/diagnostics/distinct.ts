// What is found more than once, in every layer or every stage, is told once. In: diagnostics. Out: the same, each place and message once.
import type { Diagnostic } from "../../grammar/diagnostic.ts";

export function distinct(diagnostics: readonly Diagnostic[]): readonly Diagnostic[] {
  const key = ({ code, message, span }: Diagnostic): string =>
    `${code} ${span.source.path} ${span.start} ${span.end} ${message}`;
  return [...new Map(diagnostics.map((each) => [key(each), each])).values()];
}
