// What documentation says of one name of the language, as data: terminal, Markdown and JSON are drawn from it. Everything is found in the
// definition's own text, the tables of clauses and the built-in functions; nothing is written twice.
import { textOf } from "../../grammar/source.ts";
import type { Severity } from "../../grammar/diagnostic.ts";
import type { Definition, DefinitionKind, Parameter, Statement } from "../../grammar/syntax.ts";
import { builtins, type Builtin } from "../language/builtins.ts";
import { formOf } from "../language/chosen.ts";
import type { ClauseRule, OptionRules } from "../language/clause.ts";
import { clauses } from "../language/clauses.ts";
import {
  clauseOf,
  exampleClause,
  exampleConfig,
  exampleUse,
  type ConfigFields,
} from "../language/example.ts";
import type { Scope } from "../language/resolve.ts";
import { configFields, type ConfigFieldUse } from "./config-fields.ts";
import { exampleRecipe } from "./example-recipe.ts";

export type PageKind = DefinitionKind | "clause" | "built-in";

/** Something that can be given: a parameter of a definition, or an option of a clause. */
export interface Given {
  readonly name: string;
  /** As the definition writes it, such as "number" or "[rows, d]". */
  readonly type: string | undefined;
  /** What a recipe may write there, in words; nothing for parameters of functions and modules. */
  readonly takes: string | undefined;
  /** What a plain number counts. */
  readonly unit: "steps" | undefined;
  /** As the definition writes it; nothing where it must be given. */
  readonly default: string | undefined;
  readonly needed: boolean;
  readonly text: string;
}

export interface Page {
  readonly kind: PageKind;
  readonly name: string;
  /** The file it stands in. */
  readonly file: string | undefined;
  /** Paragraphs parted by empty lines. */
  readonly text: string;
  /** Such as "Hu et al., 2021". */
  readonly papers: readonly string[];
  /** How it is written: `lora { … } on linear`, `silu(x: [..]) -> [..]`. */
  readonly use: string;
  readonly parameters: readonly Given[];
  /** Options that its clause takes whatever the name. */
  readonly common: readonly Given[];
  /** A whole recipe that compiles. */
  readonly example: string | undefined;
  /** For an architecture: what it does with a config.json. */
  readonly config: ConfigPage | undefined;
}

export interface ConfigPage {
  /** The values of `model_type` that pick it. */
  readonly modelType: string;
  readonly fields: readonly ConfigFieldUse[];
  /** Why it refuses a config, with `{config.field}` where the message fills one in. */
  readonly refuses: readonly string[];
  /** What it warns of and goes on. */
  readonly warns: readonly string[];
  /** A small config that it takes. */
  readonly example: ConfigFields;
}

export function pageOf(definition: Definition, scope: Scope): Page {
  const { what, name, documentation, parameters } = definition;
  const { path } = definition.span.source;
  const own = scope.root.path === path ? path : undefined;
  const rule = clauseOf(what);
  const architecture = what === "architecture";
  const format = what === "format";
  return {
    kind: what,
    name: name.text,
    file: path,
    text: documentation,
    papers: papersIn(documentation),
    use: format ? `weights: ${exampleUse(definition)}` : (exampleClause(definition) ?? signature(definition)),
    parameters: architecture ? [] : parameters.map((each) => given(each, rule !== undefined || format)),
    common: rule === undefined ? [] : optionsOf(rule),
    example: rule === undefined && !format ? undefined : exampleRecipe(definition, own),
    config: architecture
      ? {
          modelType: name.text,
          fields: configFields(definition, scope),
          refuses: objections(definition.body.statements, "error"),
          warns: objections(definition.body.statements, "warning"),
          example: exampleConfig(definition),
        }
      : undefined,
  };
}

export function clausePage(rule: ClauseRule<unknown, OptionRules>): Page {
  return {
    kind: "clause",
    name: rule.noun,
    file: undefined,
    text: sentence(rule.summary),
    papers: [],
    use: rule.example,
    parameters: optionsOf(rule),
    common: [],
    example: undefined,
    config: undefined,
  };
}

export function builtinPage({ name, parameters, description }: Builtin): Page {
  const marks = { required: "", optional: "?", rest: "…" } as const;
  return {
    kind: "built-in",
    name,
    file: undefined,
    text: sentence(description),
    papers: [],
    use: `${name}(${parameters.map((each) => `${each.name}${marks[each.needed]}`).join(", ")})`,
    parameters: [],
    common: [],
    example: undefined,
    config: undefined,
  };
}

/** The clauses of a recipe and the built-in functions. */
export function languagePages(): readonly Page[] {
  const rules = Object.values<ClauseRule<unknown, OptionRules>>(clauses);
  return [...rules.map(clausePage), ...[...builtins.values()].map(builtinPage)];
}

/** The papers that a text names in parentheses, with their years. */
export function papersIn(text: string): readonly string[] {
  const flat = text.replaceAll(/\s+/g, " ");
  const groups = [...flat.matchAll(/\(([^()]*\b(?:19|20)\d\d[^()]*)\)/g)].map(([, inside = ""]) => inside);
  const found = groups.flatMap((group) => group.split(";")).map((each) => each.trim());
  return [...new Set(found.filter((each) => /^[A-ZÄÖÜ].*,? (?:19|20)\d\d$/.test(each)))];
}

function given(parameter: Parameter, named: boolean): Given {
  const { name, type, default: initial, documentation } = parameter;
  return {
    name: name.text,
    type: type === undefined ? undefined : textOf(type.span),
    takes: named ? formOf(parameter).expected : undefined,
    unit: type?.kind === "named" && type.name.text === "steps" ? "steps" : undefined,
    default: initial === undefined ? undefined : textOf(initial.span),
    needed: initial === undefined,
    text: documentation,
  };
}

function optionsOf({ options }: ClauseRule<unknown, OptionRules>): readonly Given[] {
  return Object.entries(options).map(([name, { form, summary }]) => ({
    name,
    type: undefined,
    takes: form.expected,
    unit: undefined,
    default: undefined,
    needed: false,
    text: sentence(summary),
  }));
}

/** `name[in -> out](parameters) -> result`, as written. */
function signature({ name, dimensions, arrow, parameters, result }: Definition): string {
  const sizes = dimensions.map(({ text }) => text).join(arrow ? " -> " : ", ");
  const list = parameters.map(({ span }) => textOf(span)).join(", ");
  return [
    name.text,
    sizes === "" ? "" : `[${sizes}]`,
    dimensions.length > 0 && parameters.length === 0 ? "" : `(${list})`,
    result === undefined ? "" : ` -> ${textOf(result.span)}`,
  ].join("");
}

function objections(statements: readonly Statement[], severity: Severity): readonly string[] {
  return statements.flatMap((statement): readonly string[] => {
    switch (statement.kind) {
      case "require":
        return statement.severity === severity ? [textOf(statement.message.span).slice(1, -1)] : [];
      case "if": {
        const { then, otherwise } = statement;
        const rest =
          otherwise === undefined ? [] : otherwise.kind === "if" ? [otherwise] : otherwise.statements;
        return [...objections(then.statements, severity), ...objections(rest, severity)];
      }
      case "layer":
        return objections(statement.body.statements, severity);
      default:
        return [];
    }
  });
}

function sentence(text: string): string {
  return `${text.charAt(0).toUpperCase()}${text.slice(1)}.`;
}
