// Where things stand in source text. A Span is a half-open range of UTF-16 offsets in one named file; line and column
// are derived from it only when a message is drawn, so that trees stay small.

/** One file as it was read. `path` is how the user would name it. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** Characters `start` to `end` (exclusive) of `source`. `start <= end <= source.text.length` always holds. */
export interface Span {
  readonly source: Source;
  readonly start: number;
  readonly end: number;
}

/** Line and column, both counted from 1; columns count UTF-16 units, as editors do. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** The position of an offset. Linear in the length of the text. */
export function positionAt(source: Source, offset: number): Position {
  let line = 1;
  let lineStart = 0;
  for (let at = source.text.indexOf("\n"); at !== -1 && at < offset; at = source.text.indexOf("\n", at + 1)) {
    line += 1;
    lineStart = at + 1;
  }
  return { line, column: offset - lineStart + 1 };
}

/** The smallest span that holds both; they must be of one source. */
export function cover(first: Span, last: Span): Span {
  return {
    source: first.source,
    start: Math.min(first.start, last.start),
    end: Math.max(first.end, last.end),
  };
}

/** The text a span covers. */
export function textOf(span: Span): string {
  return span.source.text.slice(span.start, span.end);
}
