// `example { … }` in a definition: options with which it works as it stands, and by their paths settings of the recipe around it, such as
// `data.format: label`; for an architecture, the fields of a small config.json.
// In: the definition. Out: the clause or the config that the example is, and what is wrong with it. Documentation shows it, tests
// compile it.
import { problem } from "../../grammar/diagnostic.ts";
import { textOf } from "../../grammar/source.ts";
import { closest } from "../../grammar/suggest.ts";
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
import { readClause, unknownOption, type ClauseRule, type OptionRules } from "./clause.ts";
import { clauses } from "./clauses.ts";
import { replace, type Report } from "./forms.ts";
import { readNumber } from "./quantities.ts";
import { plainText } from "./resolve.ts";

/** What a field of a config.json may be. */
export type ConfigField = number | string | boolean | null | readonly ConfigField[] | ConfigFields;
export interface ConfigFields {
  readonly [name: string]: ConfigField;
}

/** What a definition's example says; nothing where it has none. */
function exampleOptions(definition: Definition): readonly Option[] | undefined {
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
  return noun === undefined ? undefined : `${noun} ${exampleUse(definition)}`;
}

/** The definition's name with the options of its example, such as `lora { rank: 8 }`. */
export function exampleUse(definition: Definition): string {
  const options = (exampleOptions(definition) ?? []).filter(isOwn).map(({ span }) => textOf(span));
  const block = options.length === 0 ? "" : ` { ${options.join(", ")} }`;
  return `${definition.name.text}${block}`;
}

/** The settings of other clauses that an example needs. */
export function exampleSettings(definition: Definition): readonly Option[] {
  return (exampleOptions(definition) ?? []).filter((option) => !isOwn(option));
}

const isOwn = ({ path }: Option): boolean => path.length === 1;

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
  const { name, span } = definition;
  const said = { value: name.text, span: name.span };
  if (definition.what === "format") readOptions(definition, said, options, [], true, report);
  const rule = clauseOf(definition.what);
  if (rule === undefined) return;
  const clause: Clause = {
    kind: "clause",
    noun: { text: rule.noun, span: name.span },
    arguments: [{ kind: "reference", name, span: name.span }],
    alias: undefined,
    body: options.filter(isOwn),
    span,
  };
  for (const option of options) if (!isOwn(option)) checkSetting(option, report);
  const { rest } = readClause(rule, clause, report);
  readOptions(definition, said, rest, Object.keys(rule.options), true, report);
}

/** `clause.option: value`: both are known. Whether the value fits is seen with the recipe around it. */
function checkSetting({ path: [noun, option, ...more] }: Option, report: Report): void {
  if (noun === undefined || option === undefined) return;
  const nouns = Object.keys(clauses);
  const rule: ClauseRule<unknown, OptionRules> | undefined = Object.values<ClauseRule<unknown, OptionRules>>(
    clauses,
  ).find((each) => each.noun === noun.text);
  if (rule === undefined) {
    const guess = closest(noun.text, nouns);
    const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
    const edits = guess === undefined ? [] : [replace(noun.span, guess)];
    report(problem("FTL0301", noun.span, `there is no clause '${noun.text}'`, label, { edits }));
  } else if (!Object.hasOwn(rule.options, option.text) || more.length > 0) {
    const written = [option, ...more].map(({ text }) => text).join(".");
    unknownOption(written, option.span, `'${noun.text}'`, Object.keys(rule.options), report);
  }
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
