// Chevrotain's concrete tree in, the typed tree out: files, recipes, definitions and statements. Whatever was missing or
// too much is reported here in the language's own words, and the tree is complete all the same.
import type { CstNode } from "chevrotain";
import { definitionKinds, first } from "./builder.ts";
import { endOf, isNode, nodes, startOf, tokensOf } from "./cst.ts";
import { ExpressionBuilder } from "./expressions.ts";
import type * as syntax from "./syntax.ts";

const statementRules = [
  ["letStatement", "tableStatement", "layer", "requireStatement", "fields", "conditional"],
  ["method", "declaration", "assign", "result"],
].flat();

export class TreeBuilder extends ExpressionBuilder {
  file(node: CstNode): syntax.File {
    const items = this.lined(node, ["importItem", "recipe", "definition"], "items")
      .filter(isNode)
      .map((item) => this.item(item));
    return { kind: "file", items, comments: this.comments, span: this.span(0, this.source.text.length) };
  }

  private item(node: CstNode): syntax.Item {
    const span = this.spanOf(node);
    switch (node.name) {
      case "importItem": {
        const path = first(node, "Text");
        const none: syntax.StringLiteral = { kind: "string", parts: [], span: this.at(span.end) };
        return { kind: "import", path: path === undefined ? none : this.string(path), span };
      }
      case "recipe": {
        const name = this.nameOr(first(node, "name"), span.start + "recipe".length);
        const body = nodes(node, "body")[0];
        const clauses: syntax.Clause[] = [];
        for (const entry of this.entries(body, "clauses")) {
          if (entry.kind === "clause") clauses.push(entry);
          else this.notAClause(entry);
        }
        return { kind: "recipe", documentation: this.documentation(span.start), name, clauses, span };
      }
      default:
        return this.definition(node);
    }
  }

  /** `batch: 32` in a recipe, where `batch 32` is meant. */
  private notAClause(option: syntax.Option): void {
    const name = option.path.map((part) => part.text).join(".");
    const colon = option.path.at(-1)?.span.end ?? option.span.start;
    const edits =
      option.path.length === 1
        ? [
            {
              span: this.span(colon, option.value.span.start),
              text: " ",
              label: `write \`${name} …\` without the colon`,
            },
          ]
        : [];
    this.report(
      "FTL0115",
      this.span(option.span.start, colon),
      `\`${name}\` is written as an option, but a recipe has clauses`,
      "a clause has no colon",
      edits,
    );
  }

  // Clauses and options.

  private entries(body: CstNode | undefined, what: string): readonly (syntax.Option | syntax.Clause)[] {
    if (body === undefined) return [];
    return this.lined(body, ["optionEntry", "clause"], what)
      .filter(isNode)
      .map((entry) => (entry.name === "clause" ? this.clause(entry) : this.option(entry)));
  }

  options(body: CstNode | undefined): readonly syntax.Option[] {
    const options: syntax.Option[] = [];
    for (const entry of this.entries(body, "options")) {
      if (entry.kind === "option") {
        options.push(entry);
        continue;
      }
      const { noun } = entry;
      const edits =
        entry.arguments.length > 0 ? [{ span: this.at(noun.span.end), text: ":", label: "write `:`" }] : [];
      this.report(
        "FTL0115",
        noun.span,
        `the option \`${noun.text}\` has no value`,
        `expected \`${noun.text}: …\``,
        edits,
      );
    }
    return options;
  }

  private option(node: CstNode): syntax.Option {
    const path = tokensOf(node, "Word").map((word) => this.name(word));
    const value = nodes(node, "value")[0];
    const end = endOf(node);
    const built: syntax.Expression =
      value === undefined || startOf(value) === -1
        ? this.missing(end, `the option \`${path.map((name) => name.text).join(".")}\` has no value`)
        : this.words(value, false);
    if (
      value !== undefined &&
      startOf(value) >= 0 &&
      built.kind === "missing" &&
      nodes(value, "expression").length === 0
    ) {
      this.missing(startOf(value), "options in braces belong to a value: `name: value { … }`");
    }
    return { kind: "option", path, value: built, span: this.spanOf(node) };
  }

  private clause(node: CstNode): syntax.Clause {
    const span = this.spanOf(node);
    const body = nodes(node, "body")[0];
    const as = first(node, "As");
    return {
      kind: "clause",
      noun: this.nameOr(first(node, "Word"), span.start),
      arguments: nodes(node, "expression").map((each) => this.expression(each)),
      alias: as === undefined ? undefined : this.nameOr(first(node, "alias"), endOf(as)),
      body: body === undefined ? undefined : this.entries(body, "options"),
      span,
    };
  }

  // Definitions.

  private definition(node: CstNode): syntax.Definition {
    const span = this.spanOf(node);
    const word = first(node, "Word");
    const kind = this.nameOr(word, span.start);
    const names = nodes(node, "names")[0];
    const on = first(node, "onWord");
    const kernel = first(node, "kernelWord");
    const during = first(node, "duringWord");
    return {
      kind: "definition",
      documentation: this.documentation(span.start),
      what: this.definitionKind(kind),
      name: this.nameOr(first(node, "name"), kind.span.end),
      dimensions:
        names === undefined
          ? []
          : this.listed(names, ["Word"], ["Arrow"]).flatMap((each) => this.named(each)),
      arrow: names !== undefined && first(names, "Arrow") !== undefined,
      parameters: this.parameters(nodes(node, "parameters")[0]),
      on: on === undefined ? [] : tokensOf(node, "on").map((each) => this.name(each)),
      result: this.typeOf(nodes(node, "type")[0]),
      kernel: kernel === undefined ? undefined : this.nameOr(first(node, "kernel"), endOf(kernel)),
      during: during === undefined ? undefined : this.nameOr(first(node, "during"), endOf(during)),
      body: this.block(nodes(node, "block")[0], span.end),
      span,
    };
  }

  private definitionKind(name: syntax.Name): syntax.DefinitionKind {
    const kind = definitionKinds.find((known) => known === name.text);
    if (kind !== undefined) return kind;
    const guess = this.noItem(name.text, name.span);
    return definitionKinds.find((known) => known === guess) ?? "function";
  }

  private parameters(node: CstNode | undefined): readonly syntax.Parameter[] {
    if (node === undefined) return [];
    return this.listed(node, ["parameter"])
      .filter(isNode)
      .map((parameter) => {
        const end = endOf(parameter);
        const name = this.nameOr(first(parameter, "Word"), startOf(parameter));
        const assigned = first(parameter, "Assign");
        const value = nodes(parameter, "expression")[0];
        const colon = first(parameter, "Colon");
        const type = this.typeOf(nodes(parameter, "type")[0]);
        if (colon !== undefined && type === undefined) {
          const message = `the type of \`${name.text}\` is missing`;
          this.report(
            "FTL0107",
            this.at(endOf(colon)),
            message,
            "expected a type, such as `[.., d]` or `number`",
          );
        }
        return {
          kind: "parameter",
          documentation: this.documentation(startOf(parameter)),
          name,
          type,
          default: assigned === undefined ? undefined : this.required(value, end, "`=`"),
          span: this.spanOf(parameter),
        };
      });
  }

  private typeOf(node: CstNode | undefined): syntax.Type | undefined {
    if (node === undefined || startOf(node) === -1) return undefined;
    const span = this.spanOf(node);
    const list = nodes(node, "list")[0];
    if (list !== undefined) {
      const dimensions = this.elements(list).map((value): syntax.Dimension => {
        const any = value.kind === "range" && value.first === undefined && value.last === undefined;
        return any ? { kind: "any", span: value.span } : { kind: "size", value, span: value.span };
      });
      return { kind: "shape", dimensions, span };
    }
    const word = first(node, "Word");
    if (word !== undefined) return { kind: "named", name: this.name(word), span };
    const elements = this.listed(node, ["type"])
      .filter(isNode)
      .flatMap((each) => this.typeOf(each) ?? []);
    return elements.length === 1 ? elements[0] : { kind: "tupleType", elements, span };
  }

  // Statements.

  block(node: CstNode | undefined, at: number): syntax.Block {
    if (node === undefined) return { kind: "block", statements: [], span: this.at(at) };
    const statements = this.lined(node, statementRules, "statements")
      .filter(isNode)
      .map((each) => this.statement(each));
    return { kind: "block", statements, span: this.spanOf(node) };
  }

  private statement(node: CstNode): syntax.Statement {
    const span = this.spanOf(node);
    const { end } = span;
    const value = nodes(node, "expression")[0];
    switch (node.name) {
      case "letStatement": {
        const names = this.listed(node, ["name"]).flatMap((name) => this.named(name));
        if (names.length === 0)
          this.report("FTL0107", this.at(end), "`let` names a value: `let NAME = …`", "expected a name");
        return { kind: "let", names, value: this.assigned(node, value, end), span };
      }
      case "tableStatement":
        return {
          kind: "table",
          name: this.nameOr(first(node, "name"), end),
          value: this.assigned(node, value, end),
          span,
        };
      case "layer":
        return {
          kind: "layer",
          documentation: this.documentation(span.start),
          name: this.nameOr(first(node, "name"), end),
          index: this.nameOr(first(node, "index"), end),
          range:
            first(node, "In") === undefined
              ? { kind: "missing", span: this.at(end) }
              : this.required(value, endOf(first(node, "In") ?? node), "`in`"),
          at: this.path(node),
          body: this.block(nodes(node, "block")[0], end),
          span,
        };
      case "requireStatement": {
        const message = first(node, "Text");
        const word = first(node, "Word")?.image ?? "require";
        const condition = this.required(value, end, `\`${word}\``);
        const none: syntax.StringLiteral = { kind: "string", parts: [], span: this.at(end) };
        return {
          kind: "require",
          severity: word === "expect" ? "warning" : "error",
          condition,
          message: message === undefined ? none : this.string(message),
          span,
        };
      }
      case "fields": {
        const word = first(node, "Word")?.image;
        const kind = word === "example" || word === "bitsandbytes" || word === "gguf" ? word : "peft";
        return { kind, options: this.options(nodes(node, "body")[0]), span };
      }
      case "conditional":
        return this.ifStatement(node);
      case "method":
        return {
          kind: "method",
          documentation: this.documentation(span.start),
          name: this.nameOr(first(node, "Word"), span.start),
          parameters: this.parameters(nodes(node, "parameters")[0]),
          result: this.typeOf(nodes(node, "type")[0]),
          body: this.block(nodes(node, "block")[0], end),
          span,
        };
      case "declaration":
        return this.declaration(node);
      case "assign":
        return {
          kind: "assign",
          target: this.nameOr(first(node, "Word"), span.start),
          value: this.assigned(node, value, end),
          span,
        };
      default:
        return this.result(node);
    }
  }

  /** The value after `=`, whose own absence the parser has reported. */
  private assigned(node: CstNode, value: CstNode | undefined, end: number): syntax.Expression {
    const hasSign = (node.children["Assign"] ?? []).length > 0;
    return hasSign ? this.required(value, end, "`=`") : { kind: "missing", span: this.at(end) };
  }

  private path(node: CstNode): syntax.StringLiteral | undefined {
    const text = first(node, "Text");
    return text === undefined ? undefined : this.string(text);
  }

  private ifStatement(node: CstNode): syntax.If {
    const span = this.spanOf(node);
    const last = nodes(node, "block")[0];
    const [outermost = node, ...others] = nodes(node, "branch");
    const elseIfs = this.tooDeep(others.length, span) ? [] : others;
    let otherwise: syntax.Block | syntax.If | undefined =
      last === undefined ? undefined : this.block(last, span.end);
    for (const branch of elseIfs.toReversed()) {
      otherwise = {
        kind: "if",
        ...this.branch(branch),
        otherwise,
        span: this.span(startOf(branch), span.end),
      };
    }
    return { kind: "if", ...this.branch(outermost), otherwise, span };
  }

  private declaration(node: CstNode): syntax.Declaration {
    const span = this.spanOf(node);
    const [list, secondList] = nodes(node, "list");
    const [body, secondBody] = nodes(node, "body");
    const assign = first(node, "Assign");
    const role = first(node, "role");
    const twice = [
      secondList,
      secondBody,
      ...["Text", "role", "Assign"].map((part) => tokensOf(node, part)[1]),
    ];
    for (const part of twice) {
      if (part !== undefined)
        this.report(
          "FTL0116",
          this.spanOf(part),
          "this part of the declaration stands twice",
          "the second one",
        );
    }
    const arrow = list !== undefined && first(list, "Arrow") !== undefined;
    const shape = list === undefined ? undefined : this.elements(list, true);
    if (arrow && shape?.length !== 2) {
      this.report(
        "FTL0116",
        this.spanOf(list),
        "an arrow stands between two sizes: `[in -> out]`",
        "not two sizes",
      );
    }
    return {
      kind: "declaration",
      documentation: this.documentation(span.start),
      what: this.nameOr(first(node, "Word"), span.start),
      name: this.nameOr(first(node, "name"), span.end),
      shape,
      arrow,
      at: this.path(node),
      role: role === undefined ? undefined : this.name(role),
      initial:
        assign === undefined ? undefined : this.required(nodes(node, "expression")[0], endOf(assign), "`=`"),
      options: this.options(body),
      span,
    };
  }

  private result(node: CstNode): syntax.Statement {
    const span = this.spanOf(node);
    const [left, right] = nodes(node, "expression");
    const value = left === undefined ? this.missing(span.start, "a value is missing") : this.expression(left);
    const sign = first(node, "Assign");
    if (sign !== undefined) {
      const edits = [{ span: this.spanOf(sign), text: "==", label: "write `==` to compare" }];
      this.report("FTL0112", value.span, "only a name can be given a value", "not a name", edits);
      if (right !== undefined) this.expression(right);
    }
    return { kind: "result", value, span };
  }
}
