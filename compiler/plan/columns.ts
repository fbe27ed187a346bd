// Text for a terminal of 80 columns: tables of fixed columns, and paragraphs broken at spaces. In: cells or words. Out: lines without
// spaces at their ends.

export const width = 80;

/** Rows of cells in columns of fixed width; negative widths align to the right, long cells lose their middle. */
export function table(rows: readonly (readonly string[])[], widths: readonly number[]): string[] {
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const size = widths[at] ?? 0;
        const shown = cell.length > Math.abs(size) ? shorten(cell, Math.abs(size) - 1) : cell;
        return size < 0 ? shown.padStart(-size) : shown.padEnd(size);
      })
      .join(" ")
      .trimEnd(),
  );
}

/** At most `length` characters: what is too much goes from the middle. */
export function shorten(text: string, length: number): string {
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}`;
}

/** Breaks a line at spaces; what follows is indented. */
export function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.trimStart().split(" ")) {
    const start = lines.length === 0 ? text.length - text.trimStart().length : indent;
    const longer = line === "" ? `${" ".repeat(start)}${word}` : `${line} ${word}`;
    if (longer.length > width && line !== "") {
      lines.push(line);
      line = `${" ".repeat(indent)}${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
