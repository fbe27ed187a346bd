// The words of the textual form: names, %numbers, "strings", numbers and single signs, each with its place. A string of
// any characters gives a list of tokens that ends with `end`, or the place where no token begins.

export interface Token {
  readonly kind: "name" | "value" | "string" | "number" | "sign" | "end";
  /** As written; for a string, what it means. */
  readonly text: string;
  readonly line: number;
  readonly column: number;
}

/** One fault of a text, counted from 1. */
export interface TextProblem {
  readonly line: number;
  readonly column: number;
  readonly message: string;
}

const TOKEN =
  /(?<space>[ \t\r]+|\/\/[^\n]*)|(?<newline>\n)|(?<name>[A-Za-z_][\w.]*)|(?<value>%\d+)|(?<string>"(?:[^"\\\n]|\\[^\n])*")|(?<number>-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?|#(?:-?Infinity|NaN))|(?<sign>[{}[\]():=,@])/y;

export function scan(text: string): {
  readonly tokens: readonly Token[];
  readonly problem: TextProblem | undefined;
} {
  const tokens: Token[] = [];
  let [line, start] = [1, 0];
  let offset = 0;
  while (offset < text.length) {
    TOKEN.lastIndex = offset;
    const groups = TOKEN.exec(text)?.groups;
    const place = { line, column: offset - start + 1 };
    if (groups === undefined)
      return { tokens, problem: { ...place, message: `unexpected ${shown(text, offset)}` } };
    offset = TOKEN.lastIndex;
    if (groups["newline"] !== undefined) {
      line += 1;
      start = offset;
    } else if (groups["string"] !== undefined) {
      const meaning = unquote(groups["string"]);
      if (meaning === undefined) return { tokens, problem: { ...place, message: "no valid string" } };
      tokens.push({ kind: "string", text: meaning, ...place });
    } else {
      const kind = (["name", "value", "number", "sign"] as const).find((name) => groups[name] !== undefined);
      if (kind !== undefined) tokens.push({ kind, text: groups[kind] ?? "", ...place });
    }
  }
  tokens.push({ kind: "end", text: "", line, column: offset - start + 1 });
  return { tokens, problem: undefined };
}

function shown(text: string, offset: number): string {
  const character = String.fromCodePoint(text.codePointAt(offset) ?? 0);
  return character === '"' ? "end of a string" : JSON.stringify(character);
}

function unquote(text: string): string | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "string" ? value : undefined;
  } catch {
    return undefined;
  }
}
