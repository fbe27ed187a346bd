// How a string literal is laid out: text, escapes and `{…}` interpolations. The lexer asks only where it ends, the tree
// builder for its parts. Reading never fails: a string that is not closed ends before the line's end.

/** One stretch of a string, as offsets into the text that was read. */
export interface Stretch {
  readonly kind: "text" | "escape" | "interpolation";
  readonly start: number;
  readonly end: number;
}

export interface StringLayout {
  /** Just past the closing quote, or the end of the line. */
  readonly end: number;
  readonly closed: boolean;
  /** Interpolations without their braces. */
  readonly stretches: readonly Stretch[];
  /** Where an opening brace stands that is never closed, or -1. It is read as text. */
  readonly openBrace: number;
}

const deepest = 4;

/** Reads the string whose opening quote stands at `offset`. */
export function readString(text: string, offset: number, depth = 0): StringLayout {
  const stretches: Stretch[] = [];
  let openBrace = -1;
  let at = offset + 1;
  let textStart = at;
  const flush = (): void => {
    if (at > textStart) stretches.push({ kind: "text", start: textStart, end: at });
  };
  for (;;) {
    const character = text[at];
    if (character === undefined || character === "\n" || character === "\r") {
      flush();
      return { end: at, closed: false, stretches, openBrace };
    }
    if (character === '"') {
      flush();
      return { end: at + 1, closed: true, stretches, openBrace };
    }
    if (character === "\\") {
      flush();
      const next = text[at + 1];
      const end = next === undefined || next === "\n" || next === "\r" ? at + 1 : at + 2;
      stretches.push({ kind: "escape", start: at, end });
      at = textStart = end;
    } else if (character === "{" && openBrace === -1) {
      const end = closingBrace(text, at, depth);
      if (end === -1) {
        // Once one brace is found open, all later ones are text too: looking again for each would take quadratic time.
        openBrace = at;
        at += 1;
      } else {
        flush();
        stretches.push({ kind: "interpolation", start: at + 1, end });
        at = textStart = end + 1;
      }
    } else {
      at += 1;
    }
  }
}

/** The offset of the brace that closes the one at `open` on the same line, or -1. */
function closingBrace(text: string, open: number, depth: number): number {
  let braces = 0;
  for (let at = open; ;) {
    const character = text[at];
    if (character === undefined || character === "\n" || character === "\r") return -1;
    if (character === "{") braces += 1;
    if (character === "}") braces -= 1;
    if (braces === 0) return at;
    if (character === '"') {
      if (depth >= deepest) return -1;
      const inner = readString(text, at, depth + 1);
      if (!inner.closed) return -1;
      at = inner.end;
    } else {
      at += 1;
    }
  }
}

/** What an escape stands for; `undefined` for one the language does not have. */
export function escaped(escape: string): string | undefined {
  return { "\\{": "{", "\\}": "}", '\\"': '"', "\\\\": "\\", "\\n": "\n" }[escape];
}
