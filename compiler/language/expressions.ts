// The names inside expressions, and the arguments of calls whose function is known.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Span } from "../../grammar/source.ts";
import type { Block, Call, Definition, Expression, Member, Name } from "../../grammar/syntax.ts";
import { builtins, constants } from "./builtins.ts";
import { builtinSignature, Environment, signatureOf, type Signature } from "./environment.ts";
import type { Place } from "./places.ts";
import { importText, type Scope } from "./resolve.ts";

/** What stays the same while one definition is checked. */
export interface Checking {
  readonly scope: Scope;
  /** The file at hand. */
  readonly path: string;
  readonly definition: Definition;
  readonly report: (found: Diagnostic) => void;
  /** Names of the other branch of an `if`, which this branch may declare as well. */
  readonly redeclared?: ReadonlySet<string>;
  /** Checks the statements of a block inside an expression. */
  readonly body: (block: Block, env: Environment, place: Place, checking: Checking) => void;
}

/** `place` is where the statement stands, for the blocks inside an expression. */
export function checkExpression(
  expression: Expression,
  env: Environment,
  checking: Checking,
  place: Place = "body",
): void {
  const check = (inner: Expression): void => checkExpression(inner, env, checking, place);
  switch (expression.kind) {
    case "number":
      if (
        expression.unit !== "" &&
        expression.unit !== "%" &&
        expression.unit !== "k" &&
        expression.unit !== "M"
      ) {
        const message = `a number in a definition has no unit '${expression.unit}'`;
        checking.report(problem("FTL0218", expression.span, message, "write the plain number"));
      }
      return;
    case "boolean":
    case "none":
    case "missing":
      return;
    case "string":
      for (const part of expression.parts) if (typeof part !== "string") check(part);
      return;
    case "reference":
      checkReference(expression.name, env, checking, false);
      return;
    case "list":
    case "tuple":
    case "words":
      expression.elements.forEach(check);
      return;
    case "unary":
      check(expression.operand);
      return;
    case "binary":
      check(expression.left);
      check(expression.right);
      return;
    case "range":
      if (expression.first !== undefined) check(expression.first);
      if (expression.last !== undefined) check(expression.last);
      return;
    case "call":
      checkCall(expression, env, checking, check);
      return;
    case "index":
      check(expression.object);
      expression.indices.forEach(check);
      return;
    case "member":
      check(expression.object);
      checkMember(expression, env, checking);
      return;
    case "lambda": {
      const inner = new Environment(env);
      for (const name of expression.parameters)
        inner.bind({ what: "parameter", name: name.text, span: name.span });
      checkExpression(expression.body, inner, checking, place);
      return;
    }
    case "conditional": {
      check(expression.condition);
      const inside = place === "updating body" ? place : "body";
      const block = (block: Block): void => checking.body(block, new Environment(env), inside, checking);
      block(expression.then);
      if (expression.otherwise.kind === "conditional") check(expression.otherwise);
      else block(expression.otherwise);
      return;
    }
    case "match":
      check(expression.subject);
      for (const entry of expression.cases) {
        entry.patterns.forEach(check);
        check(entry.value);
      }
      return;
    case "configured":
      check(expression.value);
      for (const option of expression.options) check(option.value);
      return;
    default:
      expression satisfies never;
  }
}

/** What a called or named thing takes, if that is known; reports a name that means nothing. */
function checkReference(
  name: Name,
  env: Environment,
  checking: Checking,
  called: boolean,
): Signature | undefined {
  if (name.text === "") return undefined;
  const binding = env.find(name.text);
  if (binding !== undefined) return binding.signature;
  const later = env.laterSpan(name.text);
  if (later !== undefined) {
    const related = [{ span: later, label: "declared here" }];
    checking.report(
      problem("FTL0211", name.span, `'${name.text}' is used before it is declared`, "not known yet", {
        related,
      }),
    );
    return undefined;
  }
  const found = checking.scope.lookup("function", name.text, checking.path);
  if (found !== undefined) return signatureOf(`function '${name.text}'`, found.parameters, found.name.span);
  const builtin = builtins.get(name.text);
  if (builtin !== undefined) return builtinSignature(builtin);
  if (constants.has(name.text)) return undefined;

  const elsewhere = checking.scope.inLibrary("function", name.text);
  if (elsewhere !== undefined) {
    const { path } = elsewhere.span.source;
    const top = { source: name.span.source, start: 0, end: 0 };
    const text = `import ${JSON.stringify(importText(checking.path, path))}\n`;
    const edits = [{ span: top, text, label: `add ${text.trim()}` }];
    const related = [{ span: elsewhere.name.span, label: "defined here" }];
    const message = `function '${name.text}' is not imported`;
    checking.report(problem("FTL0205", name.span, message, `defined in ${path}`, { related, edits }));
    return undefined;
  }
  const functions = [...checking.scope.names("function", checking.path), ...builtins.keys()];
  const candidates = called
    ? [...functions, ...env.names()]
    : [...env.names(), ...constants.keys(), ...functions];
  const guess = closest(name.text, candidates);
  const edits = guess === undefined ? [] : [{ span: name.span, text: guess, label: `write '${guess}'` }];
  const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
  const what = called ? "function" : "name";
  checking.report(problem("FTL0201", name.span, `there is no ${what} '${name.text}'`, label, { edits }));
  return undefined;
}

function checkCall(
  call: Call,
  env: Environment,
  checking: Checking,
  check: (inner: Expression) => void,
): void {
  for (const argument of call.arguments) check(argument.value);
  if (call.callee.kind !== "reference") {
    check(call.callee);
    return;
  }
  const signature = checkReference(call.callee.name, env, checking, true);
  if (signature !== undefined) checkArguments(signature, call.arguments, call.span, checking, "argument");
}

/** Arguments by position and by name against what is taken: unknown names, too many, given twice, missing. */
export function checkArguments(
  signature: Signature,
  given: readonly { readonly name: Name | undefined; readonly span: Span }[],
  span: Span,
  checking: Pick<Checking, "report">,
  what: "argument" | "option",
): void {
  const related = signature.span === undefined ? [] : [{ span: signature.span, label: "defined here" }];
  const names = signature.parameters.map((parameter) => parameter.name);
  const taken = new Set<string>();
  const positional = given.filter((argument) => argument.name === undefined);
  const rest = signature.parameters.findIndex((parameter) => parameter.needed === "rest");
  for (const [index, argument] of positional.entries()) {
    const name = names[rest === -1 ? index : Math.min(index, rest)];
    if (name !== undefined) taken.add(name);
    else if (index === names.length) {
      const message = `${signature.label} takes ${names.length} ${what}${names.length === 1 ? "" : "s"}, not ${positional.length}`;
      checking.report(problem("FTL0207", argument.span, message, "one too many", { related }));
    }
  }
  for (const { name } of given) {
    if (name === undefined) continue;
    if (!names.includes(name.text)) {
      const guess = closest(name.text, names);
      const edits = guess === undefined ? [] : [{ span: name.span, text: guess, label: `write '${guess}'` }];
      const label =
        guess === undefined ? `it takes ${names.join(", ") || "none"}` : `did you mean '${guess}'?`;
      const message = `${signature.label} has no ${what} '${name.text}'`;
      checking.report(problem("FTL0206", name.span, message, label, { related, edits }));
    } else if (taken.has(name.text)) {
      checking.report(
        problem("FTL0202", name.span, `'${name.text}' is given twice`, "again here", { related }),
      );
    } else taken.add(name.text);
  }
  const missing = signature.parameters.filter(
    (parameter) => parameter.needed !== "optional" && !taken.has(parameter.name),
  );
  if (missing.length > 0) {
    const list = missing.map((parameter) => `'${parameter.name}'`).join(", ");
    checking.report(
      problem("FTL0208", span, `${signature.label} needs ${list}`, `${what} missing`, { related }),
    );
  }
}

/** Members that every tensor has. */
const ofTensors = ["T", "shape"];

/** `embed.W` where `embed` is a part: one of its module's weights, methods, sizes or options. */
function checkMember(member: Member, env: Environment, checking: Checking): void {
  if (member.object.kind !== "reference" || member.name.text === "") return;
  const module = env.find(member.object.name.text)?.module;
  if (module === undefined) return;
  const { body, dimensions, parameters } = module;
  const sizesAndOptions = [...dimensions, ...parameters.map(({ name }) => name)];
  const names = [...memberNames(body), ...sizesAndOptions.map(({ text }) => text)];
  if (names.includes(member.name.text) || ofTensors.includes(member.name.text)) return;
  const guess = closest(member.name.text, names);
  const edits =
    guess === undefined ? [] : [{ span: member.name.span, text: guess, label: `write '${guess}'` }];
  const related = [{ span: module.name.span, label: `has ${names.join(", ")}` }];
  const message = `module '${module.name.text}' has no '${member.name.text}'`;
  const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
  checking.report(problem("FTL0215", member.name.span, message, label, { related, edits }));
}

function memberNames(block: Block): string[] {
  return block.statements.flatMap((statement): string[] => {
    if (statement.kind === "declaration" || statement.kind === "method") return [statement.name.text];
    if (statement.kind !== "if") return [];
    const rest = statement.otherwise;
    return [
      ...memberNames(statement.then),
      ...(rest === undefined ? [] : memberNames(rest.kind === "block" ? rest : rest.then)),
    ];
  });
}
