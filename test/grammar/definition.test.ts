// The grammar's own definition: Chevrotain finds nothing wrong with the tokens and the rules. Programs skip this, to start sooner.
import { expect, test } from "vitest";
import { makeLexer } from "../../grammar/lexer.ts";
import { FtlParser } from "../../grammar/parser.ts";

test("the tokens are in order", () => {
  expect(makeLexer(true).lexerDefinitionErrors).toEqual([]);
});

test("the rules are in order", () => {
  expect(() => new FtlParser(true)).not.toThrow();
});
