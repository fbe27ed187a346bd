// The token types of the language. Only words that change how an expression reads have a type of their own, and all of
// them belong to the category `Word`, so that any word can stand where a name is expected: nouns, kinds and option names
// are not reserved. A newline is a token; `layout.ts` removes those that end nothing.
import { createToken, Lexer, type TokenType } from "chevrotain";
import { readString } from "./strings.ts";

const letter = "A-Za-z_\\u00c0-\\u00d6\\u00d8-\\u00f6\\u00f8-\\u024f\\u0370-\\u1fff\\u3040-\\ud7ff";

/** Any word: an identifier or a keyword. */
export const Word = createToken({ name: "Word", pattern: Lexer.NA });
/** A token that stands between two operands. */
export const Operator = createToken({ name: "Operator", pattern: Lexer.NA });
/** A token that can begin nothing; the parser collects those that are left over. */
export const Stray = createToken({ name: "Stray", pattern: Lexer.NA });

export const Identifier = createToken({
  name: "Identifier",
  pattern: new RegExp(`[${letter}][${letter}0-9]*`),
  categories: [Word],
});

function keyword(text: string, ...categories: TokenType[]): TokenType {
  return createToken({
    name: text[0]?.toUpperCase() + text.slice(1),
    pattern: new RegExp(text),
    longer_alt: Identifier,
    categories: [Word, ...categories],
  });
}

export const If = keyword("if");
export const Else = keyword("else");
export const Match = keyword("match");
export const Not = keyword("not");
export const And = keyword("and", Operator);
export const Or = keyword("or", Operator);
export const In = keyword("in", Operator);
export const As = keyword("as");
export const At = keyword("at");
export const True = keyword("true");
export const False = keyword("false");
export const None = keyword("none");

function mark(name: string, text: string, ...categories: TokenType[]): TokenType {
  return createToken({ name, pattern: text, label: `\`${text}\``, categories: [Stray, ...categories] });
}

export const Arrow = mark("Arrow", "->");
export const FatArrow = mark("FatArrow", "=>");
export const Equal = mark("Equal", "==", Operator);
export const NotEqual = mark("NotEqual", "!=", Operator);
export const LessEqual = mark("LessEqual", "<=", Operator);
export const GreaterEqual = mark("GreaterEqual", ">=", Operator);
export const Less = mark("Less", "<", Operator);
export const Greater = mark("Greater", ">", Operator);
export const RangeExclusive = mark("RangeExclusive", "..<", Operator);
export const RangeInclusive = mark("RangeInclusive", "..", Operator);
export const Coalesce = mark("Coalesce", "??", Operator);
export const OptionalDot = mark("OptionalDot", "?.");
export const Dot = mark("Dot", ".");
export const Assign = mark("Assign", "=");
export const Colon = mark("Colon", ":");
export const Plus = mark("Plus", "+", Operator);
export const Minus = mark("Minus", "-", Operator);
export const Star = mark("Star", "*", Operator);
export const Slash = mark("Slash", "/", Operator);
export const Percent = mark("Percent", "%", Operator);
export const AtSign = mark("AtSign", "@", Operator);
export const Caret = mark("Caret", "^", Operator);

export const Comma = createToken({ name: "Comma", pattern: "," });
export const LeftParen = createToken({ name: "LeftParen", pattern: "(" });
export const RightParen = createToken({ name: "RightParen", pattern: ")" });
export const LeftSquare = createToken({ name: "LeftSquare", pattern: "[" });
export const RightSquare = createToken({ name: "RightSquare", pattern: "]" });
export const LeftBrace = createToken({ name: "LeftBrace", pattern: "{" });
export const RightBrace = createToken({ name: "RightBrace", pattern: "}" });

/** A unit touches its number. `%` is a unit unless an operand touches it, so that `7%3` is a remainder. */
export const Numeral = createToken({
  name: "Numeral",
  pattern: new RegExp(
    `[0-9]+(?:\\.[0-9]+)?(?:[eE][+-]?[0-9]+)?(?:%(?![${letter}0-9(])|[${letter}][${letter}0-9]*)?`,
  ),
});

/** A whole string with its interpolations; where it is not closed it ends with the line. */
export const Text = createToken({
  name: "Text",
  pattern: (text: string, offset: number): [string] | null =>
    text[offset] === '"' ? [text.slice(offset, readString(text, offset).end)] : null,
  start_chars_hint: ['"'],
  line_breaks: false,
});

export const Newline = createToken({ name: "Newline", pattern: /\r\n|\r|\n/, line_breaks: true });
const Space = createToken({ name: "Space", pattern: /[^\S\r\n]+/, group: Lexer.SKIPPED, line_breaks: false });
export const LineComment = createToken({ name: "LineComment", pattern: /\/\/[^\r\n]*/, group: "comments" });

/** What other languages write. `lexer.ts` reports these and reads on as if the token they mean stood there. */
export const Foreign = createToken({
  name: "Foreign",
  pattern:
    /\/\*[\s\S]*?\*\/|'[^'\r\n]*'|#[^\r\n]*|&&|\|\||\*\*|===|!==|:=|\.\.\.|!(?!=)|[;\u2026\u2192\u2212\u00d7\u00b7\u2264\u2265\u2260]/,
  line_breaks: true,
});

/** Any other character, in runs. */
export const Unknown = createToken({ name: "Unknown", pattern: /[^\x00-\x7f]+|[\s\S]/, line_breaks: true });

/** Longer spellings stand before their beginnings, keywords before identifiers. */
export const allTokens: TokenType[] = [
  [Space, Newline, LineComment, Text, Numeral, Foreign],
  [If, Else, Match, Not, And, Or, In, As, At, True, False, None, Identifier],
  [Arrow, FatArrow, Equal, NotEqual, LessEqual, GreaterEqual, RangeExclusive, RangeInclusive],
  [Coalesce, OptionalDot, Less, Greater, Dot, Assign, Colon],
  [Plus, Minus, Star, Slash, Percent, AtSign, Caret],
  [Comma, LeftParen, RightParen, LeftSquare, RightSquare, LeftBrace, RightBrace],
  [Unknown, Word, Operator, Stray],
].flat();
