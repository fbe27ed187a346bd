// The shapes that many constructs share: braces that hold one entry a line or all on one, bracketed lists, strings of
// operators. A block stays on several lines if its first entry stood on a line of its own, as the writer chose.
import type { Doc } from "prettier";
import { builders } from "prettier/doc";
import type { Commented, Node, Options, Path, Print } from "./nodes.ts";

const { breakParent, group, hardline, ifBreak, indent, join, line, lineSuffix, softline } = builders;

/** `{ a, b }`, or one entry a line; without its own group it breaks with what is around it. */
export function braces(
  entries: readonly Node[],
  field: string,
  options: Options,
  path: Path,
  print: Print,
): Doc {
  if (entries.length === 0) {
    const comments = dangling(path);
    return comments.length === 0 ? "{}" : ["{", indent([hardline, join(hardline, comments)]), hardline, "}"];
  }
  return ["{", indent([line, separated(entries, field, options, print)]), line, "}"];
}

/** The entries of a block, with commas where they share a line and at most one empty line between them. */
export function separated(entries: readonly Node[], field: string, options: Options, print: Print): Doc {
  return entries.map((entry, at) => {
    if (at === entries.length - 1) return print([field, at]);
    const gap = emptyLineAfter(options.originalText, entry.span.end) ? hardline : "";
    return [print([field, at]), ifBreak("", ","), line, gap];
  });
}

/** Whether the writer began a line after the brace before the first entry. */
export function startsOnOwnLine(entries: readonly Node[], options: Options): boolean {
  const first = entries[0];
  if (first === undefined) return false;
  const text = options.originalText;
  const brace = text.lastIndexOf("{", first.span.start - 1);
  return text.slice(brace, first.span.start).includes("\n");
}

/** `(a, b)` or `[a, b]`; over several lines with a comma after the last. */
export function bracketed(open: string, elements: Doc[], close: string): Doc {
  if (elements.length === 0) return [open, close];
  return group([open, indent([softline, join([",", line], elements)]), ifBreak(","), softline, close]);
}

/** The same for what makes up the node itself, whose comments stand inside where it is empty. */
export function ownBrackets(open: string, elements: Doc[], close: string, path: Path): Doc {
  const comments = elements.length === 0 ? dangling(path) : [];
  if (comments.length === 0) return bracketed(open, elements, close);
  return [open, indent([hardline, join(hardline, comments)]), hardline, close];
}

/** Comments that belong to a node that has no place of its own for them: they end its line. */
export function dangling(path: Path): Doc[] {
  const comments = (path.node as Commented).comments ?? [];
  return comments
    .filter((comment) => comment.leading !== true && comment.trailing !== true && comment.printed !== true)
    .map((comment) => {
      comment.printed = true;
      return comment.text;
    });
}

export function suffixed(doc: Doc, comments: Doc[]): Doc {
  return comments.length === 0 ? doc : [doc, lineSuffix([" ", join(hardline, comments)]), breakParent];
}

/** Whether the line after the one where a node ends is empty; its own comment and comma do not count. */
export function emptyLineAfter(text: string, end: number): boolean {
  const rest = /[^\S\n]*,?[^\S\n]*(?:\/\/[^\n]*)?\n[^\S\n]*\n/y;
  rest.lastIndex = end;
  return rest.test(text);
}
