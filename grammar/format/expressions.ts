// How expressions are printed. An operator stays at the end of its line when a line is too long: a line that begins with one
// would begin a statement.
import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import { precedence } from "../precedence.ts";
import type * as syntax from "../syntax.ts";
import type { Options, Path, Print, Root } from "./nodes.ts";
import { ownBrackets } from "./parts.ts";

const { group, indent, join, line } = builders;

/** Numbers and strings as they are written. */
export function literal(
  node: syntax.NumberLiteral | syntax.StringLiteral,
  options: Options,
  root: Root,
): string {
  const { start, end } = root.parenthesized.get(node) ?? node.span;
  return options.originalText.slice(start, end);
}

/** A run of operators that bind alike, left to right, breaks after all of them or none. */
export function binary(node: syntax.Binary, path: Path, print: Print, root: Root): Doc {
  const whole = [print("left"), indent([` ${node.operator}`, line, print("right")])];
  const parent = path.parent;
  const continues =
    parent?.kind === "binary" && path.key === "left" && alike(parent, node) && !root.parenthesized.has(node);
  return continues ? whole : group(whole);
}

const alike = (a: syntax.Binary, b: syntax.Binary): boolean =>
  precedence(a.operator) === precedence(b.operator) && a.operator !== "^";

export function unary(node: syntax.Unary, print: Print): Doc {
  return [node.operator === "not" ? "not " : "-", print("operand")];
}

export function range(node: syntax.RangeExpression, print: Print): Doc {
  const first: Doc = node.first === undefined ? "" : print("first");
  return [first, node.inclusive ? ".." : "..<", node.last === undefined ? "" : print("last")];
}

export function call(node: syntax.Call, path: Path, print: Print): Doc {
  const given = node.arguments.map((_, at) => print(["arguments", at]));
  return [print("callee"), ownBrackets("(", given, ")", path)];
}

export function lambda(node: syntax.Lambda, print: Print): Doc {
  const names = node.parameters.map((name) => name.text).join(", ");
  return [node.parameters.length === 1 ? names : `(${names})`, " => ", print("body")];
}

export function matchCase(node: syntax.MatchCase, print: Print): Doc {
  const patterns =
    node.patterns.length === 0
      ? "_"
      : join(
          ", ",
          node.patterns.map((_, at) => print(["patterns", at])),
        );
  return [patterns, " => ", print("value")];
}
