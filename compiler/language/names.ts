// The static check of definitions, before any model is known: every name means something, every statement stands where it may,
// calls of known functions give the arguments that these take. All mistakes of a file are reported at once. Shapes and
// values are the elaborator's, which knows the config. `expressions.ts` checks what stands inside statements.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import type { Block, Declaration, Definition, If, Method, Name, Statement } from "../../grammar/syntax.ts";
import { bindParameters, declare, unknownName } from "./binding.ts";
import { contextual } from "./builtins.ts";
import { Environment, signatureOf } from "./environment.ts";
import { allMethods, checkDeclaration } from "./declarations.ts";
import { checkExample } from "./example.ts";
import { checkExpression, type Checking } from "./expressions.ts";
import { placeName, places, requiredMethods, type Place } from "./places.ts";
import type { LoadedFile, Scope } from "./resolve.ts";

/** The mistakes in the definitions of the user's files. */
export function checkDefinitions(scope: Scope): Diagnostic[] {
  return scope.files.flatMap((file) => checkNames(file, scope));
}

/** The mistakes in the definitions of one file. */
export function checkNames(file: LoadedFile, scope: Scope): Diagnostic[] {
  return file.definitions.flatMap((definition) => {
    const diagnostics: Diagnostic[] = [];
    const report = (found: Diagnostic): void => void diagnostics.push(found);
    checkDefinition({ scope, path: file.path, definition, report, body: checkBody });
    return diagnostics;
  });
}

function checkDefinition(checking: Checking): void {
  const { definition } = checking;
  const outer = new Environment();
  for (const name of contextual[definition.what].keys()) outer.bind({ what: "given", name, span: undefined });
  const [misplaced] = definition.what === "adapter" ? [] : definition.on;
  if (misplaced !== undefined) {
    const message = `only an adapter is 'on' a module, not ${placeName(definition.what)}`;
    checking.report(problem("FTL0209", misplaced.span, message, "delete 'on' and the name"));
  }
  const { during } = definition;
  if (during !== undefined && definition.what !== "optimizer") {
    const message = `only an optimizer works 'during backward', not ${placeName(definition.what)}`;
    checking.report(problem("FTL0209", during.span, message, "delete 'during' and the word"));
  } else if (during !== undefined && during.text !== "backward" && during.text !== "") {
    const message = `an optimizer works 'during backward', not 'during ${during.text}'`;
    const edits = [{ span: during.span, text: "backward", label: "write 'backward'" }];
    checking.report(problem("FTL0209", during.span, message, "no such time", { edits }));
  }
  const on = definition.on.map((name) => resolveOn(name, checking));
  for (const module of on) {
    for (const name of module?.dimensions ?? [])
      outer.bind({ what: "dimension", name: name.text, span: name.span });
  }
  const base = definition.what === "adapter" ? on[0] : undefined;
  if (base !== undefined && on.length === 1)
    outer.bind({ what: "given", name: "base", span: undefined, module: base });

  const env = new Environment(outer);
  for (const name of definition.dimensions)
    declare(env, { what: "dimension", name: name.text, span: name.span }, checking);
  bindParameters(definition.parameters, definition.result, env, checking);
  if (definition.what === "function") {
    checkBody(definition.body, new Environment(env), "function", checking);
    return;
  }
  checkParts(definition.body.statements, env, definition.what, checking);
  const methods = new Set(allMethods(definition.body.statements).map((method) => method.name.text));
  for (const name of requiredMethods[definition.what]) {
    if (methods.has(name)) continue;
    const message = `${definition.what} '${definition.name.text}' has no '${name}'`;
    checking.report(problem("FTL0210", definition.name.span, message, `needs ${name}(…) { … }`));
  }
}

/** What an adapter may be on beside modules: a layer of any model, and the model itself. */
const wholes: readonly string[] = ["block", "model"];

/** What an adapter is on: a module by its name, wherever it is, or one of `wholes`. */
function resolveOn(name: Name, checking: Checking): Definition | undefined {
  const module =
    checking.scope.lookup("module", name.text, checking.path) ??
    checking.scope.inLibrary("module", name.text);
  if (module === undefined && !wholes.includes(name.text)) {
    unknownName(
      "module",
      name,
      [...checking.scope.names("module", checking.definition.span.source.path), ...wholes],
      checking,
    );
  }
  return module;
}

/** Statements directly in a definition or a layer: declares each in order, then checks the methods, which see all of them. */
function checkParts(
  statements: readonly Statement[],
  env: Environment,
  place: Place,
  checking: Checking,
): void {
  for (const method of allMethods(statements)) {
    const signature = signatureOf(`'${method.name.text}'`, method.parameters, method.name.span);
    declare(env, { what: "method", name: method.name.text, span: method.name.span, signature }, checking);
  }
  for (const name of declaredNames(statements))
    if (env.here(name.text) === undefined) env.later.set(name.text, name.span);
  const methods: Method[] = [];
  checkSequence(statements, env, place, methods, checking);
  for (const method of methods) {
    const inner = new Environment(env);
    bindParameters(method.parameters, method.result, inner, checking);
    const assigns = assigning[checking.definition.what] === method.name.text;
    checkBody(method.body, new Environment(inner), assigns ? "updating body" : "body", checking);
  }
}

/** The method of a kind of definition that may give states new values. */
const assigning: Partial<Readonly<Record<Definition["what"], string>>> = {
  optimizer: "update",
  method: "step",
  module: "forward",
  format: "encode",
};

function checkSequence(
  statements: readonly Statement[],
  env: Environment,
  place: Place,
  methods: Method[],
  checking: Checking,
): void {
  for (const statement of statements) {
    if (!allowed(statement, place, env, checking)) continue;
    switch (statement.kind) {
      case "method":
        methods.push(statement);
        break;
      case "declaration":
        checkDeclaration(statement, env, checking);
        break;
      case "layer": {
        checkExpression(statement.range, env, checking);
        const inner = new Environment(env);
        inner.bind({ what: "value", name: statement.index.text, span: statement.index.span });
        if (statement.at !== undefined) checkExpression(statement.at, inner, checking);
        const forward = allMethods(statement.body.statements).find(
          (method) => method.name.text === "forward",
        );
        const signature =
          forward === undefined
            ? undefined
            : signatureOf(`'${statement.name.text}'`, forward.parameters, forward.name.span);
        checkParts(statement.body.statements, new Environment(inner), "layer", checking);
        declare(
          env,
          { what: "layer", name: statement.name.text, span: statement.name.span, signature },
          checking,
        );
        break;
      }
      case "peft":
      case "bitsandbytes":
      case "gguf":
        for (const option of statement.options) checkExpression(option.value, env, checking);
        break;
      case "example":
        checkExample(checking.definition, statement.options, checking.report);
        break;
      case "if":
        checkChoice(statement, env, place, methods, checking);
        break;
      default:
        checkSimple(statement, env, place, checking);
    }
  }
}

/** An `if` among declarations: both branches declare into the same scope, and may declare the same names. */
function checkChoice(
  statement: If,
  env: Environment,
  place: Place,
  methods: Method[],
  checking: Checking,
): void {
  checkExpression(statement.condition, env, checking);
  const { otherwise } = statement;
  const again = new Set(declaredNames(statement.then.statements).map((name) => name.text));
  checkSequence(statement.then.statements, env, place, methods, checking);
  if (otherwise === undefined) return;
  const branch: Checking = { ...checking, redeclared: new Set([...(checking.redeclared ?? []), ...again]) };
  if (otherwise.kind === "if") checkChoice(otherwise, env, place, methods, branch);
  else checkSequence(otherwise.statements, env, place, methods, branch);
}

/** The statements of a function's or a method's body. `place` is also where `if` statements inside stand. */
function checkBody(block: Block, env: Environment, place: Place, checking: Checking): void {
  for (const statement of block.statements) {
    if (!allowed(statement, place, env, checking)) continue;
    if (statement.kind !== "if") {
      checkSimple(statement, env, place, checking);
      continue;
    }
    for (let branch: Block | If | undefined = statement; branch !== undefined;) {
      if (branch.kind === "block") {
        checkBody(branch, new Environment(env), place, checking);
        break;
      }
      checkExpression(branch.condition, env, checking, place);
      checkBody(branch.then, new Environment(env), place, checking);
      branch = branch.otherwise;
    }
  }
}

/** Statements that mean the same wherever they may stand. */
function checkSimple(statement: Statement, env: Environment, place: Place, checking: Checking): void {
  switch (statement.kind) {
    case "let":
      checkExpression(statement.value, env, checking, place);
      for (const name of statement.names)
        declare(env, { what: "value", name: name.text, span: name.span }, checking);
      return;
    case "table":
      checkExpression(statement.value, env, checking, place);
      declare(env, { what: "value", name: statement.name.text, span: statement.name.span }, checking);
      return;
    case "require":
      checkExpression(statement.condition, env, checking, place);
      checkExpression(statement.message, env, checking, place);
      return;
    case "assign": {
      checkExpression(statement.value, env, checking, place);
      const target = env.find(statement.target.text);
      if (target === undefined) unknownName("name", statement.target, env.names(), checking);
      else if (
        target.what !== "state" &&
        (target.what !== "parameter" || checking.definition.what === "module")
      ) {
        const related = target.span === undefined ? [] : [{ span: target.span, label: `a ${target.what}` }];
        const message = `'${statement.target.text}' cannot be given a new value`;
        checking.report(
          problem("FTL0213", statement.target.span, message, "only a state and the weight can", { related }),
        );
      }
      return;
    }
    case "result":
      checkExpression(statement.value, env, checking, place);
      return;
    default:
  }
}

/** False after reporting a statement that means nothing where it stands; what it declares is known all the same. */
function allowed(statement: Statement, place: Place, env: Environment, checking: Checking): boolean {
  const what = statement.kind === "declaration" ? keyOf(statement) : statement.kind;
  if (places[place].has(what)) return true;
  for (const name of declaredNames([statement]))
    env.bind({ what: "value", name: name.text, span: name.span });
  const span = statement.kind === "declaration" ? statement.what.span : statement.span;
  const label = what === "part" ? "a module" : what === "assign" ? "an assignment" : `'${what}'`;
  const homes = Object.entries(places).flatMap(([home, kinds]) =>
    kinds.has(what) ? [placeName(home as Place)] : [],
  );
  const message = `${label} cannot stand in ${placeName(place)}`;
  checking.report(problem("FTL0209", span, message, `belongs in ${homes.join(" or ")}`));
  return false;
}

function keyOf(statement: Declaration): string {
  return ["weight", "train", "state", "tensor"].includes(statement.what.text) ? statement.what.text : "part";
}

/** Names that statements declare in the scope they stand in, those in branches of an `if` included; methods apart. */
function declaredNames(statements: readonly Statement[]): Name[] {
  return statements.flatMap((statement): Name[] => {
    switch (statement.kind) {
      case "let":
        return [...statement.names];
      case "table":
      case "declaration":
      case "layer":
        return [statement.name];
      case "if": {
        const { otherwise } = statement;
        const rest =
          otherwise === undefined ? [] : otherwise.kind === "if" ? [otherwise] : otherwise.statements;
        return [...declaredNames(statement.then.statements), ...declaredNames(rest)];
      }
      default:
        return [];
    }
  });
}
