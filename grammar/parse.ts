// The front door of the grammar: source text in, the typed tree and every syntax error out. Never throws, on any input.
import { balance } from "./brackets.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { layOut } from "./layout.ts";
import { lex } from "./lexer.ts";
import { explainMistake } from "./mistakes.ts";
import { parseTokens } from "./parser.ts";
import type { Source } from "./source.ts";
import type { Expression, File } from "./syntax.ts";
import { TreeBuilder } from "./tree.ts";

export interface Parsed {
  /** Complete even after errors: what was missing is `missing`, or a name without text. */
  readonly file: File;
  /** In the order of the text. Empty for a well-formed file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Expressions written in parentheses, which the tree does not show. */
  readonly parenthesized: ReadonlySet<Expression>;
}

export function parse(source: Source): Parsed {
  const lexed = lex(source);
  const balanced = balance(lexed.tokens, source);
  const { tree, errors } = parseTokens(layOut(balanced.tokens), "file");
  const builder = new TreeBuilder(source, lexed.comments);
  const file = builder.file(tree);

  const sure = [...lexed.diagnostics, ...balanced.diagnostics];
  const mistakes = errors.map((error) => explainMistake(error, source));
  // Where a bracket was put in or left out, what the parser says is an echo; so is a second mistake at one place.
  const echoes = [...balanced.regions];
  const heard: Diagnostic[] = [];
  const isEcho = (start: number): boolean =>
    echoes.some((region) => start >= region.start && start <= region.end) ||
    heard.some((other) => other.span.start === start);
  for (const each of mistakes.sort(byPlace)) {
    const { start } = each.span;
    if (isEcho(start)) continue;
    heard.push(each);
    // The parser goes on at the next word that may begin something: the rest of the line is no longer what was meant.
    const lineEnd = source.text.indexOf("\n", start);
    echoes.push({ source, start: start + 1, end: lineEnd === -1 ? source.text.length : lineEnd });
  }
  for (const each of [...builder.diagnostics].sort(byPlace)) {
    if (!isEcho(each.span.start)) heard.push(each);
  }
  return { file, diagnostics: [...sure, ...heard].sort(byPlace), parenthesized: builder.parenthesized };
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.span.start - b.span.start || a.span.end - b.span.end;
}
