// The printer: one node in, the document that Prettier lays out. Comments are Prettier's to print, but for those that no
// node before or after can carry.
import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import * as expressions from "./expressions.ts";
import * as items from "./items.ts";
import type { Node, Options, Path, Print, Root } from "./nodes.ts";
import { braces, bracketed, dangling, ownBrackets, suffixed } from "./parts.ts";

const { group, hardline, indent, join, line, softline } = builders;

/** How a node is asked to print: a block without its own group, an `if` that goes on another. */
interface Manner {
  readonly open?: boolean;
  readonly inChain?: boolean;
}

export function printNode(path: Path, options: Options, print: Print, args?: unknown): Doc {
  const { node } = path;
  const root = path.root as Root;
  const manner = (args ?? {}) as Manner;
  const printed = construct(node, manner, root, options, path, print);
  if ((root.parenthesized as ReadonlyMap<Node, unknown>).has(node))
    return parentheses(printed, dangling(path));
  // Those that have not been printed inside: empty braces print their own.
  return suffixed(printed, dangling(path));
}

/** What stands in parentheses, below the comments that it has no other place for. */
function parentheses(inside: Doc, comments: Doc[]): Doc {
  const above = comments.map((comment) => [comment, hardline]);
  return group(["(", indent([softline, above, inside]), softline, ")"]);
}

function construct(node: Node, manner: Manner, root: Root, options: Options, path: Path, print: Print): Doc {
  const each = (field: string, nodes: readonly unknown[]): Doc[] => nodes.map((_, at) => print([field, at]));
  switch (node.kind) {
    case "file":
      return items.file(node, options, path, print);
    case "import":
      return ["import ", print("path")];
    case "recipe":
      return items.recipe(node, options, path, print);
    case "clause":
      return items.clause(node, options, path, print);
    case "option":
      return [node.path.map((name) => name.text).join("."), ": ", print("value")];
    case "definition":
      return items.definition(node, print);
    case "parameter":
      return items.parameter(node, print);
    case "shape":
      return ownBrackets("[", each("dimensions", node.dimensions), "]", path);
    case "named":
      return node.name.text;
    case "tupleType":
      return ownBrackets("(", each("elements", node.elements), ")", path);
    case "any":
      return "..";
    case "size":
      return print("value");
    case "block":
      return manner.open === true
        ? braces(node.statements, "statements", options, path, print)
        : items.block(node.statements, "statements", options, path, print);
    case "let":
      return items.letStatement(node, print);
    case "table":
      return ["table ", node.name.text, " = ", print("value")];
    case "declaration":
      return items.declaration(node, options, path, print);
    case "layer":
      return items.layer(node, print);
    case "method":
      return items.method(node, print);
    case "assign":
      return [node.target.text, " = ", print("value")];
    case "require":
      return group([
        node.severity === "error" ? "require " : "expect ",
        print("condition"),
        ",",
        indent([line, print("message")]),
      ]);
    case "peft":
    case "bitsandbytes":
    case "gguf":
    case "example":
      return [node.kind, " ", items.block(node.options, "options", options, path, print)];
    case "if":
    case "conditional":
      return items.conditional(node, manner.inChain === true, options, print);
    case "result":
      return print("value");
    case "number":
    case "string":
      return expressions.literal(node, options, root);
    case "boolean":
      return String(node.value);
    case "none":
      return "none";
    case "reference":
      return node.name.text;
    case "list":
      return ownBrackets("[", each("elements", node.elements), "]", path);
    case "tuple":
      return ownBrackets("(", each("elements", node.elements), ")", path);
    case "unary":
      return expressions.unary(node, print);
    case "binary":
      return expressions.binary(node, path, print, root);
    case "range":
      return expressions.range(node, print);
    case "call":
      return expressions.call(node, path, print);
    case "argument":
      return [node.name === undefined ? "" : `${node.name.text}: `, print("value")];
    case "index":
      return [print("object"), bracketed("[", each("indices", node.indices), "]")];
    case "member":
      return [print("object"), node.optional ? "?." : ".", node.name.text];
    case "lambda":
      return expressions.lambda(node, print);
    case "match":
      return ["match ", print("subject"), " ", items.block(node.cases, "cases", options, path, print)];
    case "case":
      return expressions.matchCase(node, print);
    case "words":
      return join(" ", each("elements", node.elements));
    case "configured":
      return [print("value"), " ", items.block(node.options, "options", options, path, print)];
    case "missing":
      return "";
    default:
      return node satisfies never;
  }
}
