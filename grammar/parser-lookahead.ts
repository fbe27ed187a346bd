// What the parser sees ahead of it. Clause nouns and declaration kinds are no keywords, so the shape of what follows decides
// how a statement is read: two words side by side are a declaration, a word before parentheses and a block a method.
import { CstParser, EOF, type IToken, type TokenType } from "chevrotain";
import { errorMessageProvider } from "./mistakes.ts";
import * as t from "./tokens.ts";

/** Words that no expression starts with. */
const neverOperand = new Set<TokenType>([t.And, t.Or, t.Else]);
const operandStarts = new Set<TokenType>([t.Numeral, t.Text, t.LeftParen, t.LeftSquare]);
const ranges = new Set<TokenType>([t.RangeInclusive, t.RangeExclusive]);

export const isWord = (token: IToken): boolean => token.tokenType.CATEGORIES?.includes(t.Word) === true;

export type StatementKind =
  | "let"
  | "table"
  | "layer"
  | "require"
  | "fields"
  | "if"
  | "method"
  | "declaration"
  | "assign"
  | "result"
  | "stray";

export abstract class LookaheadParser extends CstParser {
  /** `checked`: looks for mistakes in the grammar itself, which takes longer than reading a recipe; a test asks for it. */
  constructor(checked: boolean) {
    super(t.allTokens, {
      recoveryEnabled: true,
      nodeLocationTracking: "full",
      maxLookahead: 1,
      skipValidations: !checked,
      errorMessageProvider,
    });
  }

  // What stands next. Gates ask these; they look at token types and words only.

  protected word(k: number): string {
    const token = this.LA(k);
    return isWord(token) ? token.image : "";
  }

  protected is(k: number, type: TokenType): boolean {
    return this.LA(k).tokenType === type;
  }

  /** An expression that may follow another one without a comma: a leading `-` would be taken for subtraction. */
  protected startsWord(k: number): boolean {
    const token = this.LA(k);
    return operandStarts.has(token.tokenType) || (isWord(token) && !neverOperand.has(token.tokenType));
  }

  protected startsOperand(k: number): boolean {
    return this.startsWord(k) || this.is(k, t.Minus);
  }

  protected startsExpression(k: number): boolean {
    return this.startsOperand(k) || ranges.has(this.LA(k).tokenType);
  }

  protected startsType(): boolean {
    return this.is(1, t.LeftSquare) || this.is(1, t.LeftParen) || isWord(this.LA(1));
  }

  protected startsAlias(): boolean {
    return this.is(1, t.As) && isWord(this.LA(2));
  }

  /** How many tokens ahead the bracket at `k` closes. */
  protected closing(k: number): number {
    let depth = 0;
    for (let at = k; ; at += 1) {
      const type = this.LA(at).tokenType;
      if (type === EOF) return at;
      if (type === t.LeftParen || type === t.LeftSquare || type === t.LeftBrace) depth += 1;
      if (type === t.RightParen || type === t.RightSquare || type === t.RightBrace) depth -= 1;
      if (depth <= 0) return at;
    }
  }

  protected startsOption(): boolean {
    let k = 1;
    while (isWord(this.LA(k)) && this.is(k + 1, t.Dot)) k += 2;
    return isWord(this.LA(k)) && this.is(k + 1, t.Colon);
  }

  protected startsLambda(): boolean {
    if (isWord(this.LA(1))) return this.is(2, t.FatArrow);
    if (!this.is(1, t.LeftParen)) return false;
    let k = 2;
    while (isWord(this.LA(k)) || this.is(k, t.Comma)) k += 1;
    return this.is(k, t.RightParen) && this.is(k + 1, t.FatArrow);
  }

  protected statementKind(): StatementKind {
    const next = this.LA(2);
    if (this.is(1, t.If)) return "if";
    if (isWord(this.LA(1)) && !neverOperand.has(this.LA(1).tokenType)) {
      if (next.tokenType === t.Assign) return "assign";
      const named = isWord(next) && next.tokenType.CATEGORIES?.includes(t.Operator) !== true;
      switch (this.word(1)) {
        case "let":
          if (isWord(next) || next.tokenType === t.LeftParen) return "let";
          break;
        case "table":
          if (named) return "table";
          break;
        case "layer":
          if (named) return "layer";
          break;
        case "peft":
        case "example":
        case "bitsandbytes":
        case "gguf":
          if (next.tokenType === t.LeftBrace) return "fields";
          break;
        case "require":
        case "expect":
          if (this.startsExpression(2)) return "require";
          break;
        default:
          break;
      }
      if (next.tokenType === t.LeftParen) {
        const after = this.LA(this.closing(2) + 1).tokenType;
        if (after === t.Arrow || after === t.LeftBrace) return "method";
      }
      const operand = [t.Match, t.Not, t.If].includes(this.LA(1).tokenType);
      if (named && !operand) return "declaration";
    }
    return this.startsExpression(1) ? "result" : "stray";
  }

  protected startsDefinition(): boolean {
    if (!isWord(this.LA(1))) return false;
    const next = this.LA(2).tokenType;
    return isWord(this.LA(2)) || next === t.LeftBrace || next === t.LeftParen || next === t.LeftSquare;
  }
}
