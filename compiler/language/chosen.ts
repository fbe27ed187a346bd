// A definition that a recipe names, and the options it gives it: each option held against the parameter of the same name.
// An announced name that the library does not have yet takes any options; `planned.ts` reports it.
import { problem } from "../../grammar/diagnostic.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Definition, DefinitionKind, Expression, Option, Parameter } from "../../grammar/syntax.ts";
import { announcedNames } from "./announced.ts";
import { unknownOption } from "./clause.ts";
import {
  flag,
  kindOf,
  measured,
  numberForm,
  outside,
  replace,
  wordOf,
  wrong,
  wrongUnit,
  type Form,
  type Report,
  type Subject,
} from "./forms.ts";
import { readNumber, scaleOf } from "./quantities.ts";
import { plainText, type Scope } from "./resolve.ts";
import type { Constant, Said } from "./settings.ts";

/**
 * The definition a name means; `announced` for one that is still to come. Undefined after reporting. `others` are words that may stand in
 * its place.
 */
export function findDefinition(
  kind: DefinitionKind,
  name: Said<string>,
  scope: Scope,
  from: string,
  report: Report,
  others: readonly string[] = [],
): Definition | "announced" | undefined {
  const found = scope.lookup(kind, name.value, from);
  if (found !== undefined) return found;
  const coming = announcedNames(kind);
  if (coming.includes(name.value)) return "announced";
  const names = [...others, ...scope.names(kind, from)];
  const guess = closest(name.value, [...names, ...coming]);
  const edits = guess === undefined ? [] : [replace(name.span, guess)];
  const label = guess === undefined ? `known: ${names.join(", ")}` : `did you mean '${guess}'?`;
  report(problem("FTL0309", name.span, `there is no ${kind} '${name.value}'`, label, { edits }));
  return undefined;
}

/** The options for a definition's parameters. `common` are the options that the clause takes whatever the definition. */
export function readOptions(
  definition: Definition | "announced",
  name: Said<string>,
  options: readonly Option[],
  common: readonly string[],
  complete: boolean,
  report: Report,
  /** Definitions of the same kind that take a range of ranks. */
  ranged: () => readonly string[] = () => [],
): ReadonlyMap<string, Said<Constant>> {
  const read = new Map<string, Said<Constant>>();
  for (const entry of options) {
    const written = entry.path.map((part) => part.text).join(".");
    const at = entry.path[0]?.span ?? entry.span;
    const parameter =
      definition === "announced"
        ? undefined
        : definition.parameters.find((candidate) => candidate.name.text === written);
    if (definition !== "announced" && parameter === undefined) {
      const names = [...definition.parameters.map((candidate) => candidate.name.text), ...common];
      unknownOption(written, at, `'${name.value}'`, names, report, [
        { span: definition.name.span, label: "defined here" },
      ]);
      continue;
    }
    const subject = {
      label: `'${written}'`,
      report: parameter === undefined ? report : pointing(parameter, entry.value, ranged, report),
    };
    const value = (parameter === undefined ? loose : formOf(parameter)).read(entry.value, subject);
    if (value !== undefined) read.set(written, { value, span: entry.value.span });
  }
  if (definition !== "announced" && complete) needed(definition, name, options, report);
  return read;
}

function needed(
  definition: Definition,
  name: Said<string>,
  options: readonly Option[],
  report: Report,
): void {
  const given = new Set(options.map((entry) => entry.path[0]?.text));
  for (const parameter of definition.parameters) {
    if (parameter.default !== undefined || given.has(parameter.name.text)) continue;
    const related = [{ span: parameter.span, label: "it has no value of its own" }];
    const message = `'${name.value}' needs the option '${parameter.name.text}'`;
    report(
      problem("FTL0305", name.span, message, `add ${parameter.name.text}: ${formOf(parameter).expected}`, {
        related,
      }),
    );
  }
}

/** Adds the parameter's place to what a form reports; where a range stands for one number, also who would take it. */
function pointing(
  parameter: Parameter,
  value: Expression,
  ranged: () => readonly string[],
  report: Report,
): Report {
  return (found) => {
    const takers = value.kind === "range" && !isRanked(parameter) ? ranged().join(", ") : "";
    report({
      ...found,
      label: takers === "" ? found.label : `${found.label}; ${takers} takes one`,
      related: [...found.related, { span: parameter.span, label: "the parameter is declared here" }],
    });
  };
}

function isRanked({ type }: Parameter): boolean {
  return type?.kind === "named" && type.name.text === "ranks";
}

/** Definitions of a kind that take a range of ranks: to be asked for a mistake alone, as it reads all of them. */
export function rangedNames(kind: DefinitionKind, scope: Scope, from: string): readonly string[] {
  return scope
    .names(kind, from)
    .filter((name) => scope.lookup(kind, name, from)?.parameters.some(isRanked) === true);
}

/** The form of a parameter's value: by its type, or by its default where it has no type. */
export function formOf(parameter: Parameter): Form<Constant> {
  const optional = parameter.default?.kind === "none";
  const form = typed(parameter);
  return optional
    ? {
        ...form,
        read: (value, subject) => (value.kind === "none" ? { kind: "none" } : form.read(value, subject)),
      }
    : form;
}

function typed(parameter: Parameter): Form<Constant> {
  const { type, default: initial } = parameter;
  if (type === undefined) {
    if (initial?.kind === "number" || initial?.kind === "member" || initial?.kind === "binary") return number;
    if (initial?.kind === "boolean") return boolean;
    if (initial?.kind === "string") return string;
    if (initial?.kind === "list")
      return initial.elements.every(({ kind }) => kind === "string")
        ? words
        : numbers(initial.elements.length);
    return loose;
  }
  if (type.kind === "shape") {
    const [only] = type.dimensions;
    const size = only?.kind === "size" && only.value.kind === "number" ? only.value.value : undefined;
    return numbers(type.dimensions.length === 1 ? size : undefined);
  }
  const name = type.kind === "named" ? type.name.text : "";
  return name === "number"
    ? number
    : name === "boolean"
      ? boolean
      : name === "string"
        ? string
        : name === "steps"
          ? steps
          : name === "ranks"
            ? ranks
            : name === "draws"
              ? draws
              : loose;
}

const number: Form<Constant> = {
  expected: "a number",
  read(value, subject) {
    const quantity = readNumber(value);
    if (quantity === undefined)
      return wrong(value, subject, value.kind === "range" ? "one number, not a range" : number.expected);
    if (quantity.unit === "%") return { kind: "number", value: quantity.value / 100 };
    const scale = scaleOf(quantity.unit, "count");
    return scale === undefined
      ? wrongUnit(quantity, subject, number.expected, "")
      : { kind: "number", value: quantity.value * scale };
  },
};

const boolean: Form<Constant> = {
  expected: flag.expected,
  read(value, subject) {
    const said = flag.read(value, subject);
    return said === undefined ? undefined : { kind: "boolean", value: said };
  },
};

const string: Form<Constant> = {
  expected: "a word or a text",
  read(value, subject) {
    const said = value.kind === "string" ? plainText(value) : wordOf(value);
    return said === undefined ? wrong(value, subject, string.expected) : { kind: "string", value: said };
  },
};

/** Words or texts: for parameters whose own value is a list of texts. */
const words: Form<Constant> = {
  expected: "a list of words, such as [k_proj, v_proj]",
  read(value, subject) {
    if (value.kind !== "list") return wrong(value, subject, words.expected);
    const elements = value.elements.map((entry) => string.read(entry, subject));
    return elements.every((entry) => entry !== undefined) ? { kind: "list", elements } : undefined;
  },
};

function numbers(size: number | undefined): Form<Constant> {
  const expected = size === undefined ? "a list of numbers" : `a list of ${size} numbers`;
  return {
    expected,
    read(value, subject) {
      if (value.kind !== "list" || (size !== undefined && value.elements.length !== size))
        return wrongList(value, subject, expected);
      const elements = value.elements.map((entry) => number.read(entry, subject));
      return elements.every((entry) => entry !== undefined) ? { kind: "list", elements } : undefined;
    },
  };
}

function wrongList(value: Expression, subject: Subject, expected: string): undefined {
  if (value.kind !== "list") return wrong(value, subject, expected);
  subject.report(
    problem("FTL0306", value.span, `${subject.label} takes ${expected}`, `not ${value.elements.length}`),
  );
  return undefined;
}

const inSteps = measured(["steps"], "steps, such as 100 steps, or a share of the run, such as 3%");

const steps: Form<Constant> = {
  expected: inSteps.expected,
  read(value, subject) {
    const quantity = readNumber(value);
    if (quantity?.unit === "" && quantity.value === 0) return { kind: "steps", count: 0 };
    if (quantity?.unit === "%") {
      const of = quantity.value / 100;
      return of >= 0 && of <= 1 ? { kind: "share", of } : outside(value, subject, "a share from 0% to 100%");
    }
    const read = inSteps.read(value, subject);
    return read === undefined ? undefined : { kind: "steps", count: read.count };
  },
};

const rank = numberForm("a whole rank above zero, such as 8", { whole: true, least: 1 });

const ranks: Form<Constant> = {
  expected: "a rank, such as 8, or a range of ranks, such as 1..64",
  read(value, subject) {
    if (value.kind !== "range") {
      const one = rank.read(value, subject);
      return one === undefined ? undefined : { kind: "number", value: one };
    }
    if (value.first === undefined || value.last === undefined) return wrong(value, subject, ranks.expected);
    const first = rank.read(value.first, subject);
    const end = rank.read(value.last, subject);
    if (first === undefined || end === undefined) return undefined;
    const last = value.inclusive ? end : end - 1;
    return last >= first ? { kind: "range", first, last } : outside(value, subject, ranks.expected);
  },
};

const draws: Form<Constant> = {
  expected: "uniform, geometric, or a list of ranks such as [8, 4, 2, 1]",
  read(value, subject) {
    if (value.kind !== "list") {
      const said = wordOf(value) ?? (value.kind === "string" ? plainText(value) : undefined);
      return said === "uniform" || said === "geometric"
        ? { kind: "string", value: said }
        : wrong(value, subject, draws.expected);
    }
    const elements = value.elements.map((entry) => rank.read(entry, subject));
    return elements.every((entry) => entry !== undefined)
      ? { kind: "list", elements: elements.map((each) => ({ kind: "number", value: each })) }
      : undefined;
  },
};

/** Any constant: for parameters without type and default, and for definitions that are still to come. */
const loose: Form<Constant> = {
  expected: "a value",
  read(value, subject) {
    switch (value.kind) {
      case "boolean":
        return boolean.read(value, subject);
      case "string":
      case "reference":
        return string.read(value, subject);
      case "none":
        return { kind: "none" };
      case "range":
        return ranks.read(value, subject);
      case "words":
        return steps.read(value, subject);
      case "list": {
        const elements = value.elements.map((entry) => loose.read(entry, subject));
        return elements.every((entry) => entry !== undefined) ? { kind: "list", elements } : undefined;
      }
      case "missing":
        return undefined;
      default: {
        const quantity = readNumber(value);
        if (quantity?.unit === "%") return { kind: "share", of: quantity.value / 100 };
        return quantity === undefined
          ? wrong(value, subject, `${loose.expected}, not ${kindOf(value)}`)
          : number.read(value, subject);
      }
    }
  },
};
