// Settings by path, the one mechanism for changes: `--set optimizer.rate=1e-4`, a line of `sweep`, a line of `stage`. In: a recipe's tree and a
// setting. Out: a new tree that says it, as if it had been written there, with spans that point at the setting. Whether the
// value fits is checked with the recipe, not here.
import { problem, type Diagnostic } from "../../grammar/diagnostic.ts";
import { parse } from "../../grammar/parse.ts";
import { cover, type Source, type Span } from "../../grammar/source.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Clause, Expression, Option, Recipe } from "../../grammar/syntax.ts";
import { clauses, type Noun } from "./clauses.ts";
import { tooDeep } from "./depth.ts";
import { replace } from "./forms.ts";

export interface ChangedRecipe {
  /** Unchanged where there are diagnostics. */
  readonly recipe: Recipe;
  readonly diagnostics: readonly Diagnostic[];
}

/** The recipe with `setting`, such as "optimizer.rate=1e-4", put in place. Its spans are in a source called "--set". */
export function applySetting(recipe: Recipe, setting: string): ChangedRecipe {
  const text = withPathQuoted(setting);
  const source: Source = { path: "--set", text };
  const whole: Span = { source, start: 0, end: text.length };
  const equals = text.indexOf("=");
  if (equals === -1 || !/^\s*\w+(\.\w+)*\s*$/.test(text.slice(0, equals))) {
    const found = problem("FTL0313", whole, "a setting is written path=value", "such as optimizer.rate=1e-4");
    return { recipe, diagnostics: [found] };
  }
  const before = "recipe set { stage set { ";
  const parsed = parse({
    path: "--set",
    text: `${before}${text.slice(0, equals)}:${text.slice(equals + 1)}\n} }`,
  });
  const nested = parsed.file.items.map(tooDeep).find((found) => found !== undefined);
  if (nested !== undefined) return { recipe, diagnostics: [{ ...nested, span: whole }] };
  const moved = shift({ items: parsed.file.items, diagnostics: parsed.diagnostics }, source, before.length);
  if (moved.diagnostics.length > 0) return { recipe, diagnostics: moved.diagnostics };
  const [only, ...others] = moved.items;
  const stage = only?.kind === "recipe" && only.clauses.length === 1 ? only.clauses[0] : undefined;
  const option = stage?.body?.length === 1 ? stage.body[0] : undefined;
  if (option?.kind !== "option" || others.length > 0) {
    const found = problem(
      "FTL0313",
      whole,
      "a setting is one path and one value",
      "such as optimizer.rate=1e-4",
    );
    return { recipe, diagnostics: [found] };
  }
  return replaceSettings(withoutInStages(recipe, option), [option]);
}

/** A path such as ../runs/a needs no quotes on a command line, where the shell takes them away. */
function withPathQuoted(setting: string): string {
  const [, name, path] = /^([^=]*=)\s*(\.{0,2}\/[^"]*)$/.exec(setting) ?? [];
  return name === undefined || path === undefined ? setting : `${name}${JSON.stringify(path)}`;
}

/** What is set from outside goes before what a stage says. */
function withoutInStages(recipe: Recipe, { path }: Option): Recipe {
  const written = (names: Option["path"]): string => names.map(({ text }) => text).join(".");
  const overruled = (entry: Option | Clause): boolean =>
    entry.kind === "option" && written(entry.path) === written(path);
  const clauses = recipe.clauses.map((clause) =>
    clause.noun.text === "stage"
      ? { ...clause, body: clause.body?.filter((entry) => !overruled(entry)) }
      : clause,
  );
  return { ...recipe, clauses };
}

/** The recipe with all the settings put in place. */
export function replaceSettings(recipe: Recipe, options: readonly Option[]): ChangedRecipe {
  const diagnostics: Diagnostic[] = [];
  let changed = recipe;
  for (const option of options) {
    const result = replaceSetting(changed, option);
    if ("code" in result) diagnostics.push(result);
    else changed = result;
  }
  return { recipe: diagnostics.length > 0 ? recipe : changed, diagnostics };
}

function replaceSetting(recipe: Recipe, option: Option): Recipe | Diagnostic {
  const [head, name, part, ...more] = option.path;
  if (head === undefined || option.value.kind === "missing") return recipe;
  const known = Object.keys(clauses).filter((noun) => noun !== "sweep" && noun !== "stage");
  if (head.text === "sweep" || head.text === "stage") {
    return problem("FTL0313", head.span, `'${head.text}' is itself made of settings`, "cannot be set");
  }
  const found = recipe.clauses.filter(
    (clause) => clause.noun.text === head.text || clause.alias?.text === head.text,
  );
  const span = cover(head.span, option.path.at(-1)?.span ?? head.span);
  if (found.length > 1) {
    const names = found.map((clause) => clause.alias?.text ?? "").filter((alias) => alias !== "");
    const label = names.length > 0 ? `write one of ${names.join(", ")}` : "give each a name with 'as'";
    return problem("FTL0313", span, `there are ${found.length} clauses '${head.text}'`, label);
  }
  const [target] = found;
  if (target === undefined && !known.includes(head.text)) {
    const guess = closest(head.text, known);
    const edits = guess === undefined ? [] : [replace(head.span, guess)];
    const label = guess === undefined ? "unknown" : `did you mean '${guess}'?`;
    return problem("FTL0301", head.span, `there is no clause '${head.text}'`, label, { edits });
  }
  if (more.length > 0)
    return problem("FTL0313", span, "a path has at most three parts", "such as model.weights.block");
  if (target === undefined) {
    if (name !== undefined) {
      const example = clauses[head.text as Noun].example;
      return problem(
        "FTL0313",
        span,
        `the recipe has no clause '${head.text}' to change`,
        `it could be: ${example}`,
      );
    }
    const added: Clause = {
      kind: "clause",
      noun: head,
      alias: undefined,
      ...argumentsOf(option.value, undefined),
      span: option.span,
    };
    return { ...recipe, clauses: [...recipe.clauses, added] };
  }
  const changed: Clause =
    name === undefined
      ? { ...target, ...argumentsOf(option.value, replacesBlock(target) ? undefined : target.body) }
      : {
          ...target,
          body: withOption(target.body ?? [], option, part === undefined ? [name] : [name, part]),
        };
  return { ...recipe, clauses: recipe.clauses.map((clause) => (clause === target ? changed : clause)) };
}

function replacesBlock(target: Clause): boolean {
  const rule: { readonly ofArgument?: boolean } | undefined = clauses[target.noun.text as Noun];
  return rule?.ofArgument === true;
}

/** A value as what follows a noun: words side by side are several arguments, options are the block. */
function argumentsOf(value: Expression, body: Clause["body"]): Pick<Clause, "arguments" | "body"> {
  if (value.kind === "configured") return { ...argumentsOf(value.value, body), body: value.options };
  return { arguments: value.kind === "words" ? value.elements : [value], body };
}

function withOption(
  body: readonly (Option | Clause)[],
  option: Option,
  [name, part]: Option["path"],
): readonly (Option | Clause)[] {
  if (name === undefined) return body;
  const before = body.find(
    (entry) => entry.kind === "option" && entry.path.length === 1 && entry.path[0]?.text === name.text,
  );
  const old = before?.kind === "option" ? before.value : undefined;
  const value = part === undefined ? option.value : withPart(old, option, part);
  const changed: Option = { kind: "option", path: [name], value, span: option.span };
  return before === undefined
    ? [...body, changed]
    : body.map((entry) => (entry === before ? changed : entry));
}

/** `model.weights.block=32`: one option of the block that stands behind an option's value. */
function withPart(old: Expression | undefined, option: Option, part: Option["path"][number]): Expression {
  const set: Option = { kind: "option", path: [part], value: option.value, span: option.span };
  if (old?.kind === "configured") {
    const kept = old.options.filter((entry) => entry.path[0]?.text !== part.text);
    return { ...old, options: [...kept, set] };
  }
  return {
    kind: "configured",
    value: old ?? { kind: "missing", span: option.span },
    options: [set],
    span: option.span,
  };
}

/** A copy in which every span lies `by` characters earlier, in `source`. */
function shift<T>(tree: T, source: Source, by: number): T {
  const clamp = (offset: number): number => Math.min(Math.max(offset - by, 0), source.text.length);
  function copy(value: unknown): unknown {
    if (Array.isArray(value)) return value.map(copy);
    if (typeof value !== "object" || value === null) return value;
    if ("source" in value && "start" in value && "end" in value) {
      return { source, start: clamp(Number(value.start)), end: clamp(Number(value.end)) };
    }
    return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copy(entry)]));
  }
  return copy(tree) as T;
}
