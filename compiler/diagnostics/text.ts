// Source text as a terminal can show it: lines by number, tabs as spaces, control characters made harmless, wide characters
// counted as two columns, and long lines cut to the part that matters.
import type { Source } from "../../grammar/source.ts";

/** The lines of one source, found once and asked often. Lines and columns count from 1, columns in UTF-16 units. */
export class Lines {
  readonly source: Source;
  private readonly starts: number[] = [0];

  constructor(source: Source) {
    this.source = source;
    for (let at = source.text.indexOf("\n"); at !== -1; at = source.text.indexOf("\n", at + 1))
      this.starts.push(at + 1);
  }

  /** The line of an offset. */
  line(offset: number): number {
    let low = 0;
    let high = this.starts.length;
    while (high - low > 1) {
      const middle = (low + high) >> 1;
      if ((this.starts[middle] ?? 0) <= offset) low = middle;
      else high = middle;
    }
    return low + 1;
  }

  start(line: number): number {
    return this.starts[line - 1] ?? this.source.text.length;
  }

  column(offset: number): number {
    return offset - this.start(this.line(offset)) + 1;
  }

  /** A line's text without its end. */
  text(line: number): string {
    const next = this.starts[line];
    return this.source.text
      .slice(this.start(line), next === undefined ? undefined : next - 1)
      .replace(/\r$/, "");
  }
}

/** Columns a shown line may take before it is cut, and how many of them stand before the mark. */
const longest = 140;
const ahead = 50;

export interface Shown {
  readonly text: string;
  /** The columns, from 0, that the marked characters take. */
  readonly from: number;
  readonly to: number;
}

/** A line with the marked characters `start` to `end` (UTF-16 units of the line) placed on screen. */
export function show(line: string, start: number, end: number): Shown {
  const from = printable(line.slice(0, start));
  const marked = printable(line.slice(start, end));
  const rest = printable(line.slice(end));
  const whole = from + marked + rest;
  if (whole.length <= longest)
    return { text: whole, from: columns(from), to: columns(from) + columns(marked) };
  const cut = Math.max(0, from.length - ahead);
  const kept = whole.slice(cut, cut + longest);
  const before = cut > 0 ? "…" : "";
  const left = columns(before) + columns(from.slice(cut));
  const width = columns(kept.slice(from.length - cut, from.length - cut + marked.length));
  return { text: before + kept + (cut + longest < whole.length ? "…" : ""), from: left, to: left + width };
}

/** No character in it moves the cursor or changes the terminal. */
export function printable(text: string): string {
  return text.replaceAll("\t", "  ").replace(/[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/gu, "\ufffd");
}

const wide =
  /[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}\p{Script=Hangul}\p{Emoji_Presentation}\uff01-\uff60\uffe0-\uffe6\u3000-\u303f]/u;

/** How many columns a terminal takes for a text. */
export function columns(text: string): number {
  let sum = 0;
  for (const character of text) {
    if (/\p{M}/u.test(character)) continue;
    sum += wide.test(character) ? 2 : 1;
  }
  return sum;
}
