// The grammar of expressions. Operands and operators come flat, in the order in which they stand, each possibly missing;
// `expressions.ts` binds them. Brackets, `if` and `match` alone recurse. What fits nowhere is collected in `stray` nodes.
import type { CstNode } from "chevrotain";
import { isWord, LookaheadParser } from "./parser-lookahead.ts";
import * as t from "./tokens.ts";

export abstract class ExpressionParser extends LookaheadParser {
  /** Statements in braces. */
  abstract readonly block: () => CstNode;
  /** Options and clauses in braces. */
  abstract readonly body: () => CstNode;

  readonly expression: () => CstNode = this.RULE("expression", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => this.startsLambda(),
          ALT: () => {
            this.AT_LEAST_ONE({ GATE: () => this.startsLambda(), DEF: () => this.SUBRULE(this.lambdaHead) });
            this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.chain) });
          },
        },
        { ALT: () => this.SUBRULE2(this.chain) },
      ],
    });
  });

  readonly lambdaHead = this.RULE("lambdaHead", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Word) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.MANY(() =>
            this.OR2([{ ALT: () => this.CONSUME(t.Comma) }, { ALT: () => this.CONSUME2(t.Word) }]),
          );
          this.CONSUME(t.RightParen);
        },
      },
    ]);
    this.CONSUME(t.FatArrow);
  });

  readonly chain = this.RULE("chain", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        { GATE: () => this.startsOperand(1), ALT: () => this.SUBRULE(this.operand) },
        {
          ALT: () => {
            this.CONSUME(t.Operator);
            this.OPTION({ GATE: () => this.startsOperand(1), DEF: () => this.SUBRULE2(this.operand) });
          },
        },
      ],
    });
    this.MANY(() => {
      this.CONSUME2(t.Operator);
      this.OPTION2({ GATE: () => this.startsOperand(1), DEF: () => this.SUBRULE3(this.operand) });
    });
  });

  readonly operand = this.RULE("operand", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          ALT: () => {
            this.AT_LEAST_ONE(() =>
              this.OR2([{ ALT: () => this.CONSUME(t.Minus) }, { ALT: () => this.CONSUME(t.Not) }]),
            );
            this.OPTION({ GATE: () => this.startsWord(1), DEF: () => this.SUBRULE(this.primary) });
          },
        },
        { ALT: () => this.SUBRULE2(this.primary) },
      ],
    });
  });

  readonly primary = this.RULE("primary", () => {
    let takesArguments = true;
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          ALT: () => {
            this.CONSUME(t.Numeral);
            takesArguments = false;
          },
        },
        {
          ALT: () => {
            this.CONSUME(t.Text);
            takesArguments = false;
          },
        },
        { ALT: () => this.SUBRULE(this.list) },
        { ALT: () => this.SUBRULE(this.parenthesized) },
        { GATE: () => this.is(1, t.If), ALT: () => this.SUBRULE(this.conditional) },
        { GATE: () => this.is(1, t.Match), ALT: () => this.SUBRULE(this.matchExpression) },
        { ALT: () => this.CONSUME(t.Word) },
      ],
    });
    // A number beside a list is two things: `every 2 [attention]`.
    this.MANY({
      GATE: () => takesArguments || this.is(1, t.Dot) || this.is(1, t.OptionalDot),
      DEF: () => this.SUBRULE(this.postfix),
    });
  });

  readonly postfix = this.RULE("postfix", () => {
    this.OR([
      {
        ALT: () => {
          this.CONSUME(t.Dot);
          this.CONSUME(t.Word);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.OptionalDot);
          this.CONSUME2(t.Word);
        },
      },
      { ALT: () => this.SUBRULE(this.callArguments) },
      { ALT: () => this.SUBRULE(this.list) },
    ]);
  });

  readonly callArguments = this.RULE("callArguments", () => {
    this.CONSUME(t.LeftParen);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Comma) },
          {
            GATE: () => this.startsExpression(1) || (isWord(this.LA(1)) && this.is(2, t.Colon)),
            ALT: () => this.SUBRULE(this.argument),
          },
          { ALT: () => this.SUBRULE(this.strayElement) },
        ],
      }),
    );
    this.CONSUME(t.RightParen);
  });

  readonly argument = this.RULE("argument", () => {
    this.OR({
      IGNORE_AMBIGUITIES: true,
      DEF: [
        {
          GATE: () => isWord(this.LA(1)) && this.is(2, t.Colon),
          ALT: () => {
            this.CONSUME(t.Word);
            this.CONSUME(t.Colon);
            this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
          },
        },
        { ALT: () => this.SUBRULE2(this.expression) },
      ],
    });
  });

  /** A list, a shape or the indices in brackets: `[1, 2]`, `[.., d]`, `[in -> out]`, `[100 steps, nf4 { block: 64 }]`. */
  readonly list: () => CstNode = this.RULE("list", () => {
    this.CONSUME(t.LeftSquare);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Comma) },
          { ALT: () => this.CONSUME(t.Arrow) },
          { GATE: () => this.startsExpression(1), ALT: () => this.SUBRULE(this.element) },
          { ALT: () => this.SUBRULE(this.strayElement) },
        ],
      }),
    );
    this.CONSUME(t.RightSquare);
  });

  /** Words may follow a number only: `[a b]` lacks a comma. */
  readonly element = this.RULE("element", () => {
    const numeral = this.is(1, t.Numeral);
    this.SUBRULE(this.expression);
    this.MANY({
      GATE: () => numeral && isWord(this.LA(1)) && this.startsWord(1),
      DEF: () => this.SUBRULE2(this.expression),
    });
    this.OPTION(() => this.SUBRULE(this.body));
  });

  readonly parenthesized = this.RULE("parenthesized", () => {
    this.CONSUME(t.LeftParen);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Comma) },
          { GATE: () => this.startsExpression(1), ALT: () => this.SUBRULE(this.expression) },
          { ALT: () => this.SUBRULE(this.strayElement) },
        ],
      }),
    );
    this.CONSUME(t.RightParen);
  });

  /** `if` in expressions and among statements. */
  readonly conditional: () => CstNode = this.RULE("conditional", () => {
    this.SUBRULE(this.branch);
    this.MANY({
      GATE: () => this.is(1, t.Else) && this.is(2, t.If),
      DEF: () => {
        this.CONSUME(t.Else);
        this.SUBRULE2(this.branch);
      },
    });
    this.OPTION(() => {
      this.CONSUME2(t.Else);
      this.SUBRULE(this.block);
    });
  });

  readonly branch = this.RULE("branch", () => {
    this.CONSUME(t.If);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
    this.SUBRULE(this.block);
  });

  readonly matchExpression = this.RULE("matchExpression", () => {
    this.CONSUME(t.Match);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
    this.CONSUME(t.LeftBrace);
    this.MANY(() =>
      this.OR({
        IGNORE_AMBIGUITIES: true,
        DEF: [
          { ALT: () => this.CONSUME(t.Newline) },
          { ALT: () => this.CONSUME(t.Comma) },
          { GATE: () => this.startsExpression(1), ALT: () => this.SUBRULE(this.matchCase) },
          { ALT: () => this.SUBRULE(this.stray) },
          // Left over after recovery only: brackets balance.
          { ALT: () => this.CONSUME(t.RightParen) },
          { ALT: () => this.CONSUME(t.RightSquare) },
        ],
      }),
    );
    this.CONSUME(t.RightBrace);
  });

  readonly matchCase = this.RULE("matchCase", () => {
    this.SUBRULE(this.chain);
    this.MANY(() => {
      this.CONSUME(t.Comma);
      this.SUBRULE2(this.chain);
    });
    this.CONSUME(t.FatArrow);
    this.OPTION({ GATE: () => this.startsExpression(1), DEF: () => this.SUBRULE(this.expression) });
  });

  // What fits nowhere.

  /** Everything up to the end of the line, brackets with all that they hold. */
  readonly stray: () => CstNode = this.RULE("stray", () => {
    this.AT_LEAST_ONE(() => this.SUBRULE(this.strayElement));
  });

  readonly strayElement: () => CstNode = this.RULE("strayElement", () => {
    this.OR([
      { ALT: () => this.CONSUME(t.Word) },
      { ALT: () => this.CONSUME(t.Stray) },
      { ALT: () => this.CONSUME(t.Numeral) },
      { ALT: () => this.CONSUME(t.Text) },
      {
        ALT: () => {
          this.CONSUME(t.LeftParen);
          this.SUBRULE(this.strayInside);
          this.CONSUME(t.RightParen);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftSquare);
          this.SUBRULE2(this.strayInside);
          this.CONSUME(t.RightSquare);
        },
      },
      {
        ALT: () => {
          this.CONSUME(t.LeftBrace);
          this.SUBRULE3(this.strayInside);
          this.CONSUME(t.RightBrace);
        },
      },
    ]);
  });

  readonly strayInside = this.RULE("strayInside", () => {
    this.MANY(() =>
      this.OR([
        { ALT: () => this.CONSUME(t.Newline) },
        { ALT: () => this.CONSUME(t.Comma) },
        { ALT: () => this.SUBRULE(this.strayElement) },
      ]),
    );
  });
}
