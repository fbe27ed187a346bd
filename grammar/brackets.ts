// Raw tokens in, tokens whose brackets balance out. A bracket that is missing is put where the lines and their indentation
// say it was meant, one too many is left out, and what is nested too deeply is cut, so that the parser never meets any of
// these and its recursion is bounded. Each is one diagnostic; `regions` are the places where others would only echo it.
import type { IToken, TokenType } from "chevrotain";
import { problem, type Diagnostic } from "./diagnostic.ts";
import type { Source, Span } from "./source.ts";
import * as tokens from "./tokens.ts";
import { retype } from "./lexer.ts";

export interface Balanced {
  readonly tokens: readonly IToken[];
  readonly diagnostics: readonly Diagnostic[];
  readonly regions: readonly Span[];
}

/** Brackets inside one another, `if` and `match` that await their brace included. The parser recurses no deeper. */
export const deepestNesting = 64;

export function balance(raw: readonly IToken[], source: Source): Balanced {
  const plain = new Balancer(raw, source, false).run();
  if (plain.diagnostics.length === 0) return plain;
  // Only what does not balance is read by its indentation: a recipe may be indented in any way.
  const indented = new Balancer(raw, source, true).run();
  return indented.diagnostics.length <= plain.diagnostics.length ? indented : plain;
}

export const surplusLabel = "one too many";

interface Open {
  readonly token: IToken;
  readonly closer: TokenType;
  /** Where the opener stands in the output. */
  readonly at: number;
  /** Column of the first token of the opener's line. */
  readonly indent: number;
  /** `if` and `match` before this bracket that await their own. */
  readonly waiting: number;
}

const closers = new Map<TokenType, TokenType>([
  [tokens.LeftParen, tokens.RightParen],
  [tokens.LeftSquare, tokens.RightSquare],
  [tokens.LeftBrace, tokens.RightBrace],
]);
const images = new Map<TokenType, string>([
  [tokens.RightParen, ")"],
  [tokens.RightSquare, "]"],
  [tokens.RightBrace, "}"],
]);
const isCloser = (type: TokenType): boolean => images.has(type);

class Balancer {
  readonly raw: readonly IToken[];
  readonly source: Source;
  readonly byIndent: boolean;
  readonly out: IToken[] = [];
  readonly stack: Open[] = [];
  readonly diagnostics: Diagnostic[] = [];
  readonly regions: Span[] = [];
  /** `if` and `match` since the last bracket, and in all open brackets. */
  waiting = 0;
  waitingBelow = 0;
  tooDeepSaid = false;

  constructor(raw: readonly IToken[], source: Source, byIndent: boolean) {
    this.raw = raw;
    this.source = source;
    this.byIndent = byIndent;
  }

  run(): Balanced {
    let indent = 0;
    let lineStart = true;
    for (let at = 0; at < this.raw.length; at += 1) {
      const token = this.raw[at];
      if (token === undefined) break;
      const type = token.tokenType;
      if (lineStart) indent = token.startColumn ?? 1;
      const closer = closers.get(type);
      if (type === tokens.If || type === tokens.Match) {
        this.waiting += 1;
        if (this.depth() < deepestNesting) this.out.push(token);
        else this.tooDeep(token);
      } else if (closer !== undefined) {
        if (this.depth() >= deepestNesting && type !== tokens.LeftBrace) {
          at = this.cut(at, token);
        } else if (this.stack.length >= deepestNesting) {
          at = this.cut(at, token);
        } else {
          if (type === tokens.LeftBrace && this.waiting > 0) this.waiting -= 1;
          this.stack.push({ token, closer, at: this.out.length, indent, waiting: this.waiting });
          this.waitingBelow += this.waiting;
          this.waiting = 0;
          this.out.push(token);
        }
      } else if (isCloser(type)) {
        this.close(token, lineStart);
      } else {
        if (type === tokens.Newline || type === tokens.Comma) this.waiting = 0;
        this.out.push(token);
      }
      lineStart = type === tokens.Newline;
    }
    while (this.stack.length > 0) this.closeMissing(this.source.text.length);
    return { tokens: this.out, diagnostics: this.diagnostics, regions: this.regions };
  }

  depth(): number {
    return this.stack.length + this.waiting + this.waitingBelow;
  }

  pop(): void {
    const open = this.stack.pop();
    this.waitingBelow -= open?.waiting ?? 0;
    this.waiting = 0;
  }

  close(token: IToken, lineStart: boolean): void {
    const type = token.tokenType;
    if (this.byIndent && type === tokens.RightBrace && lineStart) this.closeByIndent(token);
    const top = this.stack.at(-1);
    if (top?.closer === type) {
      this.pop();
      this.out.push(token);
    } else if (this.stack.some((open) => open.closer === type)) {
      while (this.stack.at(-1)?.closer !== type) this.closeMissing(token.startOffset);
      this.pop();
      this.out.push(token);
    } else if (top !== undefined && top.closer !== tokens.RightBrace && type !== tokens.RightBrace) {
      this.replace(top, token);
    } else {
      this.surplus(token);
    }
  }

  /** Closes blocks that are indented deeper than the line of this brace, if a block further out fits it. */
  closeByIndent(token: IToken): void {
    const column = token.startColumn ?? 1;
    const fits = (open: Open): boolean => open.closer === tokens.RightBrace && open.indent === column;
    if (!this.stack.some(fits)) return;
    for (let top = this.stack.at(-1); top !== undefined && !fits(top); top = this.stack.at(-1)) {
      if (top.indent <= column) return;
      this.closeMissing(token.startOffset);
    }
  }

  /** Puts in the bracket that the innermost open one lacks; `noticed` is where that became clear. */
  closeMissing(noticed: number): void {
    const open = this.stack.at(-1);
    if (open === undefined) return;
    this.pop();
    const at = open.closer === tokens.RightBrace ? this.endOfBlock(open) : this.endOfLine(open);
    const before = this.out[at - 1] ?? open.token;
    const end = offsetAfter(before);
    const text = images.get(open.closer) ?? "";
    this.out.splice(at, 0, { ...retype(before, open.closer, text), startOffset: end, endOffset: end - 1 });
    const onOwnLine = this.out[open.at + 1]?.tokenType === tokens.Newline && at > open.at + 1;
    const touching = open.closer === tokens.RightBrace ? " }" : text;
    const after = before === open.token ? "here" : `after \`${before.image}\``;
    const place = before.startLine === open.token.startLine ? "" : ` on line ${before.startLine ?? 1}`;
    const edit = {
      span: { source: this.source, start: end, end },
      text: onOwnLine ? `\n${" ".repeat(open.indent - 1)}${text}` : touching,
      label: onOwnLine
        ? `write \`${text}\` below line ${before.startLine ?? 1}`
        : `write \`${text}\` ${after}${place}`,
    };
    const span = this.spanOf(open.token);
    this.report("FTL0105", span, `this \`${open.token.image}\` is never closed`, `\`${text}\` is missing`, [
      edit,
    ]);
    // Where the lines say plainly where it was meant, what follows can be judged again.
    const until = at < this.out.length - 1 ? Math.max(end, offsetAfter(open.token)) : noticed;
    this.regions.push({ source: this.source, start: open.token.startOffset, end: until });
  }

  /** Where the list of an open `(` or `[` ends: with its line, or with everything read if the list starts on the next. */
  endOfLine(open: Open): number {
    let depth = 0;
    for (let at = open.at + 1; at < this.out.length; at += 1) {
      const type = this.out[at]?.tokenType;
      if (type === undefined) break;
      if (closers.has(type)) depth += 1;
      if (isCloser(type)) depth -= 1;
      if (type === tokens.Newline && depth === 0) {
        return at > open.at + 1 ? at : this.endOfBlock(open);
      }
    }
    return this.endOfOutput();
  }

  /** Where the block of an open bracket ends: before the first line that is indented no deeper than the opener's. */
  endOfBlock(open: Open): number {
    let depth = 0;
    for (let at = open.at + 1; at < this.out.length; at += 1) {
      const token = this.out[at];
      if (token === undefined) break;
      const type = token.tokenType;
      const previous = this.out[at - 1];
      const startsLine = previous?.tokenType === tokens.Newline && type !== tokens.Newline;
      const byLines = this.byIndent || open.closer !== tokens.RightBrace;
      if (depth === 0 && startsLine && (token.startColumn ?? 1) <= open.indent && byLines) {
        let end = at;
        while (end > open.at + 1 && this.out[end - 1]?.tokenType === tokens.Newline) end -= 1;
        return end;
      }
      if (closers.has(type)) depth += 1;
      if (isCloser(type)) depth -= 1;
    }
    return this.endOfOutput();
  }

  endOfOutput(): number {
    let end = this.out.length;
    while (this.out[end - 1]?.tokenType === tokens.Newline) end -= 1;
    return end;
  }

  /** `(a]`: one bracket written for another. */
  replace(open: Open, token: IToken): void {
    this.pop();
    const text = images.get(open.closer) ?? "";
    this.out.push(retype(token, open.closer, text));
    const span = this.spanOf(token);
    const related = [{ span: this.spanOf(open.token), label: "opened here" }];
    const message = `\`${open.token.image}\` is closed by \`${text}\`, not by \`${token.image}\``;
    const edits = [{ span, text, label: `write \`${text}\`` }];
    this.diagnostics.push(problem("FTL0105", span, message, "another bracket", { related, edits }));
  }

  surplus(token: IToken): void {
    const span = this.spanOf(token);
    const edits = [{ span, text: "", label: "remove it" }];
    this.report("FTL0105", span, `this \`${token.image}\` closes nothing`, surplusLabel, edits);
  }

  tooDeep(token: IToken): void {
    if (this.tooDeepSaid) return;
    this.tooDeepSaid = true;
    const message = `nested more than ${deepestNesting} levels deep`;
    this.report("FTL0109", this.spanOf(token), message, "one level too many", []);
    // What follows on the cut cannot be judged any more.
    this.regions.push({ source: this.source, start: token.startOffset, end: this.source.text.length });
  }

  /** Leaves out a bracket that is too deep with all that it holds; gives the index of its end. */
  cut(from: number, token: IToken): number {
    this.tooDeep(token);
    let depth = 0;
    for (let at = from; at < this.raw.length; at += 1) {
      const type = this.raw[at]?.tokenType;
      if (type === undefined) break;
      if (closers.has(type)) depth += 1;
      if (isCloser(type)) depth -= 1;
      if (depth === 0) return at;
    }
    return this.raw.length;
  }

  report(code: string, span: Span, message: string, label: string, edits: Diagnostic["edits"]): void {
    this.diagnostics.push(problem(code, span, message, label, { edits }));
  }

  spanOf(token: IToken): Span {
    return { source: this.source, start: token.startOffset, end: offsetAfter(token) };
  }
}

/** The offset just past a token; `endOffset` is that of its last character. */
export function offsetAfter(token: IToken): number {
  return (token.endOffset ?? token.startOffset + token.image.length - 1) + 1;
}
