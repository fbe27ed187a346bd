// The parser's own exceptions in the language's words. Chevrotain's messages carry only the name of the token that was
// expected; together with the rule it stood in, that picks a line of the table below.
import type { IParserErrorMessageProvider, IRecognitionException } from "chevrotain";
import { offsetAfter } from "./brackets.ts";
import { problem, type Diagnostic } from "./diagnostic.ts";
import type { Source } from "./source.ts";

export const errorMessageProvider: IParserErrorMessageProvider = {
  buildMismatchTokenMessage: ({ expected }) => expected.name,
  buildNotAllInputParsedMessage: () => "",
  buildNoViableAltMessage: () => "",
  buildEarlyExitMessage: () => "",
};

interface Expected {
  readonly message: string;
  readonly label: string;
  /** What to write where the token is missing. */
  readonly text?: string;
}

export const expectedBrace = "expected `{`";

/** Keyed by rule and token, then by rule, then by token. */
const expectations: Readonly<Record<string, Expected>> = {
  "importItem.Text": {
    message: "`import` is followed by the path of a file in quotes",
    label: "expected a string",
  },
  "recipe.Word": {
    message: "a recipe has a name: `recipe NAME { … }`",
    label: "expected a name",
    text: " my_recipe",
  },
  "definition.Word": {
    message: "a definition has a name, as in `function NAME(…) { … }`",
    label: "expected a name",
  },
  "layer.LeftSquare": {
    message: 'a layer says how often it repeats: `layer NAME[i in 0..<n] at "…" { … }`',
    label: "expected `[i in 0..<n]`",
  },
  "layer.In": {
    message: "a layer's index runs over a range: `[i in 0..<n]`",
    label: "expected `in`",
    text: " in",
  },
  "requireStatement.Comma": {
    message: '`require` and `expect` say what to tell the user: `require condition, "message"`',
    label: "expected a comma and a message",
  },
  "requireStatement.Text": {
    message: "the message of `require` or `expect` is a string",
    label: "expected a string",
  },
  "clause.Word": { message: "`as` is followed by a name", label: "expected a name" },
  "declaration.Word": { message: "`as` is followed by a role", label: "expected a name" },
  "declaration.Text": { message: "`at` is followed by a path in quotes", label: "expected a string" },
  "layer.Text": { message: "`at` is followed by a path in quotes", label: "expected a string" },
  "postfix.Word": { message: "a field's name follows the dot", label: "expected a name" },
  "optionEntry.Word": { message: "an option's name follows the dot", label: "expected a name" },
  "matchCase.FatArrow": {
    message: "a case gives a value: `pattern => value`",
    label: "expected `=>`",
    text: " =>",
  },
  "lambdaHead.FatArrow": {
    message: "a function of its own is written `x => value`",
    label: "expected `=>`",
    text: " =>",
  },
  type: {
    message: "a type is a shape such as `[rows, d]`, a name such as `number`, or a tuple of types",
    label: "expected a type",
  },
  Word: { message: "a name is missing", label: "expected a name" },
  Assign: { message: "a value is given with `=`", label: "expected `=`", text: " =" },
  Colon: { message: "`:` is missing", label: "expected `:`", text: ":" },
  LeftBrace: { message: "a block in braces is missing", label: expectedBrace, text: " {" },
  Text: { message: "a string in quotes is missing", label: "expected a string" },
};
const otherwise: Expected = { message: "this does not fit here", label: "unexpected" };

/** Nothing for a closing bracket that is missed: brackets balance, so another mistake has come before. */
export function explainMistake(error: IRecognitionException, source: Source): readonly Diagnostic[] {
  return closers.has(error.message) ? [] : [explain(error, source)];
}

const closers = new Set(["RightBrace", "RightParen", "RightSquare"]);

function explain(error: IRecognitionException, source: Source): Diagnostic {
  const rule = error.context.ruleStack.at(-1) ?? "";
  const expected =
    expectations[`${rule}.${error.message}`] ??
    expectations[rule] ??
    expectations[error.message] ??
    otherwise;
  const token = error.token;
  const previous = "previousToken" in error ? (error.previousToken as typeof token | undefined) : undefined;
  // A token at the end of a line or file is nothing to point at: what is missing is missing after the one before.
  const atEnd =
    ["Newline", "EOF", "Comma", "RightBrace"].includes(token.tokenType.name) || !(token.startOffset >= 0);
  const after = previous !== undefined && previous.startOffset >= 0 ? offsetAfter(previous) : undefined;
  if (expected !== otherwise && after !== undefined) {
    const here = { source, start: after, end: after };
    const edits =
      expected.text === undefined
        ? []
        : [{ span: here, text: expected.text, label: `write \`${expected.text.trim()}\`` }];
    const span = atEnd ? here : { source, start: token.startOffset, end: offsetAfter(token) };
    return problem("FTL0107", span, expected.message, expected.label, { edits });
  }
  const start = token.startOffset >= 0 ? token.startOffset : (after ?? source.text.length);
  const end = token.startOffset >= 0 && token.tokenType.name !== "Newline" ? offsetAfter(token) : start;
  const code = expected === otherwise ? "FTL0111" : "FTL0107";
  return problem(code, { source, start, end: Math.max(start, end) }, expected.message, expected.label);
}
