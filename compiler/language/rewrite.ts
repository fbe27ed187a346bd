// A setting written into a recipe's text, as a user would: comments, order and columns stay. In: a recipe's tree, a path such as
// "accumulation" or "model.weights", and the text of the value. Out: one edit, labelled with what is written. The same paths as `--set` takes, without parts of values.
import type { Edit } from "../../grammar/diagnostic.ts";
import { cover, positionAt, type Span } from "../../grammar/source.ts";
import type { Clause, Option, Recipe } from "../../grammar/syntax.ts";
import type { ClauseRule, OptionRules } from "./clause.ts";
import { clauses } from "./clauses.ts";

/** Undefined where the recipe has no place for it. A clause that is not there comes behind `batch`, or behind the last one. */
export function rewrite(recipe: Recipe, path: string, value: string): Edit | undefined {
  const [noun = "", option] = path.split(".");
  const clause = recipe.clauses.find((each) => (each.alias ?? each.noun).text === noun);
  const label =
    option === undefined ? `${noun} ${value}` : `${isOfSeveral(option) ? `${noun}.` : ""}${option}: ${value}`;
  if (clause === undefined) {
    const before = recipe.clauses.find((each) => each.noun.text === "batch") ?? recipe.clauses.at(-1);
    return option !== undefined || before === undefined ? undefined : behind(before, noun, value, label);
  }
  if (option === undefined) {
    const [first] = clause.arguments;
    const last = clause.arguments.at(-1);
    return first === undefined || last === undefined
      ? undefined
      : { span: cover(first.span, last.span), text: value, label };
  }
  const written = (clause.body ?? []).find(
    (entry): entry is Option =>
      entry.kind === "option" && entry.path.map(({ text }) => text).join(".") === option,
  );
  return written === undefined
    ? added(clause, `${option}: ${value}`, label)
    : { span: written.value.span, text: value, label };
}

/** Whether the option's name alone does not tell where it belongs: clauses that every recipe has take it. */
function isOfSeveral(option: string): boolean {
  const takers = Object.values(clauses).filter(
    (rule: ClauseRule<unknown, OptionRules>) => rule.required === true && Object.hasOwn(rule.options, option),
  );
  return takers.length > 1;
}

/** A clause of its own line, its argument in the column of its neighbour's; on a line of several clauses one more. */
function behind(before: Clause, noun: string, value: string, label: string): Edit {
  const { source, end } = before.span;
  const { text } = source;
  const rest = restOfLine(text, end);
  const column = (span: Span): number => positionAt(source, span.start).column;
  const [argument] = before.arguments;
  const width = argument === undefined ? 0 : column(argument.span) - column(before.span);
  const clause = `${noun.padEnd(width - 1)} ${value}`;
  const opens = /^\s*(\/\/.*)?$/.test(rest) && /^\s*$/.test(startOfLine(text, before.span.start));
  if (!opens) return { span: { source, start: end, end }, text: `, ${noun} ${value}`, label };
  const at = end + rest.length;
  return {
    span: { source, start: at, end: at },
    text: `\n${startOfLine(text, before.span.start)}${clause}`,
    label,
  };
}

/** An option at the end of a clause's block, which is opened where there is none. */
function added({ span, body }: Clause, option: string, label: string): Edit | undefined {
  const { source } = span;
  if (body === undefined)
    return { span: { source, start: span.end, end: span.end }, text: ` { ${option} }`, label };
  const last = body.at(-1);
  if (last === undefined) return undefined;
  const indent = startOfLine(source.text, last.span.start);
  const at = { source, start: last.span.end, end: last.span.end };
  if (!/^\s*$/.test(indent)) return { span: at, text: `, ${option}`, label };
  const end = last.span.end + restOfLine(source.text, last.span.end).length;
  return { span: { source, start: end, end }, text: `\n${indent}${option}`, label };
}

function restOfLine(text: string, from: number): string {
  const end = text.indexOf("\n", from);
  return text.slice(from, end === -1 ? text.length : end);
}

function startOfLine(text: string, from: number): string {
  return text.slice(text.lastIndexOf("\n", from - 1) + 1, from);
}

/** Several edits of one text as one, from the first changed place to the last. */
export function combined(edits: readonly Edit[]): Edit | undefined {
  const sorted = edits.toSorted((a, b) => a.span.start - b.span.start || a.span.end - b.span.end);
  const [first] = sorted;
  const last = sorted.at(-1);
  if (first === undefined || last === undefined) return undefined;
  let text = "";
  let from = first.span.start;
  for (const edit of sorted) {
    text += edit.span.source.text.slice(from, edit.span.start) + edit.text;
    from = edit.span.end;
  }
  const label = edits.map((edit) => edit.label).join(", ");
  return { span: cover(first.span, last.span), text, label };
}

/** The text with the edit made. */
export function applied({ span: { source, start, end }, text }: Edit): string {
  return source.text.slice(0, start) + text + source.text.slice(end);
}
