// Source text in, tokens and comments out, with a diagnostic for every character that the language does not have. What
// other languages write (`&&`, `;`, `**`) is reported and read as the token it means, so that one slip is one message.
import { Lexer, type IToken, type TokenType } from "chevrotain";
import { problem, type Diagnostic } from "./diagnostic.ts";
import type { Source, Span } from "./source.ts";
import type { Comment } from "./syntax.ts";
import * as tokens from "./tokens.ts";

export interface Lexed {
  /** In order of offset; newlines are still among them. */
  readonly tokens: readonly IToken[];
  /** Every comment, documentation comments too, in order. */
  readonly comments: readonly Comment[];
  readonly diagnostics: readonly Diagnostic[];
}

const lexer = makeLexer(false);

/** `checked`: looks for mistakes in the tokens themselves; a test asks for it. */
export function makeLexer(checked: boolean): Lexer {
  return new Lexer(tokens.allTokens, { positionTracking: "full", skipValidations: !checked });
}

/** Reads the characters `from` to `to` of a source; offsets are those of the whole. */
export function lex(source: Source, from = 0, to = source.text.length): Lexed {
  const result = lexer.tokenize(source.text.slice(from, to));
  const diagnostics: Diagnostic[] = [];
  const kept: IToken[] = [];
  let unknownEnd = -1;
  for (const token of result.tokens) {
    token.startOffset += from;
    token.endOffset = token.startOffset + token.image.length - 1;
    const span = { source, start: token.startOffset, end: token.startOffset + token.image.length };
    if (token.tokenType === tokens.Foreign) {
      const meant = foreign(token.image, span);
      diagnostics.push(meant.diagnostic);
      if (meant.token !== undefined) kept.push(retype(token, meant.token, meant.image));
    } else if (token.tokenType === tokens.Unknown) {
      // Touching runs are one mistake; so is a long run of one stray mark after another.
      if (token.startOffset !== unknownEnd) diagnostics.push(unknown(token.image, span));
      unknownEnd = span.end;
    } else {
      if (token.tokenType === tokens.Identifier && /[^\x00-\x7f]/.test(token.image)) {
        diagnostics.push(
          problem(
            "FTL0101",
            span,
            "names are written with the letters a to z, digits and `_`",
            "has other letters",
          ),
        );
      }
      kept.push(token);
    }
  }
  const comments = (result.groups["comments"] ?? []).map((token) => {
    const text = token.image.trimEnd();
    const start = token.startOffset + from;
    return { text, span: { source, start, end: start + text.length } };
  });
  return { tokens: kept, comments, diagnostics };
}

/** The same place read as another token. */
export function retype(token: IToken, tokenType: TokenType, image: string): IToken {
  return { ...token, tokenType, tokenTypeIdx: tokenType.tokenTypeIdx ?? 0, image };
}

interface Meant {
  readonly token: TokenType | undefined;
  readonly image: string;
  readonly diagnostic: Diagnostic;
}

const spellings: Readonly<Record<string, readonly [token: TokenType, image: string]>> = {
  "&&": [tokens.And, "and"],
  "||": [tokens.Or, "or"],
  "!": [tokens.Not, "not"],
  "**": [tokens.Caret, "^"],
  "===": [tokens.Equal, "=="],
  "!==": [tokens.NotEqual, "!="],
  ":=": [tokens.Assign, "="],
  "...": [tokens.RangeInclusive, ".."],
  "\u2026": [tokens.RangeInclusive, ".."],
  "\u2192": [tokens.Arrow, "->"],
  "\u2212": [tokens.Minus, "-"],
  "\u00d7": [tokens.Star, "*"],
  "\u00b7": [tokens.Star, "*"],
  "\u2264": [tokens.LessEqual, "<="],
  "\u2265": [tokens.GreaterEqual, ">="],
  "\u2260": [tokens.NotEqual, "!="],
};

function foreign(image: string, span: Span): Meant {
  const meant = spellings[image];
  if (meant !== undefined) {
    // `!x` becomes `not x`: a word needs the space.
    const text = image === "!" ? "not " : meant[1];
    const edits = [{ span, text, label: `write \`${meant[1]}\`` }];
    return {
      token: meant[0],
      image: meant[1],
      diagnostic: problem(
        "FTL0114",
        span,
        `\`${image}\` is written \`${meant[1]}\` here`,
        "from another language",
        { edits },
      ),
    };
  }
  if (image === ";") {
    const edits = [{ span, text: "", label: "leave it out: a new line is enough" }];
    return {
      token: tokens.Comma,
      image: ",",
      diagnostic: problem("FTL0114", span, "a statement ends with its line, not with `;`", "not needed", {
        edits,
      }),
    };
  }
  if (image.startsWith("'")) {
    const text = `"${image.slice(1, -1).replace(/["{]/g, "\\$&")}"`;
    const edits = [{ span, text, label: "write it between double quotes" }];
    return {
      token: tokens.Text,
      image: text,
      diagnostic: problem("FTL0114", span, "strings stand between double quotes", "single quotes", { edits }),
    };
  }
  const text = `//${image.replace(/^(?:#|\/\*+)|\*+\/$/g, "").trimEnd()}`;
  const edits = image.includes("\n") ? [] : [{ span, text, label: "write `//` in front of it" }];
  return {
    token: undefined,
    image,
    diagnostic: problem(
      "FTL0114",
      span,
      "comments start with `//` and end with the line",
      "another comment style",
      { edits },
    ),
  };
}

function unknown(image: string, span: Span): Diagnostic {
  const shown = image.length > 12 ? `${image.slice(0, 12)}…` : image;
  if (/^[\u201c\u201d\u00ab\u00bb]+$/.test(image)) {
    const edits = [{ span, text: '"', label: 'write `"`' }];
    return problem(
      "FTL0101",
      span,
      'strings stand between straight double quotes, `"`',
      "another quotation mark",
      { edits },
    );
  }
  const edits = [{ span, text: "", label: "remove it" }];
  return problem("FTL0101", span, `\`${printable(shown)}\` means nothing here`, "unknown character", {
    edits,
  });
}

/** Control characters by their number, so that no message can carry an escape sequence to a terminal. */
function printable(text: string): string {
  return text.replace(
    /[\x00-\x1f\x7f-\x9f]/g,
    (c) => `U+${c.charCodeAt(0).toString(16).toUpperCase().padStart(4, "0")}`,
  );
}
