// How files, recipes, clauses, options, definitions and their statements are printed.
import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type * as syntax from "../syntax.ts";
import type { Options, Path, Print } from "./nodes.ts";
import {
  braces,
  bracketed,
  dangling,
  ownBrackets,
  emptyLineAfter,
  separated,
  startsOnOwnLine,
} from "./parts.ts";

const { group, hardline, indent, join } = builders;

/** Nouns are padded to the longest of a recipe; one that is longer than this stands out of the column. */
const longestAligned = 10;

export function file(node: syntax.File, options: Options, path: Path, print: Print): Doc {
  const comments = dangling(path);
  const parts: Doc[] = comments.map((comment) => [comment, hardline]);
  node.items.forEach((item, at) => {
    const next = node.items[at + 1];
    parts.push(print(["items", at]), hardline);
    if (next === undefined) return;
    const imports = item.kind === "import" && next.kind === "import";
    if (!imports || emptyLineAfter(options.originalText, item.span.end)) parts.push(hardline);
  });
  return parts;
}

export function recipe(node: syntax.Recipe, options: Options, path: Path, print: Print): Doc {
  const head = ["recipe ", node.name.text, " "];
  if (node.clauses.length === 0) return [...head, braces([], "clauses", options, path, print)];
  return [
    ...head,
    "{",
    indent([hardline, broken(separated(node.clauses, "clauses", options, print))]),
    hardline,
    "}",
  ];
}

const broken = (doc: Doc): Doc => group(doc, { shouldBreak: true });

export function clause(node: syntax.Clause, options: Options, path: Path, print: Print): Doc {
  const { noun, alias, body } = node;
  const parent = path.parent;
  const column = parent?.kind === "recipe" && node.arguments.length > 0 ? nounColumn(parent) : 0;
  const words: Doc[] = [noun.text.padEnd(column), ...node.arguments.map((_, at) => print(["arguments", at]))];
  if (alias !== undefined) words.push(`as ${alias.text}`);
  if (body !== undefined) words.push(block(body, "body", options, path, print));
  return join(" ", words);
}

function nounColumn(recipe: syntax.Recipe): number {
  const lengths = recipe.clauses
    .filter((each) => each.arguments.length > 0)
    .map((each) => each.noun.text.length);
  return Math.max(0, ...lengths.filter((length) => length <= longestAligned));
}

/** Braces that break on their own. */
export function block(
  entries: readonly (syntax.Option | syntax.Clause | syntax.Statement | syntax.MatchCase)[],
  field: string,
  options: Options,
  path: Path,
  print: Print,
): Doc {
  return group(braces(entries, field, options, path, print), {
    shouldBreak: startsOnOwnLine(entries, options),
  });
}

export function definition(node: syntax.Definition, print: Print): Doc {
  const { what, name, dimensions, arrow, parameters, on, result, kernel, during } = node;
  const parts: Doc[] = [what, " ", name.text];
  if (dimensions.length > 0)
    parts.push("[", dimensions.map((each) => each.text).join(arrow ? " -> " : ", "), "]");
  if (parameters.length > 0 || what === "function") parts.push(list(parameters, print));
  if (on.length > 0) parts.push(" on ", on.map((each) => each.text).join(", "));
  if (result !== undefined) parts.push(" -> ", print("result"));
  if (kernel !== undefined) parts.push(" kernel ", kernel.text);
  if (during !== undefined) parts.push(" during ", during.text);
  return [...parts, " ", print("body")];
}

export function method(node: syntax.Method, print: Print): Doc {
  const result: Doc = node.result === undefined ? "" : [" -> ", print("result")];
  return [node.name.text, list(node.parameters, print), result, " ", print("body")];
}

function list(parameters: readonly syntax.Parameter[], print: Print): Doc {
  return bracketed(
    "(",
    parameters.map((_, at) => print(["parameters", at])),
    ")",
  );
}

export function parameter(node: syntax.Parameter, print: Print): Doc {
  const type: Doc = node.type === undefined ? "" : [": ", print("type")];
  return [node.name.text, type, node.default === undefined ? "" : [" = ", print("default")]];
}

export function letStatement(node: syntax.Let, print: Print): Doc {
  const names = node.names.map((name) => name.text).join(", ");
  return ["let ", node.names.length === 1 ? names : `(${names})`, " = ", print("value")];
}

export function declaration(node: syntax.Declaration, options: Options, path: Path, print: Print): Doc {
  const { shape, arrow, at, role, initial } = node;
  const words: Doc[] = [node.what.text, node.name.text];
  if (shape !== undefined) {
    const sizes = shape.map((_, index) => print(["shape", index]));
    words.push(arrow ? group(["[", join(" -> ", sizes), "]"]) : ownBrackets("[", sizes, "]", path));
  }
  if (at !== undefined) words.push(["at ", print("at")]);
  if (role !== undefined) words.push(`as ${role.text}`);
  if (initial !== undefined) words.push(["= ", print("initial")]);
  if (node.options.length > 0) words.push(block(node.options, "options", options, path, print));
  return join(" ", words);
}

export function layer(node: syntax.Layer, print: Print): Doc {
  const at: Doc = node.at === undefined ? "" : [" at ", print("at")];
  return [
    "layer ",
    node.name.text,
    "[",
    node.index.text,
    " in ",
    print("range"),
    "]",
    at,
    " ",
    print("body"),
  ];
}

/** `if`, as a statement and as an expression: its blocks stand on one line together or all on several. */
export function conditional(
  node: syntax.If | syntax.Conditional,
  inChain: boolean,
  options: Options,
  print: Print,
): Doc {
  const { otherwise } = node;
  const parts: Doc[] = ["if ", print("condition"), " ", print("then", { open: true })];
  if (otherwise !== undefined) {
    parts.push(" else ", print("otherwise", otherwise.kind === "block" ? { open: true } : { inChain: true }));
  }
  return inChain ? parts : group(parts, { shouldBreak: anyBroken(node, options) });
}

function anyBroken(node: syntax.If | syntax.Conditional, options: Options): boolean {
  for (let at: syntax.If | syntax.Conditional | syntax.Block | undefined = node; at !== undefined;) {
    const one: syntax.Block = at.kind === "block" ? at : at.then;
    if (startsOnOwnLine(one.statements, options)) return true;
    at = at.kind === "block" ? undefined : at.otherwise;
  }
  return false;
}
