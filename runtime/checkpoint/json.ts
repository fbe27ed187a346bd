// Goes in: JSON text from a stranger's file. Comes out: a tree that knows where each value stands and how each number was spelt.
// Always: exactly the grammar of RFC 8259; a key that appears twice in an object is an error (JSON.parse would hide it); names
// live in maps, so `__proto__` is a name like any other; depth and number of values are bounded, so no input exhausts the stack
// or the memory.

export type JsonNode =
  | { readonly kind: "null"; readonly at: number }
  | { readonly kind: "boolean"; readonly at: number; readonly value: boolean }
  | { readonly kind: "number"; readonly at: number; readonly value: number; readonly text: string }
  | { readonly kind: "string"; readonly at: number; readonly value: string }
  | { readonly kind: "array"; readonly at: number; readonly items: readonly JsonNode[] }
  | { readonly kind: "object"; readonly at: number; readonly entries: ReadonlyMap<string, JsonNode> };

export type JsonObject = Extract<JsonNode, { kind: "object" }>;

export type JsonValue =
  null | boolean | number | string | readonly JsonValue[] | { readonly [name: string]: JsonValue };

/** `at` is the offset in the text, in UTF-16 units; `lineOf` turns it into a line. */
export class JsonError extends Error {
  readonly at: number;

  constructor(at: number, message: string) {
    super(message);
    this.name = "JsonError";
    this.at = at;
  }
}

/** The line (from 1) of an offset. */
export function lineOf(text: string, at: number): number {
  let line = 1;
  for (let i = text.indexOf("\n"); i >= 0 && i < at; i = text.indexOf("\n", i + 1)) line += 1;
  return line;
}

const deepest = 100;
/** Half a million tensors in a header; a hundred million bytes of "1,1,1,…" would take gigabytes of nodes. */
const mostValues = 4_000_000;
const number = /-?(?:0|[1-9][0-9]*)(?:\.[0-9]+)?(?:[eE][+-]?[0-9]+)?/y;
const hex = /[0-9a-fA-F]{4}/y;
const escapes: ReadonlyMap<string, string> = new Map([
  ['"', '"'],
  ["\\", "\\"],
  ["/", "/"],
  ["b", "\b"],
  ["f", "\f"],
  ["n", "\n"],
  ["r", "\r"],
  ["t", "\t"],
]);

/** Throws `JsonError`. */
export function parseJson(text: string): JsonNode {
  let at = 0;
  let values = 0;

  function fail(message: string, where = at): never {
    throw new JsonError(where, message);
  }
  function space(): void {
    for (;;) {
      const c = text.charCodeAt(at);
      if (c !== 0x20 && c !== 0x0a && c !== 0x0d && c !== 0x09) return;
      at += 1;
    }
  }
  function match(pattern: RegExp): string | undefined {
    pattern.lastIndex = at;
    const found = pattern.exec(text)?.[0];
    if (found !== undefined) at += found.length;
    return found;
  }
  function word(spelling: string): void {
    if (!text.startsWith(spelling, at))
      fail(at >= text.length ? "it ends too early" : "a JSON value was expected");
    at += spelling.length;
  }
  function string(): string {
    at += 1;
    let out = "";
    for (;;) {
      const from = at;
      while (isPlain(text.charCodeAt(at))) at += 1;
      out += text.slice(from, at);
      const c = text[at];
      if (c === undefined) return fail("a string has no end");
      if (c === '"') {
        at += 1;
        return out;
      }
      if (c !== "\\") return fail("a control character in a string");
      at += 1;
      const escape = text[at] ?? fail("a string has no end");
      at += 1;
      if (escape === "u") out += String.fromCharCode(parseInt(match(hex) ?? fail("a bad \\u escape"), 16));
      else out += escapes.get(escape) ?? fail(`an unknown escape \\${escape}`, at - 1);
    }
  }
  function array(start: number, depth: number): JsonNode {
    at += 1;
    const items: JsonNode[] = [];
    space();
    if (text[at] === "]") {
      at += 1;
      return { kind: "array", at: start, items };
    }
    for (;;) {
      items.push(value(depth + 1));
      space();
      const c = text[at];
      if (c !== "," && c !== "]") fail("',' or ']' was expected");
      at += 1;
      if (c === "]") return { kind: "array", at: start, items };
    }
  }
  function object(start: number, depth: number): JsonNode {
    at += 1;
    const entries = new Map<string, JsonNode>();
    space();
    if (text[at] === "}") {
      at += 1;
      return { kind: "object", at: start, entries };
    }
    for (;;) {
      space();
      const where = at;
      if (text[at] !== '"') fail("a name in quotes was expected");
      const name = string();
      if (entries.has(name)) fail(`the name ${JSON.stringify(name)} appears twice`, where);
      space();
      if (text[at] !== ":") fail("':' was expected");
      at += 1;
      entries.set(name, value(depth + 1));
      space();
      const c = text[at];
      if (c !== "," && c !== "}") fail("',' or '}' was expected");
      at += 1;
      if (c === "}") return { kind: "object", at: start, entries };
    }
  }
  function value(depth: number): JsonNode {
    if (depth > deepest) fail(`values are nested more than ${deepest} deep`);
    values += 1;
    if (values > mostValues) fail(`it holds more than ${mostValues} values`);
    space();
    const start = at;
    switch (text[at]) {
      case undefined:
        return fail("it ends too early");
      case "{":
        return object(start, depth);
      case "[":
        return array(start, depth);
      case '"':
        return { kind: "string", at: start, value: string() };
      case "t":
        word("true");
        return { kind: "boolean", at: start, value: true };
      case "f":
        word("false");
        return { kind: "boolean", at: start, value: false };
      case "n":
        word("null");
        return { kind: "null", at: start };
      default: {
        const spelling = match(number);
        if (spelling === undefined) return fail("a JSON value was expected");
        return { kind: "number", at: start, value: Number(spelling), text: spelling };
      }
    }
  }

  const root = value(0);
  space();
  if (at < text.length) fail("text after the end of the JSON value");
  return root;
}

/** A character that stands for itself in a string; past the end of the text there is none (NaN). */
function isPlain(code: number): boolean {
  return code >= 0x20 && code !== 0x22 && code !== 0x5c;
}

/** The same value as JSON.parse would give, for code that needs neither places nor spellings. */
export function plainValue(node: JsonNode): JsonValue {
  switch (node.kind) {
    case "null":
      return null;
    case "boolean":
    case "number":
    case "string":
      return node.value;
    case "array":
      return node.items.map(plainValue);
    case "object":
      // fromEntries defines own properties, so a name `__proto__` changes no prototype.
      return Object.fromEntries([...node.entries].map(([name, item]) => [name, plainValue(item)]));
    default:
      return node satisfies never;
  }
}

/** A non-negative whole number spelt as one (no sign, fraction or exponent) and small enough to be exact. */
export function wholeNumber(node: JsonNode): number | undefined {
  if (node.kind !== "number" || !/^[0-9]+$/.test(node.text) || !Number.isSafeInteger(node.value))
    return undefined;
  return node.value;
}
