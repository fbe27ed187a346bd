// Text in columns. Comes in: running text. Goes out: lines no wider than asked, broken at spaces; a word that is wider stands alone.

/** Columns that printed pages take: what every terminal shows and a reader's eye follows. */
export const pageColumns = 80;

/** The lines of a paragraph; the first is indented by `first`, all others by `indent`. */
export function wrap(text: string, indent = "", first = indent): string[] {
  const lines: string[] = [];
  let line = first;
  let empty = true;
  for (const word of text.split(/\s+/).filter((each) => each !== "")) {
    if (!empty && line.length + 1 + word.length > pageColumns) {
      lines.push(line);
      line = indent;
      empty = true;
    }
    line += empty ? word : ` ${word}`;
    empty = false;
  }
  return empty ? lines : [...lines, line];
}

/** Two columns: names, padded to the widest that is not wider than `most`, and what they are. */
export function table(
  rows: readonly (readonly [name: string, text: string])[],
  indent: string,
  most = 22,
): string[] {
  const lengths = rows.map(([name]) => name.length).filter((length) => length <= most);
  const width = Math.max(0, ...lengths) + 2;
  const under = indent + " ".repeat(width);
  return rows.flatMap(([name, text]) => {
    const head = indent + name.padEnd(width);
    if (name.length + 2 > width) return [indent + name, ...wrap(text, under)];
    const lines = wrap(text, under, head);
    return lines.length === 0 ? [head.trimEnd()] : lines;
  });
}
