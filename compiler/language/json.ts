// JSON read with places: every value and field keeps its span, doubled names and anything that the standard does not allow are located
// mistakes, and depth is bounded. One mistake is reported, the first.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Source, Span } from "../../grammar/source.ts";

export type JsonValue =
  | { readonly kind: "number"; readonly value: number; readonly span: Span }
  | { readonly kind: "string"; readonly value: string; readonly span: Span }
  | { readonly kind: "boolean"; readonly value: boolean; readonly span: Span }
  | { readonly kind: "none"; readonly span: Span }
  | { readonly kind: "list"; readonly elements: readonly JsonValue[]; readonly span: Span }
  | JsonObject;

export interface JsonObject {
  readonly kind: "object";
  readonly fields: ReadonlyMap<string, JsonValue>;
  readonly span: Span;
}

export const deepest = 64;

/** The value that a text is, or the first thing wrong with it. */
export function parseJson(source: Source): JsonValue | Diagnostic {
  const { text } = source;
  let at = text.startsWith("\uFEFF") ? 1 : 0;

  const span = (start: number, end: number): Span => ({ source, start, end: Math.min(end, text.length) });
  const fault = (message: string, label: string, place = span(at, at + 1)): Diagnostic =>
    problem("FTL0321", place, message, label);
  const unexpected = (expected: string): Diagnostic =>
    at >= text.length
      ? fault("the file ends too early", `expected ${expected}`)
      : fault("this is not JSON", `expected ${expected}`);

  function blank(): void {
    while (/[ \t\r\n]/.test(text.charAt(at))) at += 1;
  }

  function string(): { value: string; span: Span } | Diagnostic {
    const start = at;
    const found = /"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y;
    found.lastIndex = at;
    const match = found.exec(text);
    if (match === null)
      return text.charAt(at) === '"'
        ? fault("this text does not end, or holds what JSON does not allow", "here")
        : unexpected('a text in "quotes"');
    at += match[0].length;
    return { value: JSON.parse(match[0]) as string, span: span(start, at) };
  }

  function value(depth: number): JsonValue | Diagnostic {
    blank();
    const start = at;
    if (depth > deepest) return fault(`lists and objects lie more than ${deepest} deep`, "here");
    const first = text.charAt(at);
    if (first === "{") return object(depth);
    if (first === "[") return list(depth);
    if (first === '"') {
      const said = string();
      return "code" in said ? said : { kind: "string", ...said };
    }
    const word = /true|false|null|-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y;
    word.lastIndex = at;
    const match = word.exec(text)?.[0];
    if (match === undefined) return unexpected("a value");
    at += match.length;
    const place = span(start, at);
    if (match === "null") return { kind: "none", span: place };
    if (match === "true" || match === "false")
      return { kind: "boolean", value: match === "true", span: place };
    const number = Number(match);
    return Number.isFinite(number)
      ? { kind: "number", value: number, span: place }
      : fault("this number is too large", "here", place);
  }

  function list(depth: number): JsonValue | Diagnostic {
    const start = at;
    const elements: JsonValue[] = [];
    at += 1;
    blank();
    while (text.charAt(at) !== "]") {
      if (elements.length > 0) {
        if (text.charAt(at) !== ",") return unexpected("',' or ']'");
        at += 1;
      }
      const element = value(depth + 1);
      if ("code" in element) return element;
      elements.push(element);
      blank();
    }
    at += 1;
    return { kind: "list", elements, span: span(start, at) };
  }

  function object(depth: number): JsonValue | Diagnostic {
    const start = at;
    const fields = new Map<string, JsonValue>();
    const names = new Map<string, Span>();
    at += 1;
    blank();
    while (text.charAt(at) !== "}") {
      if (fields.size > 0) {
        if (text.charAt(at) !== ",") return unexpected("',' or '}'");
        at += 1;
        blank();
      }
      const name = string();
      if ("code" in name) return name;
      const first = names.get(name.value);
      if (first !== undefined) {
        const related = [{ span: first, label: "first here" }];
        return problem("FTL0321", name.span, `"${name.value}" stands twice in one object`, "again here", {
          related,
        });
      }
      names.set(name.value, name.span);
      blank();
      if (text.charAt(at) !== ":") return unexpected("':'");
      at += 1;
      const field = value(depth + 1);
      if ("code" in field) return field;
      fields.set(name.value, field);
      blank();
    }
    at += 1;
    return { kind: "object", fields, span: span(start, at) };
  }

  const result = value(0);
  if ("code" in result) return result;
  blank();
  return at < text.length
    ? fault("something follows the JSON value", "expected the end of the file")
    : result;
}
