// The tree as Prettier walks it: which fields of a node hold nodes, and the options that every printing function takes.
import type { AstPath, Doc, ParserOptions } from "prettier";
import type { Span } from "../source.ts";
import type * as syntax from "../syntax.ts";

/** Anything that is printed by itself and that a comment can belong to. */
export type Node =
  | syntax.File
  | syntax.Item
  | syntax.Clause
  | syntax.Option
  | syntax.Parameter
  | syntax.Type
  | syntax.Dimension
  | syntax.Block
  | syntax.Statement
  | syntax.Expression
  | syntax.Argument
  | syntax.MatchCase;

/** A comment while it is being printed; Prettier keeps its own notes on it. */
export interface PlacedComment extends syntax.Comment {
  readonly enclosingNode?: Node;
  readonly precedingNode?: Node;
  readonly followingNode?: Node;
  leading?: boolean;
  trailing?: boolean;
  printed?: boolean;
}

/** A node as Prettier leaves it, with its comments. */
export type Commented = Node & { comments?: PlacedComment[] };

/** What the parser hands the printer beside the tree. */
export interface Root extends syntax.File {
  readonly parenthesized: ReadonlyMap<syntax.Expression, Span>;
}

export type Options = ParserOptions<Node>;
export type Path = AstPath<Node>;
/** Prints the child that the fields and indices lead to. */
export type Print = (selector: string | (string | number)[], args?: unknown) => Doc;

const keys: Readonly<Record<Node["kind"], readonly string[]>> = {
  file: ["items"],
  import: ["path"],
  recipe: ["clauses"],
  clause: ["arguments", "body"],
  option: ["value"],
  definition: ["parameters", "result", "body"],
  parameter: ["type", "default"],
  shape: ["dimensions"],
  named: [],
  tupleType: ["elements"],
  any: [],
  size: ["value"],
  block: ["statements"],
  let: ["value"],
  table: ["value"],
  declaration: ["shape", "at", "initial", "options"],
  layer: ["range", "at", "body"],
  method: ["parameters", "result", "body"],
  assign: ["value"],
  require: ["condition", "message"],
  peft: ["options"],
  bitsandbytes: ["options"],
  gguf: ["options"],
  example: ["options"],
  if: ["condition", "then", "otherwise"],
  result: ["value"],
  number: [],
  // What stands in a string's braces is kept as it is written.
  string: [],
  boolean: [],
  none: [],
  reference: [],
  list: ["elements"],
  tuple: ["elements"],
  unary: ["operand"],
  binary: ["left", "right"],
  range: ["first", "last"],
  call: ["callee", "arguments"],
  argument: ["value"],
  index: ["object", "indices"],
  member: ["object"],
  lambda: ["body"],
  conditional: ["condition", "then", "otherwise"],
  match: ["subject", "cases"],
  case: ["patterns", "value"],
  words: ["elements"],
  configured: ["value", "options"],
  missing: [],
};

export function visitorKeys(node: Node): string[] {
  return [...keys[node.kind]];
}
