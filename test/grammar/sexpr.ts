// A tree as a readable s-expression, without spans: what the golden tests compare.
import type * as syntax from "../../grammar/syntax.ts";

type Node =
  | syntax.File
  | syntax.Item
  | syntax.Clause
  | syntax.Option
  | syntax.Statement
  | syntax.Block
  | syntax.Expression;

const list = (...parts: readonly (string | undefined)[]): string =>
  `(${parts.filter((part) => part !== undefined && part !== "").join(" ")})`;
const all = (nodes: readonly Node[]): string => nodes.map(sexpr).join(" ");
const named = (name: string, value: string | undefined): string | undefined =>
  value === undefined ? undefined : `:${name} ${value}`;
const names = (them: readonly syntax.Name[]): string => `[${them.map((name) => name.text).join(" ")}]`;

function type(node: syntax.Type): string {
  if (node.kind === "named") return node.name.text;
  if (node.kind === "tupleType") return list("types", ...node.elements.map(type));
  return `[${node.dimensions.map((each) => (each.kind === "any" ? ".." : sexpr(each.value))).join(" ")}]`;
}

function parameters(them: readonly syntax.Parameter[]): string {
  const each = ({ name, type: declared, default: value }: syntax.Parameter): string =>
    declared === undefined && value === undefined
      ? name.text
      : list(name.text, declared && type(declared), named("default", value && sexpr(value)));
  return list(...them.map(each));
}

export function sexpr(node: Node): string {
  switch (node.kind) {
    case "file":
      return node.items.map(sexpr).join("\n");
    case "import":
      return list("import", sexpr(node.path));
    case "recipe":
      return list("recipe", node.name.text, ...node.clauses.map((clause) => `\n  ${sexpr(clause)}`));
    case "clause":
      return list(
        node.noun.text,
        all(node.arguments),
        named("as", node.alias?.text),
        node.body && `{${all(node.body)}}`,
      );
    case "option":
      return list(`${node.path.map((name) => name.text).join(".")}:`, sexpr(node.value));
    case "definition":
      return list(
        node.what,
        node.name.text,
        node.dimensions.length > 0
          ? named(node.arrow ? "arrow" : "dimensions", names(node.dimensions))
          : undefined,
        parameters(node.parameters),
        node.on.length > 0 ? named("on", names(node.on)) : undefined,
        named("gives", node.result && type(node.result)),
        named("kernel", node.kernel?.text),
        named("during", node.during?.text),
        ...node.body.statements.map((statement) => `\n  ${sexpr(statement)}`),
      );
    case "block":
      return `{${all(node.statements)}}`;
    case "let":
      return list("let", names(node.names), sexpr(node.value));
    case "table":
      return list("table", node.name.text, sexpr(node.value));
    case "declaration":
      return list(
        "declare",
        node.what.text,
        node.name.text,
        named(node.arrow ? "arrow" : "shape", node.shape && `[${all(node.shape)}]`),
        named("at", node.at && sexpr(node.at)),
        named("as", node.role?.text),
        named("initial", node.initial && sexpr(node.initial)),
        node.options.length > 0 ? `{${all(node.options)}}` : undefined,
      );
    case "layer":
      return list(
        "layer",
        node.name.text,
        node.index.text,
        sexpr(node.range),
        named("at", node.at && sexpr(node.at)),
        sexpr(node.body),
      );
    case "method":
      return list(
        "method",
        node.name.text,
        parameters(node.parameters),
        named("gives", node.result && type(node.result)),
        sexpr(node.body),
      );
    case "assign":
      return list("assign", node.target.text, sexpr(node.value));
    case "require":
      return list(
        node.severity === "error" ? "require" : "expect",
        sexpr(node.condition),
        sexpr(node.message),
      );
    case "peft":
    case "bitsandbytes":
    case "gguf":
    case "example":
      return list(node.kind, all(node.options));
    case "if":
    case "conditional":
      return list(
        node.kind,
        sexpr(node.condition),
        sexpr(node.then),
        node.otherwise && sexpr(node.otherwise),
      );
    case "result":
      return sexpr(node.value);
    case "number":
      return `${node.value}${node.unit}`;
    case "string":
      return node.parts.length <= 1 && typeof (node.parts[0] ?? "") === "string"
        ? JSON.stringify(node.parts[0] ?? "")
        : list(
            "string",
            ...node.parts.map((part) => (typeof part === "string" ? JSON.stringify(part) : sexpr(part))),
          );
    case "boolean":
      return String(node.value);
    case "none":
      return "none";
    case "reference":
      return node.name.text;
    case "list":
      return `[${all(node.elements)}]`;
    case "tuple":
      return list("tuple", all(node.elements));
    case "unary":
      return list(node.operator === "-" ? "minus" : "not", sexpr(node.operand));
    case "binary":
      return list(node.operator, sexpr(node.left), sexpr(node.right));
    case "range":
      return list(
        node.inclusive ? ".." : "..<",
        node.first ? sexpr(node.first) : "_",
        node.last ? sexpr(node.last) : "_",
      );
    case "call":
      return list(
        "call",
        sexpr(node.callee),
        ...node.arguments.map(({ name, value }) =>
          name === undefined ? sexpr(value) : `${name.text}: ${sexpr(value)}`,
        ),
      );
    case "index":
      return list("index", sexpr(node.object), all(node.indices));
    case "member":
      return list(node.optional ? "?." : ".", sexpr(node.object), node.name.text);
    case "lambda":
      return list("lambda", names(node.parameters), sexpr(node.body));
    case "match":
      return list(
        "match",
        sexpr(node.subject),
        ...node.cases.map((each) => list(`[${all(each.patterns)}]`, sexpr(each.value))),
      );
    case "words":
      return list("words", all(node.elements));
    case "configured":
      return list("configured", sexpr(node.value), `{${all(node.options)}}`);
    case "missing":
      return "<missing>";
    default:
      return node satisfies never;
  }
}
