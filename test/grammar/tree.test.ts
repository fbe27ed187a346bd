// What text means as a tree: precedence, where a statement ends, and how words that are no keywords are read.
import { describe, expect, test } from "vitest";
import { parse } from "../../grammar/index.ts";
import { sexpr } from "./sexpr.ts";

/** The tree of a well-formed text. */
function tree(text: string): string {
  const { file, diagnostics } = parse({ path: "test.ftl", text });
  expect(diagnostics.map((each) => `${each.span.start}: ${each.message}`)).toEqual([]);
  return sexpr(file);
}

/** The statements of a function's body. */
function body(text: string): string {
  return tree(`function f() {\n${text}\n}`)
    .replace(/^\(function f \(\) ?/, "")
    .replace(/\)$/, "")
    .split("\n")
    .map((line) => line.trim())
    .filter((line) => line !== "")
    .join("; ");
}

describe("precedence, loosest first", () => {
  test.each([
    ["a ?? b ?? c", "(?? (?? a b) c)"],
    ["a ?? b or c", "(?? a (or b c))"],
    ["a or b and c", "(or a (and b c))"],
    ["a and not b == c", "(and a (not (== b c)))"],
    ["not not a", "(not (not a))"],
    ["a == b + c", "(== a (+ b c))"],
    ["i in 0..<n", "(in i (..< 0 n))"],
    ["b - 1..<2 * b", "(..< (- b 1) (* 2 b))"],
    ["a - b - c", "(- (- a b) c)"],
    ["a + b * c", "(+ a (* b c))"],
    ["a * b @ c / d % e", "(% (/ (@ (* a b) c) d) e)"],
    ["-a * b", "(* (minus a) b)"],
    ["-a ^ -b ^ c", "(minus (^ a (minus (^ b c))))"],
    ["2 * a ^ b * c", "(* (* 2 (^ a b)) c)"],
    ["-w.shape[0]", "(minus (index (. w shape) 0))"],
    ["a @ (b @ c)", "(@ a (@ b c))"],
    ["x => y => x ?? y", "(lambda [x] (lambda [y] (?? x y)))"],
    ["f(s => s / 2, (a, b) => a)", "(call f (lambda [s] (/ s 2)) (lambda [a b] a))"],
    ["a?.b.c(d)[e]", "(index (call (. (?. a b) c) d) e)"],
    ["if a { b } else { c } + d", undefined],
  ])("%s", (text, expected) => {
    if (expected === undefined)
      expect(parse({ path: "", text: `function f() { ${text} }` }).diagnostics).toHaveLength(1);
    else expect(body(text)).toBe(expected);
  });
});

describe("indices and shapes", () => {
  test.each([
    ["x[.., ..<n]", "(index x (.. _ _) (..< _ n))"],
    ["x[n.., ..]", "(index x (.. n _) (.. _ _))"],
    ["x[..<-1]", "(index x (..< _ (minus 1)))"],
    ["(.., a)", "(tuple (.. _ _) a)"],
    ["[1, 2,]", "[1 2]"],
    ["[100 steps, nf4 { block: 64 }]", "[(words 100 steps) (configured nf4 {(block: 64)})]"],
  ])("%s", (text, expected) => expect(body(`(${text})`)).toBe(expected));
});

describe("literals", () => {
  test.each([
    ["8GiB", "8GiB"],
    ["2e-4", "0.0002"],
    ["3%", "3%"],
    ["7%b", "(% 7 b)"],
    ["7 % 3", "(% 7 3)"],
    ["1..64", "(.. 1 64)"],
    ["1k", "1k"],
    ['"a{i + 1}b"', '(string "a" (+ i 1) "b")'],
    ['"{x["k"]}"', '(string (index x "k"))'],
    [String.raw`"\{ \" \\ \n"`, String.raw`"{ \" \\ \n"`],
    ['""', '""'],
    ["true", "true"],
    ["none", "none"],
  ])("%s", (text, expected) => expect(body(`(${text})`)).toBe(expected));
});

describe("where a statement ends", () => {
  test.each([
    ["with its line", "a\nb", "a; b"],
    ["with a comma", "a, b", "a; b"],
    ["not after an operator", "a +\n\n  b", "(+ a b)"],
    ["not after =", "let a =\n b", "(let [a] b)"],
    ["not after =>", "x =>\n x", "(lambda [x] x)"],
    ["not inside ( )", "f(\na\n,\nb\n)", "(call f a b)"],
    ["not inside [ ]", "[\n1,\n2\n]", "[1 2]"],
    ["again inside { } inside ( )", "f(if a { b\n c } else { d })", "(call f (conditional a {b c} {d}))"],
    ["not before else", "if a { b }\nelse { c }", "(if a {b} {c})"],
    ["not before {", "if a\n{ b }", "(if a {b})"],
    ["before a line that begins with -", "a\n-b", "a; (minus b)"],
    ["a comment changes nothing", "a + // one\n  b // two", "(+ a b)"],
  ])("%s", (_, text, expected) => expect(body(text)).toBe(expected));
});

describe("words that are no keywords", () => {
  test.each([
    ["train A [rank, in]", "(declare train A :shape [rank in])"],
    ["in in [in]", "(in in [in])"],
    ["let at = as", "(let [at] as)"],
    ["layer(table, state, on)", "(call layer table state on)"],
    ["let = 1", "(assign let 1)"],
    ["table = layer", "(assign table layer)"],
    ["f(if: 1, in: 2)", "(call f if: 1 in: 2)"],
    ["x.match.else", "(. (. x match) else)"],
    ["forward(x)", "(call forward x)"],
    ["forward(x) { y }", "(method forward (x) {y})"],
    ["forward(x, y = 1) -> [.., d] { y }", "(method forward (x (y :default 1)) :gives [.. d] {y})"],
    ["state m = 0", "(declare state m :initial 0)"],
    ["peft { in: 1 }", "(peft (in: 1))"],
    ["example { rank: 8 }", "(example (rank: 8))"],
    ['require(a), "m"', '(require a "m")'],
    ['expect a == 0, "m"', '(expect (== a 0) "m")'],
  ])("%s", (text, expected) => expect(body(text)).toBe(expected));
});

test("documentation stands on the definition and on each parameter", () => {
  const text = `/// What it does.
optimizer o(
  // no documentation
  rate: number,
  /// Two decays,
  /// between 0 and 1.
  betas: [2] = [0.9, 0.999], /// of nothing
  eps: number = 1e-8,
) { update(w, g, s) { w = w } }`;
  const { file, diagnostics } = parse({ path: "test.ftl", text });
  const [item] = file.items;
  if (item?.kind !== "definition") throw new Error("no definition");
  expect(diagnostics).toEqual([]);
  expect(item.documentation).toBe("What it does.");
  expect(item.parameters.map(({ documentation }) => documentation)).toEqual([
    "",
    "Two decays,\nbetween 0 and 1.",
    "",
  ]);
});

test("declarations take their parts in any order", () => {
  const inOrder = 'linear q [a -> b] at "x.{i}" as attention = zero { bias: true }';
  const mixed = 'linear q = zero as attention at "x.{i}" [a -> b] { bias: true }';
  expect(body(mixed)).toBe(body(inOrder));
  expect(body(inOrder)).toBe(
    '(declare linear q :arrow [a b] :at (string "x." i) :as attention :initial zero {(bias: true)})',
  );
});

test("if and match as statements and as values", () => {
  expect(body("if a { b } else if c { d } else { e }")).toBe("(if a {b} (if c {d} {e}))");
  expect(body("x = if a { b } else if c { d } else { e }")).toBe(
    "(assign x (conditional a {b} (conditional c {d} {e})))",
  );
  expect(body('match a { "x", "y" => 1, _ => z => 2 }')).toBe('(match a (["x" "y"] 1) ([] (lambda [z] 2)))');
});

test("a recipe's clauses, options and words", () => {
  const text = `recipe r {
  table 3 epochs, in [a] as b { on: every 200 steps, c.d: nf4 { e: -1 } }
  stage one { model.train: ["x"], training: 100 steps }
  rank: 1
}`;
  const parsed = parse({ path: "", text });
  expect(sexpr(parsed.file)).toMatchInlineSnapshot(`
    "(recipe r 
      (table 3 epochs) 
      (in [a] :as b {(on: (words every 200 steps)) (c.d: (configured nf4 {(e: (minus 1))}))}) 
      (stage one {(model.train: ["x"]) (training: (words 100 steps))}))"
  `);
  expect(parsed.diagnostics.map((each) => each.code)).toEqual(["FTL0115"]);
});

test("documentation stands on what it is written above", () => {
  const text = `/// Not this.

/// First.
/// Second.
function f() {
  /// Third.
  forward() { x }
  // plain
  linear q
}`;
  const { file } = parse({ path: "", text });
  const [definition] = file.items;
  expect(definition).toMatchObject({
    documentation: "First.\nSecond.",
    body: { statements: [{ documentation: "Third." }, { documentation: "" }] },
  });
  expect(file.comments).toHaveLength(5);
});

test("spans cover the text of their nodes", () => {
  const text = "function f() { (a + b) * c.d[0] }";
  const { file } = parse({ path: "", text });
  const spans: string[] = [];
  JSON.stringify(file, function (key: string, value: unknown) {
    if (key === "source") return undefined;
    if (key === "span")
      spans.push(text.slice((value as { start: number }).start, (value as { end: number }).end));
    return value;
  });
  expect(spans).toEqual(
    expect.arrayContaining(["(a + b) * c.d[0]", "(a + b)", "a", "c.d[0]", "c.d", "c", "0", text]),
  );
});
