// Diagnostics in, text for people or data for tools out. The text names file, line and column, shows the lines with the
// marked places underlined and the edit to make; it says the same without colour as with it.
import type { Diagnostic, Severity } from "../../grammar/diagnostic.ts";
import type { Source, Span } from "../../grammar/source.ts";
import { columns, Lines, printable, show } from "./text.ts";

/** How the parts of a message are coloured. Each takes a text and gives it with what it needs around it. */
export interface Palette {
  readonly error: (text: string) => string;
  readonly warning: (text: string) => string;
  /** The one line that says what is wrong. */
  readonly message: (text: string) => string;
  /** Line numbers, bars and the marks of related places. */
  readonly frame: (text: string) => string;
  readonly help: (text: string) => string;
}

const same = (text: string): string => text;
const plain: Palette = { error: same, warning: same, message: same, frame: same, help: same };
const sgr = (code: string) => (text: string) => `\u001b[${code}m${text}\u001b[0m`;
const ansi: Palette = {
  error: sgr("1;31"),
  warning: sgr("1;33"),
  message: sgr("1"),
  frame: sgr("34"),
  help: sgr("32"),
};

export interface TextOptions {
  /** `true` for the usual terminal colours, or a palette; no colour without it. */
  readonly color?: boolean | Palette;
  /** At most so many are shown in full, 100 if not said; a closing line counts the rest. */
  readonly limit?: number;
}

/** Without a newline at the end; an empty text for no diagnostics. */
export function renderText(diagnostics: readonly Diagnostic[], options: TextOptions = {}): string {
  const { color = false, limit = 100 } = options;
  const palette = typeof color === "object" ? color : color ? ansi : plain;
  const lines = new LineCache();
  const shown = diagnostics.slice(0, limit).map((diagnostic) => renderOne(diagnostic, palette, lines));
  const rest = diagnostics.length - shown.length;
  if (rest > 0) shown.push(palette.message(`… and ${rest} more`));
  return shown.join("\n\n");
}

class LineCache {
  private readonly known = new Map<Source, Lines>();

  of(source: Source): Lines {
    const found = this.known.get(source) ?? new Lines(source);
    this.known.set(source, found);
    return found;
  }
}

interface Mark {
  readonly span: Span;
  readonly label: string;
  readonly primary: boolean;
}

function renderOne(diagnostic: Diagnostic, palette: Palette, cache: LineCache): string {
  const { code, severity, message, span, label, related, edits } = diagnostic;
  const paint = palette[severity];
  const marks = [{ span, label, primary: true }, ...related.map((each) => ({ ...each, primary: false }))];
  const sources = [...new Set(marks.map((mark) => mark.span.source))];
  const last = Math.max(...marks.map((mark) => cache.of(mark.span.source).line(mark.span.start)));
  const margin = " ".repeat(String(last).length + 1);
  const out = [`${paint(`${severity}[${code}]`)}${palette.message(`: ${printable(message)}`)}`];
  for (const source of sources) {
    const lines = cache.of(source);
    const here = marks.filter((mark) => mark.span.source === source);
    const at = here[0]?.span.start ?? 0;
    const arrow = source === span.source ? "-->" : ":::";
    const place = `${printable(source.path)}:${lines.line(at)}:${lines.column(at)}`;
    out.push(`${margin.slice(1)}${palette.frame(arrow)} ${place}`, `${margin}${palette.frame("|")}`);
    out.push(...excerpt(here, lines, margin, palette, severity));
  }
  const helps = edits.map(
    (edit) => `${margin}${palette.frame("=")} ${palette.help("help:")} ${printable(edit.label)}`,
  );
  if (helps.length > 0) out.push(`${margin}${palette.frame("|")}`, ...helps);
  return out.join("\n");
}

/** The lines that the marks stand on, in order, each with its marks below it. */
function excerpt(
  marks: readonly Mark[],
  lines: Lines,
  margin: string,
  palette: Palette,
  severity: Severity,
): readonly string[] {
  const out: string[] = [];
  const sorted = marks.toSorted((a, b) => a.span.start - b.span.start);
  const numbers = [...new Set(sorted.map((mark) => lines.line(mark.span.start)))];
  let previous = numbers[0] ?? 1;
  for (const number of numbers) {
    if (number > previous + 1) out.push(palette.frame("..."));
    if (number === previous + 2) out.splice(-1, 1, numbered(number - 1, lines, margin, palette));
    previous = number;
    const here = sorted.filter((mark) => lines.line(mark.span.start) === number);
    // A long line is cut around the mark it is shown for, so marks that lie far apart each show their own part of it.
    let shownText: string | undefined;
    for (const mark of here) {
      const line = lines.text(number);
      const start = mark.span.start - lines.start(number);
      const end = mark.span.end - lines.start(number);
      const { text, from, to } = show(line, start, Math.min(end, line.length));
      if (text !== shownText) out.push(`${gutter(String(number), margin, palette)} ${text}`.trimEnd());
      shownText = text;
      const sign = (mark.primary ? "^" : "-").repeat(Math.max(1, to - from));
      const endLine = lines.line(Math.max(mark.span.start, mark.span.end - 1));
      const label = printable(mark.label) + (endLine > number ? ` (to line ${endLine})` : "");
      const paint = mark.primary ? palette[severity] : palette.frame;
      out.push(`${gutter("", margin, palette)} ${" ".repeat(from)}${paint(`${sign} ${label}`.trimEnd())}`);
    }
  }
  return out;
}

function numbered(number: number, lines: Lines, margin: string, palette: Palette): string {
  return `${gutter(String(number), margin, palette)} ${show(lines.text(number), 0, 0).text}`.trimEnd();
}

function gutter(number: string, margin: string, palette: Palette): string {
  return palette.frame(`${number.padStart(columns(margin) - 1)} |`);
}

/** A span as tools want it: lines and columns from 1, columns in UTF-16 units, the end past the last character. */
export interface Place {
  readonly file: string;
  readonly line: number;
  readonly column: number;
  readonly endLine: number;
  readonly endColumn: number;
}

export interface DiagnosticData extends Place {
  readonly code: string;
  readonly severity: Severity;
  readonly message: string;
  readonly label: string;
  readonly related: readonly (Place & { readonly label: string })[];
  readonly edits: readonly (Place & { readonly text: string; readonly label: string })[];
}

/** The same as data, ready for `JSON.stringify`. */
export function renderJson(diagnostics: readonly Diagnostic[]): readonly DiagnosticData[] {
  const cache = new LineCache();
  const place = ({ source, start, end }: Span): Place => {
    const lines = cache.of(source);
    return {
      file: source.path,
      line: lines.line(start),
      column: lines.column(start),
      endLine: lines.line(end),
      endColumn: lines.column(end),
    };
  };
  return diagnostics.map(({ code, severity, message, span, label, related, edits }) => ({
    code,
    severity,
    message,
    ...place(span),
    label,
    related: related.map((each) => ({ ...place(each.span), label: each.label })),
    edits: edits.map((edit) => ({ ...place(edit.span), text: edit.text, label: edit.label })),
  }));
}
