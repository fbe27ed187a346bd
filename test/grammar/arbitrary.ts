// Random `.ftl` text: well-formed files with comments and line breaks wherever the language allows them, and token soup.
import fc from "fast-check";

type Text = fc.Arbitrary<string>;

const name = fc.constantFrom(
  "a",
  "b",
  "x",
  "rank",
  "in",
  "on",
  "at",
  "as",
  "table",
  "state",
  "layer",
  "forward",
  "width",
);
/** A name that can stand alone in a statement without beginning another kind of statement. */
const plainName = fc.constantFrom("a", "b", "x", "rank", "forward", "width");
const comment = fc.constantFrom(
  "// one",
  "// two {",
  "// ] three",
  "//",
  "/// four",
  "// else",
  "// 'five\"",
);

/** Between tokens inside `( )` and `[ ]`, where a line may end. */
const gap: Text = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom("", " ") },
  { weight: 1, arbitrary: fc.constantFrom("\n", "\n\n", "  \n   ") },
  { weight: 1, arbitrary: comment.map((text) => ` ${text}\n`) },
);
/** After an operator that wants more. */
const more: Text = fc.oneof(
  { weight: 12, arbitrary: fc.constant(" ") },
  { weight: 1, arbitrary: fc.constantFrom("\n", "\n\n") },
  { weight: 1, arbitrary: comment.map((text) => ` ${text}\n`) },
);
/** Between two entries of a block. */
const separator: Text = fc.oneof(
  fc.constantFrom("\n", "\n\n", "\n\n\n", ", ", ",\n"),
  comment.map((text) => ` ${text}\n`),
  comment.map((text) => `\n${text}\n`),
  comment.map((text) => `\n\n${text}\n\n`),
);
/** After the opening and before the closing brace of a block. */
const edge: Text = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(" ", "", "\n", "\n\n") },
  { weight: 1, arbitrary: comment.map((text) => ` ${text}\n`) },
  { weight: 1, arbitrary: comment.map((text) => `\n${text}\n`) },
);

const glue = (...parts: readonly (Text | string)[]): Text =>
  fc
    .tuple(...parts.map((part) => (typeof part === "string" ? fc.constant(part) : part)))
    .map((texts) => texts.join(""));

/** `open a, b, close`, spread over lines at random. */
function enclosed(open: string, element: Text, close: string, minLength = 0): Text {
  return fc.array(fc.tuple(gap, element, gap), { minLength, maxLength: 3 }).chain((elements) =>
    fc.tuple(gap, fc.boolean()).map(([last, comma]) => {
      const inner = elements.map((parts) => parts.join("")).join(",");
      return `${open}${inner}${comma && elements.length > 0 ? "," : ""}${last}${close}`;
    }),
  );
}

function block(entry: Text, minLength = 0): Text {
  return fc
    .tuple(edge, fc.array(fc.tuple(entry, separator), { minLength, maxLength: 3 }), edge)
    .map(([first, entries, last]) => {
      const texts = entries.flatMap(([text, after], at) =>
        at === entries.length - 1 ? [text] : [text, after],
      );
      return `{${first}${texts.join("")}${last}}`;
    });
}

const number = fc.constantFrom("0", "1", "2.50", "2e-4", "1e+3", "8GiB", "3%", "1k");
const text = fc.constantFrom(
  '"p"',
  '"layers.{i}"',
  '"{a[0] + 1} b"',
  '"\\{ \\" \\n"',
  '""',
  '"// no comment"',
);
const operator = fc.constantFrom(
  "??",
  "or",
  "and",
  "+",
  "-",
  "*",
  "/",
  "%",
  "@",
  "^",
  "==",
  "in",
  "..",
  "..<",
);

const elseGap: Text = fc.oneof(
  { weight: 4, arbitrary: fc.constant(" else ") },
  comment.map((line) => ` ${line}\nelse `),
);
const parameter: Text = fc.oneof(
  name,
  glue(name, ": [.., d]"),
  glue(name, ": number = 1"),
  glue(name, " = ", number),
);

/** Expressions and statements nest each other. */
const { expression, statement } = fc.letrec<{ expression: string; atom: string; statement: string }>(
  (tie) => {
    const inside = enclosed("(", tie("expression"), ")", 1);
    return {
      atom: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        plainName,
        number,
        text,
        fc.constantFrom("true", "none"),
        enclosed(
          "[",
          fc.oneof(tie("expression"), fc.constantFrom("..", "..<a", "b.."), glue(number, " steps")),
          "]",
        ),
        inside,
        glue(plainName, enclosed("(", fc.oneof(tie("expression"), glue(name, ": ", tie("expression"))), ")")),
        glue(
          plainName,
          enclosed("[", fc.oneof(tie("expression"), fc.constantFrom("..", "..<a", "b..")), "]", 1),
        ),
        glue(plainName, fc.constantFrom(".", "?."), name),
        glue("if ", tie("expression"), " ", block(tie("statement"), 1), elseGap, block(tie("statement"), 1)),
        glue(
          "if ",
          tie("expression"),
          " ",
          block(tie("statement"), 1),
          elseGap,
          "if ",
          tie("expression"),
          " ",
          block(tie("statement"), 1),
          elseGap,
          block(tie("statement"), 1),
        ),
        glue(
          "match ",
          plainName,
          " ",
          block(glue(fc.constantFrom('"a"', '"a", "b"', "1", "_"), " =>", more, tie("expression")), 1),
        ),
      ),
      expression: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        tie("atom"),
        glue(fc.constantFrom("-", "not ", "- -"), tie("atom")),
        glue(
          tie("atom"),
          " ",
          fc.constantFrom("+", "-", "*", "@", "??"),
          more,
          tie("atom"),
          " ",
          fc.constantFrom("+", "^", "*", "and"),
          more,
          tie("atom"),
        ),
        glue("(", tie("atom"), " ", operator, more, tie("atom"), ")"),
        glue(fc.constantFrom("x =>", "(a, b) =>"), more, tie("expression")),
      ),
      statement: fc.oneof(
        { depthSize: "small", withCrossShrink: true },
        glue("let ", name, " =", more, tie("expression")),
        glue("let (a, b) =", more, tie("expression")),
        glue("table t =", more, tie("expression")),
        glue(plainName, " =", more, tie("expression")),
        glue("require ", tie("expression"), ",", more, text),
        glue("expect ", tie("expression"), ",", more, text),
        glue("peft ", block(glue(name, ": ", tie("expression")))),
        glue("example ", block(glue(name, ": ", tie("expression")))),
        glue("if ", tie("expression"), " ", block(tie("statement"))),
        glue("if ", tie("expression"), " ", block(tie("statement")), elseGap, block(tie("statement"))),
        glue(
          "linear q",
          enclosed(" [", tie("expression"), "]"),
          fc.constantFrom("", ' at "x"', " as mlp", ' at "x" as mlp'),
        ),
        glue("train w = ", tie("expression"), " ", block(glue(name, ": ", tie("expression")), 1)),
        glue("layer b[i in ", tie("expression"), "] ", block(tie("statement"))),
        glue(
          "forward",
          enclosed("(", parameter, ")"),
          fc.constantFrom("", " -> [.., d]", " -> number"),
          " ",
          block(tie("statement")),
        ),
        tie("expression").filter(standsAlone),
      ),
    };
  },
);

/** Whether an expression begins no other statement, and joins no line before it. */
function standsAlone(written: string): boolean {
  return !/^(?:if\b|-|\w+\s*\()/.test(written);
}

const optionValue: Text = fc.oneof(
  expression,
  glue(number, " steps"),
  glue("every ", number, " steps"),
  glue("nf4 ", block(glue(name, ": ", number))),
);
const option: Text = glue(fc.oneof(name, fc.constant("model.train")), ": ", optionValue);
const clause: Text = fc
  .tuple(
    name,
    fc.array(fc.oneof(plainName, number, text, fc.constant("[a, 1]")), { maxLength: 3 }),
    fc.constantFrom("", " as style"),
  )
  .map(([noun, words, alias]) => [noun, ...words].join(" ") + alias);
const recipe: Text = glue(
  "recipe r ",
  block(fc.oneof(clause, glue(clause, " ", block(fc.oneof(option, clause))))),
);
const definition: Text = glue(
  fc.constantFrom("function f", "module m[in -> out]", "module m[a, b]", "adapter l"),
  fc.oneof(fc.constant(""), enclosed("(", parameter, ")")),
  fc.constantFrom("", " on linear", " -> [a, ..]", " -> ([a], number) kernel k", " during backward"),
  " ",
  block(statement),
);
const item: Text = fc.oneof(
  { weight: 1, arbitrary: glue("import ", fc.constantFrom('"x.ftl"', '"y.ftl"')) },
  { weight: 2, arbitrary: recipe },
  { weight: 4, arbitrary: definition },
);

/** A well-formed file. */
export const wellFormed: Text = fc
  .tuple(edge, fc.array(fc.tuple(item, separator), { maxLength: 3 }))
  .map(([first, items]) => first + items.flat().join(""));

const fragments = (text: string): Text => fc.constantFrom(...text.split(" "));

/** Anything: fragments of the language and of others, in any order. */
export const soup: Text = fc
  .array(
    fc.oneof(
      { weight: 6, arbitrary: fragments("{ } ( ) [ ] \n , : = => -> . .. ..< ?? ?.") },
      {
        weight: 6,
        arbitrary: fragments(
          "if else match not and let layer require expect peft example recipe import function table train",
        ),
      },
      { weight: 4, arbitrary: fragments('x in on as at 1 3% "a" "{x}" "{ \' //c\n ///d\n /* # ; &&') },
      { weight: 4, arbitrary: fragments("+ - * / % @ ^ < == \\ \u0000 é 😀 \ud800 \r\n \t") },
      { weight: 1, arbitrary: fc.string({ unit: "binary", maxLength: 8 }) },
    ),
    { maxLength: 120 },
  )
  .chain((parts) => fc.constantFrom("", " ").map((space) => parts.join(space)));
