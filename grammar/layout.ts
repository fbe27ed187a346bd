// Balanced tokens in, the tokens that the parser reads out: only those newlines remain that end a clause, an option or a
// statement. A newline ends nothing inside `( )` and `[ ]`, after an operator or comma that wants more, before `else` and
// before `{`; several in a row are one.
import type { IToken, TokenType } from "chevrotain";
import * as tokens from "./tokens.ts";

const wantsMore = new Set<TokenType>(
  [
    [tokens.Assign, tokens.FatArrow, tokens.Arrow, tokens.Comma],
    [tokens.LeftBrace, tokens.LeftParen, tokens.LeftSquare, tokens.And, tokens.Or, tokens.Not, tokens.Else],
  ].flat(),
);
const endsOperand = new Set<TokenType>(
  [
    [tokens.Identifier, tokens.Numeral, tokens.Text, tokens.True, tokens.False, tokens.None],
    [tokens.RightParen, tokens.RightSquare, tokens.RightBrace, tokens.As, tokens.At],
  ].flat(),
);

export function layOut(balanced: readonly IToken[]): IToken[] {
  const out: IToken[] = [];
  /** The open brackets: does a newline count inside? */
  const counts: boolean[] = [true];
  for (const token of balanced) {
    const type = token.tokenType;
    const last = out.at(-1);
    if (type === tokens.Newline) {
      if (counts.at(-1) === true && last !== undefined && !continues(last, out.at(-2))) out.push(token);
      continue;
    }
    if (last?.tokenType === tokens.Newline && joins(type, out.at(-2)?.tokenType)) out.pop();
    if (type === tokens.LeftBrace) counts.push(true);
    if (type === tokens.LeftParen || type === tokens.LeftSquare) counts.push(false);
    if (type === tokens.RightBrace || type === tokens.RightParen || type === tokens.RightSquare) counts.pop();
    out.push(token);
  }
  return out;
}

/** Whether a token at the end of a line asks for the next line. `in` may be a name: it is an operator after an operand. */
function continues(last: IToken, before: IToken | undefined): boolean {
  const type = last.tokenType;
  if (type === tokens.Newline || wantsMore.has(type)) return true;
  if (type === tokens.In) return before !== undefined && endsOperand.has(before.tokenType);
  return type.CATEGORIES?.includes(tokens.Operator) === true;
}

/** Whether a token at the start of a line belongs to the line before. */
function joins(type: TokenType, before: TokenType | undefined): boolean {
  if (type === tokens.Else) return before === tokens.RightBrace;
  return type === tokens.LeftBrace || type === tokens.Comma || type === tokens.RightBrace;
}
