// The expressions of the syntax tree: what stands for a value in a recipe or a definition. They hold blocks (an `if` that gives a value),
// and statements hold them, so the two files of the tree name each other.
import type { Span } from "./source.ts";
import type { Block, Name, Option } from "./syntax.ts";

export type Expression =
  | NumberLiteral
  | StringLiteral
  | BooleanLiteral
  | NoneLiteral
  | Reference
  | List
  | Tuple
  | Unary
  | Binary
  | RangeExpression
  | Call
  | Index
  | Member
  | Lambda
  | Conditional
  | Match
  | Words
  | Configured
  | Missing;

/** `8GiB`, `3%`, `2e-4`, `1k`. `value` is the number as written; `unit` the suffix that touches it, "" without one. */
export interface NumberLiteral {
  readonly kind: "number";
  readonly value: number;
  readonly unit: string;
  readonly span: Span;
}

/** `"model.layers.{i}"`: text and, where `{…}` stands, expressions, in order. */
export interface StringLiteral {
  readonly kind: "string";
  readonly parts: readonly (string | Expression)[];
  readonly span: Span;
}

export interface BooleanLiteral {
  readonly kind: "boolean";
  readonly value: boolean;
  readonly span: Span;
}

/** `none`. */
export interface NoneLiteral {
  readonly kind: "none";
  readonly span: Span;
}

export interface Reference {
  readonly kind: "reference";
  readonly name: Name;
  readonly span: Span;
}

export interface List {
  readonly kind: "list";
  readonly elements: readonly Expression[];
  readonly span: Span;
}

/** `(a, b)`; a parenthesized single expression is that expression. */
export interface Tuple {
  readonly kind: "tuple";
  readonly elements: readonly Expression[];
  readonly span: Span;
}

export type UnaryOperator = "-" | "not";
export interface Unary {
  readonly kind: "unary";
  readonly operator: UnaryOperator;
  readonly operand: Expression;
  readonly span: Span;
}

/**
 * Loosest first: `??`, `or`, `and`, `not`, comparisons and `in` (which do not chain), ranges, `+ -`, `* / % @`, unary `-`,
 * `^` (right to left), postfix.
 */
export type BinaryOperator =
  | "??"
  | "or"
  | "and"
  | "=="
  | "!="
  | "<"
  | "<="
  | ">"
  | ">="
  | "in"
  | "+"
  | "-"
  | "*"
  | "/"
  | "%"
  | "@"
  | "^";
export interface Binary {
  readonly kind: "binary";
  readonly operator: BinaryOperator;
  readonly left: Expression;
  readonly right: Expression;
  readonly span: Span;
}

/** `1..64` with both ends, `0..<n` without the last; either end may be left out inside `[ ]`: `x[..<n]`, `x[n..]`, `x[..]`. */
export interface RangeExpression {
  readonly kind: "range";
  readonly first: Expression | undefined;
  readonly last: Expression | undefined;
  readonly inclusive: boolean;
  readonly span: Span;
}

export interface Argument {
  readonly kind: "argument";
  readonly name: Name | undefined;
  readonly value: Expression;
  readonly span: Span;
}

export interface Call {
  readonly kind: "call";
  readonly callee: Expression;
  readonly arguments: readonly Argument[];
  readonly span: Span;
}

/** `x[0..<b]`, `x[.., 0]`: one index for each axis from the first; `..` alone keeps all axes it stands for. */
export interface Index {
  readonly kind: "index";
  readonly object: Expression;
  readonly indices: readonly Expression[];
  readonly span: Span;
}

/** `config.hidden_size`, `W.T`; `optional` for `scaling?.factor`, which is `none` where the object is `none`. */
export interface Member {
  readonly kind: "member";
  readonly object: Expression;
  readonly name: Name;
  readonly optional: boolean;
  readonly span: Span;
}

/** `s => cap * tanh(s / cap)`, `(a, b) => a + b`. */
export interface Lambda {
  readonly kind: "lambda";
  readonly parameters: readonly Name[];
  readonly body: Expression;
  readonly span: Span;
}

/** `if c { a } else { b }` as an expression. */
export interface Conditional {
  readonly kind: "conditional";
  readonly condition: Expression;
  readonly then: Block;
  readonly otherwise: Block | Conditional;
  readonly span: Span;
}

/** `match x { "a", "b" => e, _ => e }`; cases are separated by newlines or commas. */
export interface Match {
  readonly kind: "match";
  readonly subject: Expression;
  readonly cases: readonly MatchCase[];
  readonly span: Span;
}

/** `patterns` is empty for `_`. */
export interface MatchCase {
  readonly kind: "case";
  readonly patterns: readonly Expression[];
  readonly value: Expression;
  readonly span: Span;
}

/** Two or more words or numbers side by side in an option's value: `100 steps`, `random`. */
export interface Words {
  readonly kind: "words";
  readonly elements: readonly Expression[];
  readonly span: Span;
}

/** A value with a block of options: `nf4 { block: 64, double: true }`, `random { seed: 1 }`. */
export interface Configured {
  readonly kind: "configured";
  readonly value: Expression;
  readonly options: readonly Option[];
  readonly span: Span;
}

/** Stands where recovery found nothing to read; only in trees with a syntax error. */
export interface Missing {
  readonly kind: "missing";
  readonly span: Span;
}
