// The Prettier plugin for `.ftl` files: `prettier --plugin ftlc/prettier`. A file with a syntax error is refused with the
// diagnostics on the error thrown, since Prettier knows no other way.
import type { Parser, Plugin, Printer, SupportLanguage } from "prettier";
import type { Diagnostic } from "./diagnostic.ts";
import { placeComment } from "./format/comments.ts";
import { visitorKeys, type Node, type PlacedComment, type Root } from "./format/nodes.ts";
import { printNode } from "./format/print.ts";
import { parse } from "./parse.ts";
import { positionAt, type Source } from "./source.ts";

/** A file that cannot be formatted because it cannot be read. */
export class UnreadableFile extends SyntaxError {
  readonly diagnostics: readonly Diagnostic[];
  /** Where Prettier points. */
  readonly loc: { readonly start: { readonly line: number; readonly column: number } } | undefined;

  constructor(source: Source, diagnostics: readonly Diagnostic[]) {
    const place = ({ span }: Diagnostic): string => {
      const { line, column } = positionAt(source, span.start);
      return `${source.path}:${line}:${column}`;
    };
    super(diagnostics.map((each) => `${place(each)}: ${each.message} [${each.code}]`).join("\n"));
    this.diagnostics = diagnostics;
    const first = diagnostics[0];
    this.loc = first === undefined ? undefined : { start: positionAt(source, first.span.start) };
  }
}

export const languages: SupportLanguage[] = [{ name: "ftl", parsers: ["ftl"], extensions: [".ftl"] }];

const parser: Parser<Node> = {
  astFormat: "ftl",
  locStart: (node) => node.span.start,
  locEnd: (node) => node.span.end,
  parse: (text, options) => {
    const source = { path: options.filepath ?? "source.ftl", text };
    const { file, diagnostics, parenthesized } = parse(source);
    if (diagnostics.length > 0) throw new UnreadableFile(source, diagnostics);
    const root: Root = { ...file, comments: file.comments.map((comment) => ({ ...comment })), parenthesized };
    return root;
  },
};

const place = (comment: PlacedComment, text: string): boolean => placeComment(comment, text);

const printer: Printer<Node> = {
  print: (path, options, print, args) => printNode(path, options, print, args),
  getVisitorKeys: (node) => visitorKeys(node),
  canAttachComment: () => true,
  isBlockComment: () => false,
  printComment: (path) => (path.node as unknown as PlacedComment).text,
  handleComments: { ownLine: place, endOfLine: place, remaining: place },
};

export const parsers: NonNullable<Plugin<Node>["parsers"]> = { ftl: parser };
export const printers: NonNullable<Plugin<Node>["printers"]> = { ftl: printer };
export const defaultOptions: Plugin["defaultOptions"] = { printWidth: 110, tabWidth: 2 };
