// Concrete expressions in, typed expressions out: binds operators, reads literals and strings, and reports what is missing.
import type { CstNode, IToken } from "chevrotain";
import { balance } from "./brackets.ts";
import { Builder, first } from "./builder.ts";
import { Chain, type Operand } from "./chain.ts";
import { endOf, isNode, nodes, ordered, startOf, tokensOf } from "./cst.ts";
import { layOut } from "./layout.ts";
import { lex } from "./lexer.ts";
import { explainMistake } from "./mistakes.ts";
import { parseTokens } from "./parser.ts";
import { cover } from "./source.ts";
import { escaped, readString } from "./strings.ts";
import type * as syntax from "./syntax.ts";
import type { Expression } from "./syntax.ts";

export abstract class ExpressionBuilder extends Builder {
  abstract block(node: CstNode | undefined, at: number): syntax.Block;
  abstract options(body: CstNode | undefined): readonly syntax.Option[];

  /** An expression that has to be there; `after` says what it is missing after. */
  required(node: CstNode | undefined, at: number, after: string): Expression {
    return node === undefined ? this.missing(at, `a value is missing after ${after}`) : this.expression(node);
  }

  /** `open`: whether a range may lack its ends, as inside brackets. */
  expression(node: CstNode, open = false): Expression {
    const heads = nodes(node, "lambdaHead");
    const chain = nodes(node, "chain")[0];
    const span = this.spanOf(node);
    const build = (): Expression => {
      let body =
        chain === undefined
          ? this.missing(span.end, "a value is missing after `=>`")
          : this.chain(chain, open);
      for (const head of heads.toReversed()) {
        const names = this.listed(head, ["Word"]).flatMap((name) => this.named(name));
        const whole = this.span(startOf(head), body.span.end);
        body = { kind: "lambda", parameters: names, body, span: whole };
      }
      return body;
    };
    return this.deeper(heads.length + 1, span, build);
  }

  /** Folds operands and operators by precedence. */
  chain(node: CstNode, open: boolean): Expression {
    const items = ordered(node).map((child) => child.element);
    const signs = nodes(node, "operand").reduce(
      (sum, operand) => sum + this.operand(operand).signs.length,
      0,
    );
    // Steps of one chain may all nest.
    return this.deeper(items.length + signs, this.spanOf(node), () => new Chain(this, items, open).whole());
  }

  operand(node: CstNode): Operand {
    const signs = [...tokensOf(node, "Minus"), ...tokensOf(node, "Not")].sort(
      (a, b) => a.startOffset - b.startOffset,
    );
    return { signs, node: nodes(node, "primary")[0], span: this.spanOf(node) };
  }

  primary(node: CstNode): Expression {
    const postfixes = nodes(node, "postfix");
    return this.deeper(postfixes.length, this.spanOf(node), () => {
      let built = this.atom(node);
      for (const postfix of postfixes) built = this.postfix(built, postfix);
      return built;
    });
  }

  private atom(node: CstNode): Expression {
    const element = ordered(node).find((child) => child.kind !== "postfix")?.element;
    if (element === undefined) return { kind: "missing", span: this.spanOf(node) };
    if (!isNode(element)) return this.word(element);
    switch (element.name) {
      case "list":
        return { kind: "list", elements: this.elements(element), span: this.spanOf(element) };
      case "parenthesized":
        return this.parentheses(element);
      case "conditional":
        return this.conditional(element);
      case "matchExpression":
        return this.match(element);
      default:
        return { kind: "missing", span: this.spanOf(element) };
    }
  }

  private word(token: IToken): Expression {
    const span = this.spanOf(token);
    switch (token.tokenType.name) {
      case "Numeral":
        return this.number(token);
      case "Text":
        return this.string(token);
      case "True":
      case "False":
        return { kind: "boolean", value: token.image === "true", span };
      case "None":
        return { kind: "none", span };
      default:
        return { kind: "reference", name: this.name(token), span };
    }
  }

  private number(token: IToken): syntax.NumberLiteral {
    const span = this.spanOf(token);
    const [, digits = "", unit = ""] = /^([0-9.]+(?:[eE][+-]?[0-9]+)?)(.*)$/s.exec(token.image) ?? [];
    if (/^_[0-9]/.test(unit)) {
      const edits = [{ span, text: token.image.replaceAll("_", ""), label: "leave out the `_`" }];
      this.report("FTL0108", span, "digits are not grouped with `_`", "has `_` in it", edits);
      return { kind: "number", value: Number(token.image.replaceAll(/[^0-9.]/g, "")), unit: "", span };
    }
    const value = Number(digits);
    if (!Number.isFinite(value)) this.report("FTL0108", span, "this number is too large", "above 1.8e308");
    return { kind: "number", value: Number.isFinite(value) ? value : Number.MAX_VALUE, unit, span };
  }

  string(token: IToken): syntax.StringLiteral {
    const span = this.spanOf(token);
    const text = this.source.text;
    // Single quotes have been reported; what stands between them is taken as it is.
    if (text[span.start] !== '"') {
      return {
        kind: "string",
        parts: span.end - span.start > 2 ? [text.slice(span.start + 1, span.end - 1)] : [],
        span,
      };
    }
    const layout = readString(text, span.start);
    const parts: (string | Expression)[] = [];
    const append = (piece: string): void => {
      const last = parts.at(-1);
      if (typeof last === "string") parts[parts.length - 1] = last + piece;
      else parts.push(piece);
    };
    for (const { kind, start, end } of layout.stretches) {
      const piece = text.slice(start, end);
      if (kind === "interpolation") {
        parts.push(this.interpolation(start, end));
      } else if (kind === "escape") {
        if (escaped(piece) === undefined) this.unknownEscape(piece, start, end);
        append(escaped(piece) ?? piece.slice(1));
      } else {
        append(piece);
      }
    }
    if (!layout.closed) {
      const edits = [{ span: this.at(layout.end), text: '"', label: 'write `"`' }];
      this.report(
        "FTL0102",
        this.span(span.start, layout.end),
        "this string is not closed on its line",
        'expected `"`',
        edits,
      );
    } else if (layout.openBrace !== -1) {
      const here = this.span(layout.openBrace, layout.openBrace + 1);
      const edits = [{ span: here, text: "\\{", label: "write `\\{` for the brace itself" }];
      this.report(
        "FTL0102",
        here,
        "this `{` in the string is not closed",
        "expected `}` before the string ends",
        edits,
      );
    }
    return { kind: "string", parts, span };
  }

  private unknownEscape(piece: string, start: number, end: number): void {
    const span = this.span(start, end);
    const message = `strings have no escape \`${piece}\``;
    const edits = [{ span: this.at(start), text: "\\", label: "write `\\\\` for the backslash itself" }];
    this.report("FTL0103", span, message, 'known are `\\{`, `\\}`, `\\"`, `\\\\` and `\\n`', edits);
  }

  private interpolation(start: number, end: number): Expression {
    const lexed = lex(this.source, start, end);
    const balanced = balance(lexed.tokens, this.source);
    const { tree, errors } = parseTokens(layOut(balanced.tokens), "expression");
    this.diagnostics.push(...lexed.diagnostics, ...balanced.diagnostics);
    this.diagnostics.push(...errors.flatMap((error) => explainMistake(error, this.source)));
    const node = nodes(tree, "expression")[0];
    const rest = nodes(tree, "strayInside")[0];
    const strays = rest === undefined ? undefined : ordered(rest)[0]?.element;
    if (strays !== undefined) this.stray(strays, false, "");
    if (node !== undefined) return this.expression(node);
    return strays === undefined
      ? this.missing(start, "a value is missing between `{` and `}`")
      : { kind: "missing", span: this.at(start) };
  }

  /** The elements of a list, of indices or of a shape, where ranges may be open. */
  elements(list: CstNode, arrows = false): readonly Expression[] {
    if (!arrows) {
      for (const arrow of tokensOf(list, "Arrow")) {
        this.report(
          "FTL0111",
          this.spanOf(arrow),
          "`->` does not fit here",
          "only in a part's `[in -> out]`",
        );
      }
    }
    return this.listed(list, ["element"], ["Arrow"])
      .filter(isNode)
      .map((element) => this.words(element, true));
  }

  /** Expressions side by side with the options that may follow them; `undefined` if there is nothing at all. */
  words(node: CstNode, open: boolean): Expression {
    const elements = nodes(node, "expression").map((each) => this.expression(each, open));
    const body = nodes(node, "body")[0];
    const [head, ...others] = elements;
    const last = elements.at(-1);
    if (head === undefined || last === undefined) return { kind: "missing", span: this.spanOf(node) };
    const value: Expression =
      others.length === 0 ? head : { kind: "words", elements, span: cover(head.span, last.span) };
    if (body === undefined) return value;
    return {
      kind: "configured",
      value,
      options: this.options(body),
      span: cover(value.span, this.spanOf(body)),
    };
  }

  private parentheses(node: CstNode): Expression {
    const span = this.spanOf(node);
    const inner = this.listed(node, ["expression"]).filter(isNode);
    const [only, ...others] = inner;
    if (only === undefined) {
      // A stray in the parentheses has been reported in its own words.
      if (nodes(node, "strayElement").length > 0) return { kind: "missing", span };
      return this.missing(span.start + 1, "a value is missing between `(` and `)`");
    }
    if (others.length > 0) {
      return { kind: "tuple", elements: inner.map((each) => this.expression(each, true)), span };
    }
    const inside = this.expression(only);
    const built: Expression = { ...inside, span };
    this.parenthesized.set(built, this.parenthesized.get(inside) ?? inside.span);
    return built;
  }

  private postfix(object: Expression, node: CstNode): Expression {
    const span = this.span(object.span.start, endOf(node));
    const call = nodes(node, "callArguments")[0];
    const list = nodes(node, "list")[0];
    if (call !== undefined) return { kind: "call", callee: object, arguments: this.arguments(call), span };
    if (list !== undefined) {
      const indices = this.elements(list);
      if (indices.length === 0) this.missing(startOf(list) + 1, "an index is missing between `[` and `]`");
      return { kind: "index", object, indices, span };
    }
    const optional = first(node, "OptionalDot") !== undefined;
    return { kind: "member", object, name: this.nameOr(first(node, "Word"), span.end), optional, span };
  }

  private arguments(call: CstNode): readonly syntax.Argument[] {
    return this.listed(call, ["argument"])
      .filter(isNode)
      .map((node) => {
        const word = first(node, "Word");
        const value = this.required(nodes(node, "expression")[0], endOf(node), `\`${word?.image ?? ""}:\``);
        const name = word === undefined ? undefined : this.name(word);
        return { kind: "argument", name, value, span: this.spanOf(node) };
      });
  }

  /** `if` as an expression: it gives a value on both ways. */
  private conditional(node: CstNode): Expression {
    const branches = nodes(node, "branch");
    const span = this.spanOf(node);
    return this.deeper(branches.length, span, () => {
      const last = nodes(node, "block")[0];
      if (last === undefined) {
        this.report(
          "FTL0106",
          this.at(span.end),
          "an `if` that gives a value needs an `else`",
          "expected `else { … }`",
        );
      }
      let otherwise: syntax.Block | syntax.Conditional = this.block(last, span.end);
      for (const branch of branches.toReversed()) {
        const whole = this.span(startOf(branch), span.end);
        otherwise = { kind: "conditional", ...this.branch(branch), otherwise, span: whole };
      }
      return otherwise.kind === "conditional" ? otherwise : { kind: "missing", span };
    });
  }

  branch(node: CstNode): { readonly condition: Expression; readonly then: syntax.Block } {
    const word = first(node, "If");
    const condition = this.required(
      nodes(node, "expression")[0],
      word === undefined ? startOf(node) : endOf(word),
      "`if`",
    );
    // oxlint-disable-next-line unicorn/no-thenable -- `then` is the tree's name for it, and no function
    return { condition, then: this.block(nodes(node, "block")[0], endOf(node)) };
  }

  private match(node: CstNode): Expression {
    const span = this.spanOf(node);
    const subject = this.required(nodes(node, "expression")[0], span.start + "match".length, "`match`");
    const cases = this.lined(node, ["matchCase"], "cases")
      .filter(isNode)
      .map((each) => this.matchCase(each));
    return { kind: "match", subject, cases, span };
  }

  private matchCase(node: CstNode): syntax.MatchCase {
    const patterns = nodes(node, "chain").map((chain) => this.chain(chain, false));
    const wildcard = patterns.some((pattern) => pattern.kind === "reference" && pattern.name.text === "_");
    const arrow = first(node, "FatArrow");
    const expression = nodes(node, "expression")[0];
    const value: Expression =
      arrow === undefined && expression === undefined
        ? { kind: "missing", span: this.at(endOf(node)) }
        : this.required(expression, endOf(node), "`=>`");
    return { kind: "case", patterns: wildcard ? [] : patterns, value, span: this.spanOf(node) };
  }
}
