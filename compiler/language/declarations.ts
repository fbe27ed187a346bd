// Declarations: weights of a definition's own, and parts, whose dimensions and options are held against their module.
import { problem } from "../../grammar/diagnostic.ts";
import type { Declaration, Definition, Method, Statement } from "../../grammar/syntax.ts";
import { declare, unknownName } from "./binding.ts";
import { signatureOf, type Environment } from "./environment.ts";
import { checkArguments, checkExpression, type Checking } from "./expressions.ts";

/**
 * What a definition declares of its own, and the options that each takes. `stored`: the sizes in the order of the checkpoint's axes,
 * where that is another. `moving`: the rows that a step changes. `rate`: the learning rate in units of the recipe's. `shared`: one
 * tensor for all parts that an adapter is on. `signed`: whether a state may be below zero.
 */
const ownOptions: Readonly<Record<string, readonly string[]>> = {
  weight: ["stored"],
  train: ["moving", "rate", "shared"],
  state: ["signed"],
  tensor: [],
};

/** `KIND NAME [shape] … { options }`: a weight of its own, or a part that is a module. */
export function checkDeclaration(statement: Declaration, env: Environment, checking: Checking): void {
  for (const size of statement.shape ?? []) checkExpression(size, env, checking);
  if (statement.at !== undefined) checkExpression(statement.at, env, checking);
  if (statement.initial !== undefined) checkExpression(statement.initial, env, checking);
  for (const option of statement.options) checkExpression(option.value, env, checking);
  const { text } = statement.what;
  const own = ownOptions[text];
  if (own !== undefined) {
    if (statement.arrow) {
      checking.report(
        problem("FTL0214", statement.what.span, `a ${text} has a shape, not sides`, "write [out, in]"),
      );
    }
    for (const option of statement.options) {
      const name = option.path[0];
      if (name !== undefined && !own.includes(name.text)) unknownName("option", name, own, checking);
    }
    declare(
      env,
      {
        what: text === "state" || text === "tensor" ? "state" : "weight",
        name: statement.name.text,
        span: statement.name.span,
      },
      checking,
    );
    return;
  }
  const module = checking.scope.lookup("module", text, checking.path);
  if (module === undefined)
    unknownName("module", statement.what, checking.scope.names("module", checking.path), checking);
  else checkPart(statement, module, checking);
  const forward =
    module === undefined
      ? undefined
      : allMethods(module.body.statements).find((method) => method.name.text === "forward");
  const signature =
    forward === undefined
      ? undefined
      : signatureOf(`'${statement.name.text}'`, forward.parameters, forward.name.span);
  declare(
    env,
    { what: "part", name: statement.name.text, span: statement.name.span, signature, module },
    checking,
  );
}

/** A part's dimensions and options against its module's. */
function checkPart(statement: Declaration, module: Definition, checking: Checking): void {
  const given = statement.shape?.length ?? 0;
  const { arrow } = module;
  if (given !== module.dimensions.length || (given > 0 && statement.arrow !== arrow)) {
    const names = module.dimensions.map((name) => name.text).join(arrow ? " -> " : ", ");
    const message =
      given === module.dimensions.length
        ? `${statement.what.text} has ${arrow ? "two sides" : "a shape, not sides"}`
        : `${statement.what.text} has ${counted(module.dimensions.length, "dimension")}, not ${given}`;
    const related = [{ span: module.name.span, label: `[${names}]` }];
    checking.report(problem("FTL0214", statement.name.span, message, `write [${names}]`, { related }));
  }
  const signature = signatureOf(statement.what.text, module.parameters, module.name.span);
  const options = statement.options.flatMap((option) => {
    const name = option.path[0];
    return name === undefined ? [] : [{ name, span: option.span }];
  });
  checkArguments(signature, options, statement.name.span, checking, "option");
}

/** The methods among statements. */
export function allMethods(statements: readonly Statement[]): Method[] {
  return statements.filter((statement) => statement.kind === "method");
}

function counted(count: number, noun: string): string {
  return `${count} ${noun}${count === 1 ? "" : "s"}`;
}
