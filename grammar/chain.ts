// A flat chain of operands and operators in, one bound expression out: precedence climbing from left to right. Either side
// of an operator may be missing: a range may mean that, for any other operator it is reported.
import type { CstElement, CstNode, IToken } from "chevrotain";
import type { Builder } from "./builder.ts";
import { endOf, isNode, startOf } from "./cst.ts";
import { isComparison, isRange, precedence } from "./precedence.ts";
import { cover, type Span } from "./source.ts";
import type { BinaryOperator, Expression } from "./syntax.ts";

/** An operand as it stands: signs, then what they apply to. */
export interface Operand {
  readonly signs: readonly IToken[];
  readonly node: CstNode | undefined;
  readonly span: Span;
}

interface OperandBuilder extends Builder {
  operand(node: CstNode): Operand;
  primary(node: CstNode): Expression;
}

export class Chain {
  private readonly builder: OperandBuilder;
  private readonly items: readonly CstElement[];
  /** Whether a range may lack its ends. */
  private readonly open: boolean;
  private next = 0;

  constructor(builder: OperandBuilder, items: readonly CstElement[], open: boolean) {
    this.builder = builder;
    this.items = items;
    this.open = open;
  }

  whole(): Expression {
    const first = this.items[0];
    const at = first === undefined ? 0 : Math.max(0, startOf(first));
    return this.climb(0) ?? { kind: "missing", span: this.builder.at(at) };
  }

  private operator(): IToken | undefined {
    const item = this.items[this.next];
    return item !== undefined && !isNode(item) ? item : undefined;
  }

  /** An expression of operators that bind at least as tightly as `least`; `begun`: its first operand, already taken. */
  private climb(least: number, begun?: Operand): Expression | undefined {
    let left = begun === undefined ? this.signed() : this.power(begun);
    for (let token = this.operator(); token !== undefined; token = this.operator()) {
      const level = precedence(token.image as BinaryOperator);
      if (level < least) break;
      this.next += 1;
      const right = this.climb(level + 1);
      left = isRange(token.image) ? this.range(left, token, right) : this.binary(left, token, right);
    }
    return left;
  }

  private binary(left: Expression | undefined, token: IToken, right: Expression | undefined): Expression {
    const { builder } = this;
    const operator = token.image as BinaryOperator;
    const before = left ?? builder.missing(token.startOffset, `a value is missing before \`${operator}\``);
    const after = right ?? builder.missing(endOf(token), `a value is missing after \`${operator}\``);
    const chained =
      before.kind === "binary" && isComparison(before.operator) && !builder.parenthesized.has(before);
    if (isComparison(operator) && chained) {
      builder.report(
        "FTL0117",
        builder.spanOf(token),
        "comparisons do not chain",
        "join two comparisons with `and`",
      );
    }
    return { kind: "binary", operator, left: before, right: after, span: cover(before.span, after.span) };
  }

  private range(left: Expression | undefined, token: IToken, right: Expression | undefined): Expression {
    const { builder } = this;
    const own = builder.spanOf(token);
    if (left?.kind === "range" && !builder.parenthesized.has(left)) {
      builder.report("FTL0117", own, "a range has two ends", "a second range");
    }
    if (!this.open && (left === undefined || right === undefined)) {
      const label = left === undefined ? "its beginning is missing" : "its end is missing";
      builder.report("FTL0119", own, "a range is open only inside `[ ]`", label);
    }
    const span = builder.span(left?.span.start ?? own.start, right?.span.end ?? own.end);
    return { kind: "range", first: left, last: right, inclusive: token.image === "..", span };
  }

  /** An operand with its signs and powers. `not` takes the whole comparison that follows: `not a == b`. */
  private signed(): Expression | undefined {
    const item = this.items[this.next];
    if (item === undefined || !isNode(item)) return undefined;
    this.next += 1;
    const operand = this.builder.operand(item);
    const minus = operand.signs.findIndex((sign) => sign.tokenType.name !== "Not");
    const nots = operand.signs.slice(0, minus === -1 ? undefined : minus);
    if (nots.length === 0) return this.power(operand);
    const begun = { ...operand, signs: operand.signs.slice(nots.length) };
    const inner = this.climb(precedence("not") + 1, begun);
    return this.sign(nots, inner ?? { kind: "missing", span: operand.span });
  }

  /** Powers from right to left: `-a ^ -b ^ c` is `-(a ^ (-(b ^ c)))`. */
  private power(operand: Operand): Expression {
    const operands = [operand];
    while (this.operator()?.image === "^") {
      const exponent = this.items[this.next + 1];
      if (exponent === undefined || !isNode(exponent)) break;
      operands.push(this.builder.operand(exponent));
      this.next += 2;
    }
    let result: Expression | undefined;
    for (const each of operands.toReversed()) {
      const left = this.base(each);
      const raised: Expression =
        result === undefined
          ? left
          : { kind: "binary", operator: "^", left, right: result, span: cover(left.span, result.span) };
      result = this.sign(each.signs, raised);
    }
    return result ?? { kind: "missing", span: operand.span };
  }

  private base(operand: Operand): Expression {
    if (operand.node !== undefined) return this.builder.primary(operand.node);
    const sign = operand.signs.at(-1)?.image ?? "-";
    return this.builder.missing(operand.span.end, `a value is missing after \`${sign}\``);
  }

  private sign(signs: readonly IToken[], operand: Expression): Expression {
    let signed = operand;
    for (const sign of signs.toReversed()) {
      const operator = sign.tokenType.name === "Not" ? "not" : "-";
      const span = this.builder.span(sign.startOffset, signed.span.end);
      signed = { kind: "unary", operator, operand: signed, span };
    }
    return signed;
  }
}
