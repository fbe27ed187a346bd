// What a clause is made of, as data, and how a clause of the syntax tree is read by its rule: the argument and each option by its
// form, every unknown, doubled or missing part reported. The rules themselves are the table in `clauses.ts`.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { cover, type Span } from "../../grammar/source.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Clause, DefinitionKind, Expression, Option, Recipe } from "../../grammar/syntax.ts";
import { replace, type Form, type Report } from "./forms.ts";
import type { Scope } from "./resolve.ts";
import type { Said } from "./settings.ts";

export interface OptionRule<T> {
  readonly form: Form<T>;
  readonly summary: string;
}

export type OptionRules = Readonly<Record<string, OptionRule<unknown>>>;

export interface ClauseRule<A, O extends OptionRules> {
  readonly noun: string;
  readonly summary: string;
  /** The clause as one would write it; also what is suggested where a required one is missing. */
  readonly example: string;
  /** What follows the noun; nothing for a clause without an argument. */
  readonly argument: Form<A> | undefined;
  /** The argument may be left out. */
  readonly bare?: boolean;
  readonly options: O;
  readonly required?: boolean;
  /** May stand several times. */
  readonly repeated?: boolean;
  /** May be given a name with `as`. */
  readonly named?: boolean;
  /** The argument names a definition of this kind, whose parameters are options as well. */
  readonly definition?: DefinitionKind;
  /** The one clause that may stand in its block, any number of times, and how it is written. */
  readonly nested?: { readonly noun: string; readonly example: string };
  /** The options say more about the argument: a setting that replaces the argument replaces them too. */
  readonly ofArgument?: boolean;
  /** The block holds settings of the whole recipe by their paths. */
  readonly paths?: boolean;
}

/** The clauses of a recipe by noun, each read by its rule. */
export interface ReadRecipe {
  readonly recipe: Recipe;
  readonly scope: Scope;
  readonly report: Report;
  /** What was reported so far. */
  readonly reported: readonly Diagnostic[];
  /** The file that names are looked up from. */
  readonly path: string;
  /** The only clause of the noun, read; undefined where there is none. */
  one<A, O extends OptionRules>(rule: ClauseRule<A, O>): ReadClause<A, O> | undefined;
  all<A, O extends OptionRules>(rule: ClauseRule<A, O>): readonly ReadClause<A, O>[];
}

type ValueOf<R> = R extends OptionRule<infer T> ? T : never;

export interface ReadClause<A, O extends OptionRules> {
  readonly clause: Clause;
  /** Undefined where it is left out or was refused. */
  readonly argument: Said<A> | undefined;
  readonly options: { readonly [K in keyof O]?: Said<ValueOf<O[K]>> };
  /** Options for the definition, or by paths. */
  readonly rest: readonly Option[];
  /** Nested clauses: `group "*.bias" { … }`. */
  readonly nested: readonly Clause[];
}

export function option<T>(form: Form<T>, summary: string): OptionRule<T> {
  return { form, summary };
}

export function readClause<A, O extends OptionRules>(
  rule: ClauseRule<A, O>,
  clause: Clause,
  report: Report,
): ReadClause<A, O> {
  const argument = readArgument(rule, clause, report);
  if (clause.alias !== undefined && rule.named !== true) {
    const message = `'${rule.noun}' cannot be given a name`;
    report(problem("FTL0312", clause.alias.span, message, "delete 'as' and the name"));
  }
  const options: { [name: string]: Said<unknown> } = {};
  const rest: Option[] = [];
  const nested: Clause[] = [];
  const seen = new Map<string, Span>();
  for (const entry of clause.body ?? []) {
    if (entry.kind === "clause") {
      readNested(rule, entry, nested, report);
      continue;
    }
    const [name] = entry.path;
    if (name === undefined || name.text === "") continue;
    const written = entry.path.map((part) => part.text).join(".");
    const span = cover(name.span, entry.path.at(-1)?.span ?? name.span);
    const first = seen.get(written);
    if (first !== undefined) {
      const related = [{ span: first, label: "first here" }];
      report(problem("FTL0303", span, `'${written}' is said twice`, "again here", { related }));
      continue;
    }
    seen.set(written, span);
    const known =
      entry.path.length === 1 && Object.hasOwn(rule.options, name.text) ? rule.options[name.text] : undefined;
    if (rule.nested !== undefined && isNested(rule.nested.noun, name.text)) {
      const message = `'${rule.nested.noun}' is a clause of its own`;
      report(problem("FTL0302", span, message, `write ${rule.nested.example}`));
    } else if (known !== undefined) {
      const value = known.form.read(entry.value, { label: `'${name.text}'`, report });
      if (value !== undefined) options[name.text] = { value, span: entry.value.span };
    } else if (rule.paths === true || (rule.definition !== undefined && entry.path.length === 1))
      rest.push(entry);
    else unknownOption(written, span, `'${rule.noun}'`, Object.keys(rule.options), report);
  }
  return { clause, argument, options: options as ReadClause<A, O>["options"], rest, nested };
}

/** Whether an option was meant to be the nested clause: its noun, or that with an s. */
function isNested(noun: string, written: string): boolean {
  return written === noun || written === `${noun}s`;
}

function readArgument<A, O extends OptionRules>(
  rule: ClauseRule<A, O>,
  clause: Clause,
  report: Report,
): Said<A> | undefined {
  const given = together(clause.arguments);
  if (rule.argument === undefined) {
    if (given !== undefined) {
      report(
        problem("FTL0312", given.span, `nothing follows '${rule.noun}' but a block`, `write ${rule.example}`),
      );
    }
    return undefined;
  }
  if (given === undefined) {
    if (rule.bare !== true) {
      const message = `'${rule.noun}' takes ${rule.argument.expected}`;
      report(problem("FTL0306", clause.noun.span, message, `nothing follows; write ${rule.example}`));
    }
    return undefined;
  }
  const value = rule.argument.read(given, { label: `'${rule.noun}'`, report });
  return value === undefined ? undefined : { value, span: given.span };
}

/** Expressions side by side as one. */
export function together(expressions: readonly Expression[]): Expression | undefined {
  const [first] = expressions;
  const last = expressions.at(-1);
  if (first === undefined || last === undefined || first === last) return first;
  return { kind: "words", elements: expressions, span: cover(first.span, last.span) };
}

/** `seed 7` inside a block, where `seed: 7` was meant, or the clause that may stand there. */
function readNested<A, O extends OptionRules>(
  rule: ClauseRule<A, O>,
  entry: Clause,
  nested: Clause[],
  report: Report,
): void {
  const { noun } = entry;
  if (noun.text === "") return;
  if (noun.text === rule.nested?.noun) nested.push(entry);
  else if (rule.nested !== undefined && isNested(rule.nested.noun, noun.text)) {
    const edits = [replace(noun.span, rule.nested.noun)];
    report(
      problem("FTL0302", noun.span, `the clause is called '${rule.nested.noun}'`, "one a clause", { edits }),
    );
  } else if (Object.hasOwn(rule.options, noun.text) || rule.definition !== undefined || rule.paths === true) {
    const message = `an option is written 'name: value'`;
    report(
      problem("FTL0302", noun.span, message, "a colon is missing", {
        edits: [replace(noun.span, `${noun.text}:`)],
      }),
    );
  } else unknownOption(noun.text, noun.span, `'${rule.noun}'`, Object.keys(rule.options), report);
}

/** `of` is whose option it would be, as the reader calls it. */
export function unknownOption(
  written: string,
  span: Span,
  of: string,
  names: readonly string[],
  report: Report,
  related: readonly { readonly span: Span; readonly label: string }[] = [],
): void {
  const guess = closest(written, [...names]);
  const edits = guess === undefined ? [] : [replace(span, guess)];
  const label =
    guess === undefined
      ? names.length === 0
        ? "it has none"
        : `it has ${names.join(", ")}`
      : `did you mean '${guess}'?`;
  report(problem("FTL0302", span, `${of} has no option '${written}'`, label, { edits, related }));
}
