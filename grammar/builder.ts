// What building the tree shares: spans, names, reports, the separators of lists and blocks, and a bound on how deep the tree
// grows, so that whoever walks it may recurse. Mistakes are collected, never thrown; what is missing becomes `missing`.
import type { CstElement, CstNode, IToken } from "chevrotain";
import { endOf, isNode, ordered, startOf, tokensOf } from "./cst.ts";
import { problem, type Diagnostic, type Edit } from "./diagnostic.ts";
import type { Source, Span } from "./source.ts";
import { closest } from "./suggest.ts";
import type { Comment, DefinitionKind, Expression, Missing, Name } from "./syntax.ts";

export const definitionKinds = [
  "function",
  "module",
  "architecture",
  "adapter",
  "optimizer",
  "schedule",
  "task",
  "method",
  "format",
] as const satisfies readonly DefinitionKind[];

/** No path from the root of a tree through expressions is longer. */
export const deepestTree = 400;

export abstract class Builder {
  readonly source: Source;
  readonly comments: readonly Comment[];
  readonly diagnostics: Diagnostic[] = [];
  /** Expressions that stand in parentheses of their own, and what stands inside: the formatter keeps these. */
  readonly parenthesized = new Map<Expression, Span>();
  private depth = 0;
  private tooDeepSaid = false;

  constructor(source: Source, comments: readonly Comment[]) {
    this.source = source;
    this.comments = comments;
  }

  report(code: string, span: Span, message: string, label: string, edits: readonly Edit[] = []): void {
    this.diagnostics.push(problem(code, span, message, label, { edits }));
  }

  /** What a missing value is reported by: after `what`, at an offset. */
  missing(at: number, message: string): Missing {
    const span = this.at(at);
    this.report("FTL0106", span, message, "expected a value");
    return { kind: "missing", span };
  }

  /** Builds what adds `cost` levels to the tree, or nothing where the tree would grow too deep. */
  deeper(cost: number, span: Span, build: () => Expression): Expression {
    if (this.tooDeep(cost, span)) return { kind: "missing", span };
    this.depth += cost;
    const built = build();
    this.depth -= cost;
    return built;
  }

  /** Whether the tree would grow too deep; says so once. */
  tooDeep(cost: number, span: Span): boolean {
    if (this.depth + cost <= deepestTree) return false;
    if (!this.tooDeepSaid) {
      this.tooDeepSaid = true;
      const message = `an expression or an \`if\` of more than ${deepestTree} steps`;
      this.report("FTL0109", this.at(span.start), message, "give parts of it names with `let`");
    }
    return true;
  }

  // Spans.

  span(start: number, end: number): Span {
    return { source: this.source, start, end: Math.max(start, end) };
  }

  at(offset: number): Span {
    return this.span(offset, offset);
  }

  spanOf(element: CstElement): Span {
    const start = Math.max(0, startOf(element));
    return this.span(start, endOf(element));
  }

  name(token: IToken): Name {
    return { text: token.image, span: this.spanOf(token) };
  }

  named(element: CstElement): readonly Name[] {
    return isNode(element) ? [] : [this.name(element)];
  }

  /** The name in a token, or an empty one after `previous`: its absence has been reported by the parser. */
  nameOr(token: IToken | undefined, previous: number): Name {
    return token === undefined ? { text: "", span: this.at(previous) } : this.name(token);
  }

  // Separators.

  /** The elements between two brackets, each parted from the next by a comma. */
  listed(node: CstNode, kinds: readonly string[], extra: readonly string[] = []): readonly CstElement[] {
    return this.parted(node, kinds, extra, "Comma", "elements", (before, _after) => {
      const edits = [{ span: this.at(before), text: ",", label: "write `,`" }];
      this.report(
        "FTL0104",
        this.at(before),
        "a comma is missing between two elements",
        "expected `,`",
        edits,
      );
    });
  }

  /** The entries of a block, each parted from the next by a newline or a comma. */
  lined(node: CstNode, kinds: readonly string[], what: string): readonly CstElement[] {
    return this.parted(node, kinds, [], "Newline", what, (before, after) => {
      const edits = [{ span: this.span(before, after), text: ", ", label: "write `,`" }];
      const message = `a new line or a comma is missing between two ${what}`;
      this.report("FTL0104", this.at(before), message, `the next one starts here`, edits);
    });
  }

  private parted(
    node: CstNode,
    kinds: readonly string[],
    extra: readonly string[],
    separator: "Comma" | "Newline",
    what: string,
    absent: (before: number, after: number) => void,
  ): readonly CstElement[] {
    const found: CstElement[] = [];
    let parted = true;
    let first = true;
    // What stands beside tokens that fit nowhere is not judged: they have been reported.
    let excused = false;
    let lineStarts = false;
    for (const { kind, element: child } of ordered(node)) {
      if (kind === "Newline") {
        parted = true;
        lineStarts = found.length > 0;
        excused = false;
        continue;
      }
      if (kind === "Comma") {
        if (!excused && (first || (parted && separator === "Comma"))) this.doubled(child);
        parted = true;
        excused = false;
        first = separator === "Newline";
        if (separator === "Newline") continue;
      } else if (extra.includes(kind)) {
        parted = true;
      } else if (kind === "stray" || kind === "strayElement") {
        this.stray(child, lineStarts && parted, separator === "Newline" ? what : "");
        excused = true;
      } else if (kinds.includes(kind)) {
        if (!parted && !excused) absent(endOf(found.at(-1) ?? child), startOf(child));
        found.push(child);
        parted = false;
        excused = false;
      } else {
        continue;
      }
      first = false;
      lineStarts = false;
    }
    return found;
  }

  private doubled(comma: CstElement): void {
    const span = this.spanOf(comma);
    this.report("FTL0113", span, "this comma separates nothing", "one too many", [
      { span, text: "", label: "remove it" },
    ]);
  }

  /** Tokens that fit nowhere: `onLine` where they begin a line after another entry, `what` for the kind of entries. */
  stray(element: CstElement, onLine: boolean, what: string): void {
    const first = firstToken(element);
    const span = first === undefined ? this.spanOf(element) : this.spanOf(first);
    const image = first?.image ?? "";
    const kind = first?.tokenType.name ?? "";
    if (kind === "Else") {
      this.report("FTL0111", span, "this `else` belongs to no `if`", "no `if { … }` before it");
    } else if (first?.tokenType.CATEGORIES?.some((category) => category.name === "Operator") === true) {
      const label = onLine ? "put the operator at the end of the line before" : "expected a value before it";
      this.report("FTL0111", span, `nothing stands before \`${image}\``, label);
    } else if (what === "items" && /^\w/.test(image)) {
      this.noItem(image, span);
    } else if (kind === "LeftBrace") {
      this.report("FTL0111", span, "this block belongs to nothing", "no clause or definition before it");
    } else {
      this.report("FTL0111", span, `\`${image}\` does not fit here`, "unexpected");
    }
  }

  /** A word that begins nothing at the top of a file; gives the one that may have been meant. */
  noItem(word: string, span: Span): string | undefined {
    const guess = closest(word, ["recipe", "import", ...definitionKinds]);
    const edits = guess === undefined ? [] : [{ span, text: guess, label: `write \`${guess}\`` }];
    const label =
      guess === undefined
        ? "expected `import`, `recipe` or a kind of definition"
        : `did you mean \`${guess}\`?`;
    this.report("FTL0110", span, `\`${word}\` begins no item of a file`, label, edits);
    return guess;
  }

  /** The documentation comments that stand on the lines right above an offset, without their slashes. */
  documentation(offset: number): string {
    const lines: string[] = [];
    let below = offset;
    for (let at = this.lastCommentBefore(offset); at >= 0; at -= 1) {
      const comment = this.comments[at];
      if (comment === undefined || !comment.text.startsWith("///")) break;
      const between = this.source.text.slice(comment.span.end, below);
      if (!/^[^\S\n]*\n[^\S\n]*$/.test(between) || !this.startsLine(comment.span.start)) break;
      lines.unshift(comment.text.slice(3).replace(/^ /, ""));
      below = comment.span.start;
    }
    return lines.join("\n");
  }

  private startsLine(offset: number): boolean {
    const { text } = this.source;
    return text.slice(text.lastIndexOf("\n", offset - 1) + 1, offset).trim() === "";
  }

  private lastCommentBefore(offset: number): number {
    let low = 0;
    let high = this.comments.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.comments[middle]?.span.start ?? 0) < offset) low = middle + 1;
      else high = middle;
    }
    return low - 1;
  }
}

function firstToken(element: CstElement): IToken | undefined {
  let at: CstElement | undefined = element;
  while (at !== undefined && isNode(at)) at = ordered(at)[0]?.element;
  return at;
}

export const first = (node: CstNode, name: string): IToken | undefined => tokensOf(node, name)[0];
