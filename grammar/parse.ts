// The front door of the grammar: source text in, the typed tree and every syntax error out. Never throws, on any input.
import { balance, surplusLabel } from "./brackets.ts";
import type { Diagnostic } from "./diagnostic.ts";
import { layOut } from "./layout.ts";
import { lex } from "./lexer.ts";
import { expectedBrace, explainMistake } from "./mistakes.ts";
import { parseTokens } from "./parser.ts";
import type { Source, Span } from "./source.ts";
import type { Expression, File } from "./syntax.ts";
import { TreeBuilder } from "./tree.ts";

export interface Parsed {
  /** Complete even after errors: what was missing is `missing`, or a name without text. */
  readonly file: File;
  /** In the order of the text. Empty for a well-formed file. */
  readonly diagnostics: readonly Diagnostic[];
  /** Expressions written in parentheses, which the tree does not show, with the span inside: their own spans hold both. */
  readonly parenthesized: ReadonlyMap<Expression, Span>;
}

export function parse(source: Source): Parsed {
  const lexed = lex(source);
  const balanced = balance(lexed.tokens, source);
  const { tree, errors } = parseTokens(layOut(balanced.tokens), "file");
  const builder = new TreeBuilder(source, lexed.comments);
  const file = builder.file(tree);

  const mistakes = errors.flatMap((error) => explainMistake(error, source));
  // Where a bracket was put in or left out, what the parser says is an echo; so is a second mistake at one place.
  const heard = new Echoes(balanced.regions).drop(mistakes);
  // Without its opening brace, a block's closing one is no mistake of its own.
  let unopened = heard.filter((each) => each.label === expectedBrace).length;
  const brackets = balanced.diagnostics.filter((each) => each.label !== surplusLabel || (unopened -= 1) < 0);
  // After a mistake the parser goes on at the next word that may begin something: the rest of its line is judged no more.
  const lines = heard.map(({ span }): Span => around(source, span.start));
  heard.push(...new Echoes([...balanced.regions, ...lines]).drop(builder.diagnostics));
  return {
    file,
    diagnostics: [...lexed.diagnostics, ...brackets, ...heard].sort(byPlace),
    parenthesized: builder.parenthesized,
  };
}

/** Regions in which no diagnostic counts. One pass over both, in order, whatever their number. */
class Echoes {
  private readonly regions: readonly Span[];

  constructor(regions: readonly Span[]) {
    this.regions = regions.toSorted((a, b) => a.start - b.start);
  }

  drop(diagnostics: readonly Diagnostic[]): Diagnostic[] {
    const kept: Diagnostic[] = [];
    let next = 0;
    let coveredTo = -1;
    for (const each of diagnostics.toSorted(byPlace)) {
      const { start } = each.span;
      for (
        let region = this.regions[next];
        region !== undefined && region.start <= start;
        region = this.regions[next]
      ) {
        coveredTo = Math.max(coveredTo, region.end);
        next += 1;
      }
      if (start > coveredTo && kept.at(-1)?.span.start !== start) kept.push(each);
    }
    return kept;
  }
}

/** From the end of the word before an offset to the end of its line. */
function around(source: Source, offset: number): Span {
  let start = offset;
  while (/\s/.test(source.text[start - 1] ?? "")) start -= 1;
  const end = source.text.indexOf("\n", offset);
  return { source, start, end: end === -1 ? source.text.length : end };
}

function byPlace(a: Diagnostic, b: Diagnostic): number {
  return a.span.start - b.span.start || a.span.end - b.span.end;
}
