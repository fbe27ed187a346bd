// Expressions and statements of definitions, given meaning. Compile-time parts (config fields, conditions, sizes) are computed;
// tensor parts become values of the region being traced. A mistake is reported at its statement and its name poisoned.
import type {
  Binary,
  Block,
  Call,
  Expression,
  If,
  MatchCase,
  Statement,
  StringLiteral,
} from "../../grammar/syntax.ts";
import { problem, type Diagnostic, type Severity } from "../../grammar/diagnostic.ts";
import type { Span } from "../../grammar/source.ts";
import { closest } from "../../grammar/suggest.ts";
import { builtins } from "./builtins.ts";
import { find, inner, rebind, type Environment } from "./environment.ts";
import { indexed } from "./indexing.ts";
import {
  boolean,
  describe,
  none,
  number,
  poison,
  type FunctionMeaning,
  type Meaning,
  type Passed,
  type RangeMeaning,
} from "./meaning.ts";
import { combine, member, plainEqual, truth, truthOf } from "./operators.ts";
import { whole } from "./sizes.ts";
import { elementwise } from "./tensors.ts";
import { fail, guarded, Problem, type Workspace } from "./workspace.ts";

/** Runs the statements of a body in `env` and gives the value of the last expression, or none. */
export function evaluateStatements(
  ws: Workspace,
  env: Environment,
  statements: readonly Statement[],
): Meaning {
  let last: Meaning = none;
  for (const statement of statements) {
    last = guarded(ws, poison, () => evaluateStatement(ws, env, statement));
    if (last.kind !== "poison") continue;
    for (const { text } of namesOf(statement)) if (!env.bindings.has(text)) env.bindings.set(text, poison);
  }
  return last;
}

/** What a statement would have bound. */
function namesOf(statement: Statement): readonly { readonly text: string }[] {
  if (statement.kind === "let") return statement.names;
  return statement.kind === "declaration" || statement.kind === "table" ? [statement.name] : [];
}

export function evaluateBlock(ws: Workspace, env: Environment, block: Block): Meaning {
  return evaluateStatements(ws, inner(env), block.statements);
}

function evaluateStatement(ws: Workspace, env: Environment, statement: Statement): Meaning {
  switch (statement.kind) {
    case "let": {
      const value = evaluate(ws, env, statement.value);
      const [only] = statement.names;
      if (statement.names.length === 1 && only !== undefined) {
        env.bindings.set(only.text, value);
      } else {
        const elements = value.kind === "tuple" ? value.elements : [];
        if (value.kind !== "poison" && elements.length !== statement.names.length) {
          fail(
            "FTL0706",
            statement.value.span,
            `${statement.names.length} names for ${describe(value)}`,
            "does not come apart so",
          );
        }
        statement.names.forEach(({ text }, index) => env.bindings.set(text, elements[index] ?? poison));
      }
      return value.kind === "poison" ? poison : none;
    }
    case "table":
      env.owner.table?.(statement, env);
      return none;
    case "declaration":
      env.owner.declare?.(statement, env);
      return none;
    case "layer":
      env.owner.layer?.(statement, env);
      return none;
    case "method":
      env.owner.method?.(statement, env);
      return none;
    case "peft":
      env.owner.peft?.(statement, env);
      return none;
    case "bitsandbytes":
      env.owner.bitsandbytes?.(statement, env);
      return none;
    case "gguf":
      env.owner.gguf?.(statement, env);
      return none;
    case "example":
      return none;
    case "assign": {
      const value = evaluate(ws, env, statement.value);
      if (find(env, statement.target.text) === undefined) {
        fail(
          "FTL0707",
          statement.target.span,
          `there is no state '${statement.target.text}' to assign`,
          "not a state of this definition",
        );
      }
      if (env.owner.passing === true) env.bindings.set(statement.target.text, value);
      else rebind(env, statement.target.text, value);
      env.owner.assign?.(statement.target.text, value, statement, env);
      return none;
    }
    case "require": {
      const holds = evaluate(ws, env, statement.condition);
      if (holds.kind !== "poison" && !(holds.kind === "boolean" && holds.value)) {
        const places = saidIn(env, statement.condition);
        const message = interpolate(ws, env, statement.message);
        if (statement.severity === "error")
          throw new Problem(objection("FTL0721", places, statement.span, message, "required here"));
        const warning = objection("FTL0727", places, statement.span, message, "expected here", "warning");
        ws.diagnostics.push(warning);
      }
      return none;
    }
    case "if":
      return evaluateIf(ws, env, statement);
    case "result":
      return evaluate(ws, env, statement.value);
    default:
      return statement satisfies never;
  }
}

/** Statements of the branch taken run in the same scope: what they declare is seen after the `if`. */
function evaluateIf(ws: Workspace, env: Environment, statement: If): Meaning {
  const holds = truth(evaluate(ws, env, statement.condition), statement.condition.span);
  if (holds) return evaluateStatements(ws, env, statement.then.statements);
  if (statement.otherwise === undefined) return none;
  if (statement.otherwise.kind === "if") return evaluateIf(ws, env, statement.otherwise);
  return evaluateStatements(ws, env, statement.otherwise.statements);
}

export function evaluate(ws: Workspace, env: Environment, expression: Expression): Meaning {
  switch (expression.kind) {
    case "number":
      return number(expression.unit === "%" ? expression.value / 100 : expression.value);
    case "string":
      return { kind: "string", value: interpolate(ws, env, expression) };
    case "boolean":
      return boolean(expression.value);
    case "none":
      return none;
    case "reference":
      return reference(ws, env, expression.name.text, expression.span);
    case "list":
      return { kind: "list", elements: expression.elements.map((element) => evaluate(ws, env, element)) };
    case "tuple":
      return { kind: "tuple", elements: expression.elements.map((element) => evaluate(ws, env, element)) };
    case "unary": {
      const operand = evaluate(ws, env, expression.operand);
      if (expression.operator === "not" && operand.kind === "boolean") return boolean(!operand.value);
      return elementwise(ws, expression.operator === "not" ? "not" : "negate", [operand], expression.span);
    }
    case "binary":
      return binary(ws, env, expression);
    case "range": {
      const end = (side: Expression | undefined): RangeMeaning["first"] => {
        if (side === undefined) return undefined;
        const meaning = evaluate(ws, env, side);
        return meaning.kind === "scalar" ? meaning : whole(meaning, side.span);
      };
      return {
        kind: "range",
        first: end(expression.first),
        last: end(expression.last),
        inclusive: expression.inclusive,
      };
    }
    case "call":
      return call(ws, env, expression);
    case "index": {
      const object = evaluate(ws, env, expression.object);
      return indexed(
        ws,
        object,
        expression.indices.map((index) => ({ meaning: evaluate(ws, env, index), span: index.span })),
        expression.span,
      );
    }
    case "member":
      return member(
        ws,
        evaluate(ws, env, expression.object),
        expression.name.text,
        expression.optional,
        expression.span,
      );
    case "lambda":
      return lambda(
        ws,
        env,
        expression.parameters.map(({ text }) => text),
        expression.body,
      );
    case "conditional": {
      const holds = truth(evaluate(ws, env, expression.condition), expression.condition.span);
      if (holds) return evaluateBlock(ws, env, expression.then);
      const { otherwise } = expression;
      return otherwise.kind === "block" ? evaluateBlock(ws, env, otherwise) : evaluate(ws, env, otherwise);
    }
    case "match":
      return matched(ws, env, evaluate(ws, env, expression.subject), expression.cases, expression.span);
    case "words":
    case "configured":
    case "missing":
      return fail(
        "FTL0709",
        expression.span,
        "this is not an expression of a definition",
        "only recipes write values so",
      );
    default:
      return expression satisfies never;
  }
}

function reference(ws: Workspace, env: Environment, name: string, span: Span): Meaning {
  const bound = find(env, name);
  if (bound !== undefined) return bound;
  const definition = ws.library.lookup("function", name, span);
  if (definition !== undefined) {
    const call: FunctionMeaning["call"] = (passed, at) => ws.callDefinition(ws, definition, passed, at.span);
    return { kind: "function", label: name, call };
  }
  const builtin = builtins[name];
  if (builtin !== undefined) {
    return (
      builtin.constant ?? {
        kind: "function",
        label: name,
        call: (passed, at) => builtin.call(ws, passed, at.span),
      }
    );
  }
  const names = [...Object.keys(builtins), ...boundNames(env)];
  const near = closest(name, names);
  return fail("FTL0201", span, `there is no '${name}' here`, "unknown name", {
    edits: near === undefined ? [] : [{ span, text: near, label: `write '${near}'` }],
  });
}

function boundNames(env: Environment | undefined): string[] {
  return env === undefined ? [] : [...env.bindings.keys(), ...boundNames(env.parent)];
}

function binary(ws: Workspace, env: Environment, expression: Binary): Meaning {
  const { operator, span } = expression;
  const left = evaluate(ws, env, expression.left);
  if (operator === "??") return left.kind === "none" ? evaluate(ws, env, expression.right) : left;
  if ((operator === "and" || operator === "or") && left.kind === "boolean") {
    if (left.value === (operator === "or")) return left;
    return evaluate(ws, env, expression.right);
  }
  const right = evaluate(ws, env, expression.right);
  return combine(ws, operator, left, right, span);
}

function call(ws: Workspace, env: Environment, expression: Call): Meaning {
  const callee = evaluate(ws, env, expression.callee);
  const passed: Passed[] = expression.arguments.map(({ name, value }) => ({
    name: name?.text,
    meaning: evaluate(ws, env, value),
    span: value.span,
  }));
  if (callee.kind === "poison" || passed.some(({ meaning }) => meaning.kind === "poison")) return poison;
  const target = callee.kind === "record" ? callee.call : callee;
  if (target?.kind !== "function") {
    return fail("FTL0710", expression.callee.span, `${describe(callee)} cannot be called`, "not a function");
  }
  return target.call(passed, expression);
}

function lambda(ws: Workspace, env: Environment, names: readonly string[], body: Expression): Meaning {
  const run: FunctionMeaning["call"] = (passed, at) => {
    if (passed.length !== names.length) {
      fail(
        "FTL0711",
        at.span,
        `this function takes ${names.length} arguments, not ${passed.length}`,
        "called here",
      );
    }
    const scope = inner(env);
    names.forEach((name, index) => scope.bindings.set(name, passed[index]?.meaning ?? poison));
    return evaluate(ws, scope, body);
  };
  return { kind: "function", label: `(${names.join(", ")}) => …`, call: run };
}

function matched(
  ws: Workspace,
  env: Environment,
  subject: Meaning,
  cases: readonly MatchCase[],
  span: Span,
): Meaning {
  if (subject.kind === "poison") return poison;
  for (const { patterns, value } of cases) {
    const hit =
      patterns.length === 0 ||
      patterns.some((pattern) => truthOf(plainEqual(subject, evaluate(ws, env, pattern))));
    if (hit) return evaluate(ws, env, value);
  }
  const plain = (meaning: Meaning): string => (meaning.kind === "string" ? meaning.value : describe(meaning));
  const known = cases.flatMap(({ patterns }) => patterns.map((pattern) => plain(evaluate(ws, env, pattern))));
  const found = subject.kind === "string" ? `"${subject.value}"` : describe(subject);
  const message = `${found} is not supported here; ${known.join(", ")} are`;
  throw new Problem(objection("FTL0722", saidAt(subject), span, message, "no case fits"));
}

/** What a definition says against `places` of a config or a recipe, or, where nobody says it, against what it finds at `span`. */
function objection(
  code: string,
  places: readonly Span[],
  span: Span,
  message: string,
  label: string,
  severity: Severity = "error",
): Diagnostic {
  const [first, ...others] = places;
  if (first === undefined) return problem(code, span, message, label, { severity });
  const related = others.map((other) => ({ span: other, label: "said here" }));
  return problem(code, first, message, "said here", { related: [...related, { span, label }], severity });
}

/** Where a config or a recipe says what an expression reads. */
function saidIn(env: Environment, expression: Expression): readonly Span[] {
  switch (expression.kind) {
    case "unary":
      return saidIn(env, expression.operand);
    case "binary":
      return [...saidIn(env, expression.left), ...saidIn(env, expression.right)];
    case "reference":
    case "member":
      return saidAt(named(env, expression));
    default:
      return [];
  }
}

function saidAt(meaning: Meaning | undefined): readonly Span[] {
  return meaning !== undefined && "said" in meaning && meaning.said !== undefined ? [meaning.said] : [];
}

/** What a name, or a field of what is named, means; nothing is computed. */
function named(env: Environment, expression: Expression): Meaning | undefined {
  if (expression.kind === "reference") return find(env, expression.name.text);
  if (expression.kind !== "member") return undefined;
  const object = named(env, expression.object);
  return object?.kind === "record" ? object.fields.get(expression.name.text) : undefined;
}

/** The text of a string literal, its expressions filled in. */
export function interpolate(ws: Workspace, env: Environment, literal: StringLiteral): string {
  return literal.parts
    .map((part) => {
      if (typeof part === "string") return part;
      const meaning = evaluate(ws, env, part);
      if (meaning.kind === "number" || meaning.kind === "boolean") return String(meaning.value);
      if (meaning.kind === "string") return meaning.value;
      return describe(meaning);
    })
    .join("");
}
