// The grammar of files, recipes and definitions: tokens in, Chevrotain's concrete tree out. It accepts more than the
// language does: separators may be missing or doubled, values may be missing, and tokens that fit nowhere are collected in
// `stray` nodes up to the end of their line. `tree.ts` reports these with the language's own wording; Chevrotain's recovery
// is left the fixed tokens (names, `=`, `{`). `brackets.ts` has balanced and bounded the nesting before.
import type { CstNode, IRecognitionException, IToken } from "chevrotain";
import { ExpressionParser } from "./parser-expressions.ts";
import { isWord } from "./parser-lookahead.ts";
import * as t from "./tokens.ts";

export class FtlParser extends ExpressionParser {
  constructor(checked: boolean) {
    super(checked);
    this.performSelfAnalysis();
  }

  // Files.

  readonly file = this.RULE("file", () => {
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Newline) },
          { ALT: () => this.CONSUME(t.Comma) },
          { GATE: () => this.word(1) === "import", ALT: () => this.SUBRULE(this.importItem) },
          { GATE: () => this.word(1) === "recipe", ALT: () => this.SUBRULE(this.recipe) },
          { GATE: () => this.startsDefinition(), ALT: () => this.SUBRULE(this.definition) },
          { ALT: () => this.SUBRULE(this.stray) },
          // Left over after recovery only: brackets balance.
          { ALT: () => this.CONSUME(t.RightBrace) },
          { ALT: () => this.CONSUME(t.RightParen) },
          { ALT: () => this.CONSUME(t.RightSquare) },
        ],
      }),
    );
  });

  /** What stands between the braces in a string. */
  readonly interpolation = this.RULE("interpolation", () => {
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
    this.OPTION2(() => this.SUBRULE(this.strayInside));
  });

  readonly importItem = this.RULE("importItem", () => {
    this.CONSUME(t.Word);
    this.CONSUME(t.Text);
  });

  readonly recipe = this.RULE("recipe", () => {
    this.CONSUME(t.Word);
    this.CONSUME2(t.Word, { LABEL: "name" });
    this.SUBRULE(this.body);
  });

  /** The braces of a recipe, a clause, or a value with options: clauses and options. */
  readonly body: () => CstNode = this.RULE("body", () => {
    this.CONSUME(t.LeftBrace);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Newline) },
          { ALT: () => this.CONSUME(t.Comma) },
          { GATE: () => this.startsOption(), ALT: () => this.SUBRULE(this.optionEntry) },
          { GATE: () => isWord(this.LA(1)), ALT: () => this.SUBRULE(this.clause) },
          { ALT: () => this.SUBRULE(this.stray) },
          // Left over after recovery only: brackets balance.
          { ALT: () => this.CONSUME(t.RightParen) },
          { ALT: () => this.CONSUME(t.RightSquare) },
        ],
      }),
    );
    this.CONSUME(t.RightBrace);
  });

  readonly optionEntry = this.RULE("optionEntry", () => {
    this.CONSUME(t.Word);
    this.MANY(() => {
      this.CONSUME(t.Dot);
      this.CONSUME2(t.Word);
    });
    this.CONSUME(t.Colon);
    this.SUBRULE(this.value);
  });

  /** Expressions side by side, and options that belong to them: `every 200 steps`, `nf4 { block: 64 }`. May be empty. */
  readonly value = this.RULE("value", () => {
    this.OPTION({
      GATE: () => this.startsExpression(1) && !this.startsOption(),
      DEF: () => this.SUBRULE(this.expression),
    });
    this.MANY({
      GATE: () => this.startsWord(1) && !this.startsOption(),
      DEF: () => this.SUBRULE2(this.expression),
    });
    this.OPTION2(() => this.SUBRULE(this.body));
  });

  readonly clause = this.RULE("clause", () => {
    this.CONSUME(t.Word);
    this.OPTION({
      GATE: () => this.startsExpression(1) && !this.startsAlias() && !this.startsOption(),
      DEF: () => this.SUBRULE(this.expression),
    });
    this.MANY({
      GATE: () => this.startsWord(1) && !this.startsAlias() && !this.startsOption(),
      DEF: () => this.SUBRULE2(this.expression),
    });
    this.OPTION2(() => {
      this.CONSUME(t.As);
      this.CONSUME2(t.Word, { LABEL: "alias" });
    });
    this.OPTION3(() => this.SUBRULE(this.body));
  });

  // Definitions.

  readonly definition = this.RULE("definition", () => {
    this.CONSUME(t.Word);
    this.CONSUME2(t.Word, { LABEL: "name" });
    this.OPTION(() => this.SUBRULE(this.names));
    this.OPTION2(() => this.SUBRULE(this.parameters));
    this.OPTION3({
      GATE: () => this.word(1) === "on",
      DEF: () => {
        this.CONSUME3(t.Word, { LABEL: "onWord" });
        this.CONSUME4(t.Word, { LABEL: "on" });
        this.MANY(() => {
          this.CONSUME(t.Comma);
          this.CONSUME5(t.Word, { LABEL: "on" });
        });
      },
    });
    this.OPTION4(() => {
      this.CONSUME(t.Arrow);
      this.SUBRULE(this.type);
    });
    this.OPTION5({
      GATE: () => this.word(1) === "kernel",
      DEF: () => {
        this.CONSUME6(t.Word, { LABEL: "kernelWord" });
        this.CONSUME7(t.Word, { LABEL: "kernel" });
      },
    });
    this.OPTION6({
      GATE: () => this.word(1) === "during",
      DEF: () => {
        this.CONSUME8(t.Word, { LABEL: "duringWord" });
        this.CONSUME9(t.Word, { LABEL: "during" });
      },
    });
    this.SUBRULE(this.block);
  });

  /** `[in -> out]` after a module's name. */
  readonly names = this.RULE("names", () => {
    this.CONSUME(t.LeftSquare);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Comma) },
          { ALT: () => this.CONSUME(t.Arrow) },
          { ALT: () => this.CONSUME(t.Word) },
          { ALT: () => this.SUBRULE(this.strayElement) },
        ],
      }),
    );
    this.CONSUME(t.RightSquare);
  });

  readonly parameters = this.RULE("parameters", () => {
    this.CONSUME(t.LeftParen);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Comma) },
          { ALT: () => this.SUBRULE(this.parameter) },
          { ALT: () => this.SUBRULE(this.strayElement) },
        ],
      }),
    );
    this.CONSUME(t.RightParen);
  });

  readonly parameter = this.RULE("parameter", () => {
    this.CONSUME(t.Word);
    this.OPTION(() => {
      this.CONSUME(t.Colon);
      this.OPTION2({ GATE: () => this.startsType(), DEF: () => this.SUBRULE(this.type) });
    });
    this.OPTION3(() => {
      this.CONSUME(t.Assign);
      this.OPTION4({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
    });
  });

  readonly type: () => CstNode = this.RULE("type", () => {
    this.OR([
      { ALT: () => this.SUBRULE(this.list) },
      { ALT: () => this.CONSUME(t.Word) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.MANY(() =>
            this.OR2({
              IGNORE_AMBIGUITIES: true,
              DEF: [
                { ALT: () => this.CONSUME(t.Comma) },
                { GATE: () => this.startsType(), ALT: () => this.SUBRULE(this.type) },
                { ALT: () => this.SUBRULE(this.strayElement) },
              ],
            }),
          );
          this.CONSUME(t.RightParen);
        },
      },
    ]);
  });

  // Statements.

  readonly block: () => CstNode = this.RULE("block", () => {
    this.CONSUME(t.LeftBrace);
    this.MANY(() => {
      const kind = this.statementKind();
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Newline) },
          { ALT: () => this.CONSUME(t.Comma) },
          { GATE: () => kind === "let", ALT: () => this.SUBRULE(this.letStatement) },
          { GATE: () => kind === "table", ALT: () => this.SUBRULE(this.tableStatement) },
          { GATE: () => kind === "layer", ALT: () => this.SUBRULE(this.layer) },
          { GATE: () => kind === "require", ALT: () => this.SUBRULE(this.requireStatement) },
          { GATE: () => kind === "fields", ALT: () => this.SUBRULE(this.fields) },
          { GATE: () => kind === "if", ALT: () => this.SUBRULE(this.conditional) },
          { GATE: () => kind === "method", ALT: () => this.SUBRULE(this.method) },
          { GATE: () => kind === "declaration", ALT: () => this.SUBRULE(this.declaration) },
          { GATE: () => kind === "assign", ALT: () => this.SUBRULE(this.assign) },
          { GATE: () => kind === "result", ALT: () => this.SUBRULE(this.result) },
          { ALT: () => this.SUBRULE(this.stray) },
          // Left over after recovery only: brackets balance.
          { ALT: () => this.CONSUME(t.RightParen) },
          { ALT: () => this.CONSUME(t.RightSquare) },
        ],
      });
    });
    this.CONSUME(t.RightBrace);
  });

  readonly letStatement = this.RULE("letStatement", () => {
    this.CONSUME(t.Word);
    this.OR([
      { ALT: () => this.CONSUME2(t.Word, { LABEL: "name" }) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.MANY(() =>
            this.OR2({
              IGNORE_AMBIGUITIES: true,
              DEF: [
                { ALT: () => this.CONSUME(t.Comma) },
                { ALT: () => this.CONSUME3(t.Word, { LABEL: "name" }) },
                { ALT: () => this.SUBRULE(this.strayElement) },
              ],
            }),
          );
          this.CONSUME(t.RightParen);
        },
      },
    ]);
    this.CONSUME(t.Assign);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
  });

  readonly tableStatement = this.RULE("tableStatement", () => {
    this.CONSUME(t.Word);
    this.CONSUME2(t.Word, { LABEL: "name" });
    this.CONSUME(t.Assign);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
  });

  readonly layer = this.RULE("layer", () => {
    this.CONSUME(t.Word);
    this.CONSUME2(t.Word, { LABEL: "name" });
    this.CONSUME(t.LeftSquare);
    this.CONSUME3(t.Word, { LABEL: "index" });
    this.CONSUME(t.In);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
    this.MANY(() => this.SUBRULE(this.strayElement));
    this.CONSUME(t.RightSquare);
    this.OPTION2(() => {
      this.CONSUME(t.At);
      this.CONSUME(t.Text);
    });
    this.SUBRULE(this.block);
  });

  readonly requireStatement = this.RULE("requireStatement", () => {
    this.CONSUME(t.Word);
    this.SUBRULE(this.expression);
    this.CONSUME(t.Comma);
    this.CONSUME(t.Text);
  });

  /** `peft { … }`, `example { … }`, `bitsandbytes { … }`, `gguf { … }`. */
  readonly fields = this.RULE("fields", () => {
    this.CONSUME(t.Word);
    this.SUBRULE(this.body);
  });

  readonly method = this.RULE("method", () => {
    this.CONSUME(t.Word);
    this.SUBRULE(this.parameters);
    this.OPTION(() => {
      this.CONSUME(t.Arrow);
      this.SUBRULE(this.type);
    });
    this.SUBRULE(this.block);
  });

  /** The parts after the name are accepted in any order and number. */
  readonly declaration = this.RULE("declaration", () => {
    this.CONSUME(t.Word);
    this.CONSUME2(t.Word, { LABEL: "name" });
    this.MANY({
      GATE: () => !this.is(1, t.Newline),
      DEF: () =>
        this.OR([
          { ALT: () => this.SUBRULE(this.list) },
          {
            ALT: () => {
              this.CONSUME(t.At);
              this.CONSUME(t.Text);
            },
          },
          {
            ALT: () => {
              this.CONSUME(t.As);
              this.CONSUME3(t.Word, { LABEL: "role" });
            },
          },
          {
            ALT: () => {
              this.CONSUME(t.Assign);
              this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
            },
          },
          { ALT: () => this.SUBRULE(this.body) },
        ]),
    });
  });

  readonly assign = this.RULE("assign", () => {
    this.CONSUME(t.Word);
    this.CONSUME(t.Assign);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
  });

  readonly result = this.RULE("result", () => {
    this.SUBRULE(this.expression);
    this.OPTION(() => {
      this.CONSUME(t.Assign);
      this.OPTION2({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE2(this.expression) });
    });
  });
}

const parser = new FtlParser(false);

/** Where an expression stands alone, as inside a string, or a whole file. */
export type Entry = "file" | "expression";

/** Never throws. The tree is there even after errors, with what was missing left out. */
export function parseTokens(
  tokens: readonly IToken[],
  entry: Entry,
): { tree: CstNode; errors: readonly IRecognitionException[] } {
  parser.input = [...tokens];
  const tree = entry === "file" ? parser.file() : parser.interpolation();
  return { tree, errors: parser.errors };
}
