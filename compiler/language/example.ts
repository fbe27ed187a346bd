// `example { … }` in a definition: options with which it works as it stands; for an architecture, the fields of a small config.json.
// In: the definition. Out: the clause or the config that the example is, and what is wrong with it. Documentation shows it, tests
// compile it.
import { problem } from "../../grammar/diagnostic.ts";
import { textOf } from "../../grammar/source.ts";
import type {
  Clause,
  Definition,
  DefinitionKind,
  Expression,
  Fields,
  Option,
  Statement,
} from "../../grammar/syntax.ts";
import { readOptions } from "./chosen.ts";
import { readClause, type ClauseRule, type OptionRules } from "./clause.ts";
import { clauses } from "./clauses.ts";
import type { Report } from "./forms.ts";
import { readNumber } from "./quantities.ts";
import { plainText } from "./resolve.ts";

/** What a field of a config.json may be. */
export type ConfigField = number | string | boolean | null | readonly ConfigField[] | ConfigFields;
export interface ConfigFields {
  readonly [name: string]: ConfigField;
}

/** The options of a definition's example; none where it gives none. */
export function exampleOptions(definition: Definition): readonly Option[] | undefined {
  const isExample = (statement: Statement): statement is Fields => statement.kind === "example";
  return definition.body.statements.find(isExample)?.options;
}

/** The clause that names definitions of a kind, such as `optimizer` for optimizers. */
export function clauseOf(kind: DefinitionKind): ClauseRule<unknown, OptionRules> | undefined {
  return Object.values<ClauseRule<unknown, OptionRules>>(clauses).find((rule) => rule.definition === kind);
}

/** A clause that uses the definition as its example says, such as `adapter lora { rank: 8 }`. */
export function exampleClause(definition: Definition): string | undefined {
  const noun = clauseOf(definition.what)?.noun;
  if (noun === undefined) return undefined;
  const options = (exampleOptions(definition) ?? []).map(({ span }) => textOf(span));
  const block = options.length === 0 ? "" : ` { ${options.join(", ")} }`;
  return `${noun} ${definition.name.text}${block}`;
}

/** The config.json of an architecture's example. A path of names, such as `rope_scaling.factor`, is an object's field. */
export function exampleConfig(definition: Definition): ConfigFields {
  const fields: Record<string, ConfigField> = { model_type: definition.name.text };
  for (const { path, value } of exampleOptions(definition) ?? []) {
    const field = configField(value);
    const last = path.at(-1)?.text;
    if (field === undefined || last === undefined) continue;
    let at = fields;
    for (const { text } of path.slice(0, -1)) {
      const inner: Record<string, ConfigField> = { ...(at[text] as Record<string, ConfigField> | undefined) };
      at[text] = inner;
      at = inner;
    }
    at[last] = field;
  }
  return fields;
}

/** The mistakes of an example: what its clause would report, or values that no config.json has. */
export function checkExample(definition: Definition, options: readonly Option[], report: Report): void {
  if (definition.what === "architecture") {
    for (const { value } of options) {
      if (value.kind === "missing" || configField(value) !== undefined) continue;
      const expected = "a field of a config.json is a number, a text, true, false, none or a list of these";
      report(problem("FTL0306", value.span, expected, "not a value of JSON"));
    }
    return;
  }
  const rule = clauseOf(definition.what);
  if (rule === undefined) return;
  const { name, span } = definition;
  const clause: Clause = {
    kind: "clause",
    noun: { text: rule.noun, span: name.span },
    arguments: [{ kind: "reference", name, span: name.span }],
    alias: undefined,
    body: options,
    span,
  };
  const { rest } = readClause(rule, clause, report);
  const said = { value: name.text, span: name.span };
  readOptions(definition, said, rest, Object.keys(rule.options), true, report);
}

function configField(value: Expression): ConfigField | undefined {
  switch (value.kind) {
    case "string":
      return plainText(value);
    case "boolean":
      return value.value;
    case "none":
      return null;
    case "list": {
      const elements = value.elements.map(configField);
      return elements.every((element) => element !== undefined) ? elements : undefined;
    }
    default: {
      const quantity = readNumber(value);
      return quantity?.unit === "" ? quantity.value : undefined;
    }
  }
}
