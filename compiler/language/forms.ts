// The forms that values take in a recipe: a form reads an expression as a typed value or reports what was expected instead.
// Clause arguments and option values are read by the same forms; words side by side, as in `100 steps`, are one expression.
import { problem, type Diagnostic, type Edit } from "../../grammar/diagnostic.ts";
import { cover, textOf, type Span } from "../../grammar/source.ts";
import { closest } from "../../grammar/suggest.ts";
import type { Expression, Option } from "../../grammar/syntax.ts";
import { readNumber, scaleOf, type Quantity } from "./quantities.ts";
import { plainText } from "./resolve.ts";
import type { Said } from "./settings.ts";

export type Report = (found: Diagnostic) => void;

/** What is being read, as a reader calls it ("'length'"), and where mistakes go. */
export interface Subject {
  readonly label: string;
  readonly report: Report;
}

export interface Form<T> {
  /** Completes "expected …": "a whole number, such as 32". */
  readonly expected: string;
  /** Undefined after reporting, or in silence where the syntax was broken already. */
  readonly read: (value: Expression, subject: Subject) => T | undefined;
}

/** Reports that `value` does not have the form. */
export function wrong(
  value: Expression,
  subject: Subject,
  expected: string,
  edits: readonly Edit[] = [],
): undefined {
  if (value.kind === "missing") return undefined;
  subject.report(
    problem("FTL0306", value.span, `${subject.label} takes ${expected}`, `this is ${kindOf(value)}`, {
      edits,
    }),
  );
  return undefined;
}

export function replace(span: Span, text: string): Edit {
  return { span, text, label: `write '${text}'` };
}

/** What a reader calls an expression. */
export function kindOf(value: Expression): string {
  switch (value.kind) {
    case "number":
      return value.unit === "" ? "a number" : value.unit === "%" ? "a share" : `a number of ${value.unit}`;
    case "string":
      return "a text";
    case "boolean":
      return textOf(value.span);
    case "none":
      return "none";
    case "reference":
      return `the word '${value.name.text}'`;
    case "list":
      return "a list";
    case "range":
      return "a range";
    case "words":
      return `'${textOf(value.span)}'`;
    case "configured":
      return "a value with options";
    default:
      return "this expression";
  }
}

/** Numbers within bounds; `unit` is what they count, for the message. */
export function numberForm(
  expected: string,
  bounds: {
    readonly whole?: boolean;
    readonly least?: number;
    readonly above?: number;
    readonly most?: number;
  },
): Form<number> {
  return {
    expected,
    read(value, subject) {
      const quantity = readNumber(value);
      if (quantity === undefined) return wrong(value, subject, expected);
      const scale = scaleOf(quantity.unit, "count");
      if (scale === undefined) return wrongUnit(quantity, subject, expected, "");
      const number = quantity.value * scale;
      const { whole = false, least = -Infinity, above = -Infinity, most = Infinity } = bounds;
      if ((whole && !Number.isSafeInteger(number)) || number < least || number <= above || number > most) {
        return outside(value, subject, expected);
      }
      return number;
    },
  };
}

export function outside(value: Expression, subject: Subject, expected: string): undefined {
  subject.report(
    problem("FTL0308", value.span, `${subject.label} takes ${expected}`, `not ${textOf(value.span)}`),
  );
  return undefined;
}

/** The number has a unit that does not belong here; `meant` is the unit to write instead. */
export function wrongUnit(quantity: Quantity, subject: Subject, expected: string, meant: string): undefined {
  const edits = quantity.plain ? [replace(quantity.span, `${quantity.value}${meant}`)] : [];
  const label = quantity.unit === "" ? "no unit" : `the unit '${quantity.unit}' does not fit`;
  subject.report(problem("FTL0307", quantity.span, `${subject.label} takes ${expected}`, label, { edits }));
  return undefined;
}

export const count: Form<number> = numberForm("a whole number above zero, such as 32", {
  whole: true,
  least: 1,
  most: 2 ** 24,
});
export const positive: Form<number> = numberForm("a number above zero, such as 1.0", { above: 0 });
export const seed: Form<number> = numberForm("a whole number from 0 to 4294967295, such as 7", {
  whole: true,
  least: 0,
  most: 2 ** 32 - 1,
});

/** A text without `{…}` that is not empty. */
export function textForm(expected: string): Form<string> {
  return {
    expected,
    read(value, subject) {
      if (value.kind !== "string") {
        const edits =
          value.kind === "reference" ? [replace(value.span, JSON.stringify(value.name.text))] : [];
        return wrong(value, subject, expected, edits);
      }
      const plain = plainText(value);
      return plain === undefined || plain === "" ? outside(value, subject, expected) : plain;
    },
  };
}

export const flag: Form<boolean> = {
  expected: "true or false",
  read(value, subject) {
    return value.kind === "boolean" ? value.value : wrong(value, subject, flag.expected);
  },
};

export const bytes: Form<number> = {
  expected: "a size with its unit, such as 8GiB or 512MiB",
  read(value, subject) {
    const quantity = readNumber(value);
    if (quantity === undefined) return wrong(value, subject, bytes.expected);
    const scale = scaleOf(quantity.unit, "bytes");
    if (scale === undefined) {
      const guess =
        /^[kmgt]i?b?$/i.exec(quantity.unit) === null
          ? "GiB"
          : `${quantity.unit.charAt(0).replace("k", "K").toUpperCase()}iB`;
      return wrongUnit(quantity, subject, bytes.expected, guess);
    }
    const size = Math.floor(quantity.value * scale);
    return size >= 1 && Number.isSafeInteger(size) ? size : outside(value, subject, bytes.expected);
  },
};

/** A share between 0 and 1, written `5%` or `0.05`. */
export const share: Form<number> = {
  expected: "a share, such as 5%",
  read(value, subject) {
    const quantity = readNumber(value);
    if (quantity === undefined) return wrong(value, subject, share.expected);
    if (quantity.unit !== "" && quantity.unit !== "%")
      return wrongUnit(quantity, subject, share.expected, "%");
    const part = quantity.unit === "%" ? quantity.value / 100 : quantity.value;
    return part >= 0 && part <= 1 ? part : outside(value, subject, share.expected);
  },
};

/** One of some words. */
export function word<const W extends string>(...words: readonly W[]): Form<W> {
  const expected =
    words.length === 1 ? `'${words[0]}'` : `${words.slice(0, -1).join(", ")} or ${words.at(-1)}`;
  return {
    expected,
    read(value, subject) {
      const said = wordOf(value);
      const found = words.find((entry) => entry === said);
      if (found !== undefined) return found;
      if (said === undefined) {
        const quoted =
          value.kind === "string" ? words.find((entry) => entry === plainText(value)) : undefined;
        return wrong(value, subject, expected, quoted === undefined ? [] : [replace(value.span, quoted)]);
      }
      const guess = closest(said, words);
      const label = guess === undefined ? `not '${said}'` : `did you mean '${guess}'?`;
      const edits = guess === undefined ? [] : [replace(value.span, guess)];
      subject.report(problem("FTL0306", value.span, `${subject.label} takes ${expected}`, label, { edits }));
      return undefined;
    },
  };
}

/** The word an expression is, `none` included. */
export function wordOf(value: Expression): string | undefined {
  if (value.kind === "reference") return value.name.text;
  return value.kind === "none" ? "none" : undefined;
}

/** The first form whose kind of expression it is reads the value; `mine` says which are the first form's. */
export function either<A, B>(
  first: Form<A>,
  mine: (value: Expression) => boolean,
  second: Form<B>,
): Form<A | B> {
  const expected = `${first.expected}, or ${second.expected}`;
  const both = <T>(form: Form<T>): Form<T> => ({ ...form, expected });
  return {
    expected,
    read: (value, subject) =>
      mine(value) ? both(first).read(value, subject) : both(second).read(value, subject),
  };
}

/** A list, or one element alone. */
export function listOf<T>(element: Form<T>, expected: string): Form<readonly Said<T>[]> {
  return {
    expected,
    read(value, subject) {
      const elements = value.kind === "list" ? value.elements : [value];
      const read = elements.map((entry) => {
        const said = element.read(entry, {
          ...subject,
          label: value.kind === "list" ? `${subject.label}, as a list,` : subject.label,
        });
        return said === undefined ? undefined : { value: said, span: entry.span };
      });
      return read.every((entry) => entry !== undefined) ? read : undefined;
    },
  };
}

/** A word or a text: a name in the model, such as `attention`, `q_proj` or "model.layers.*.mlp". */
export const modulePattern: Form<string> = {
  expected: "the name of a role or a module, such as attention or q_proj",
  read(value, subject) {
    const said =
      value.kind === "string" ? plainText(value) : value.kind === "reference" ? value.name.text : undefined;
    return said === undefined || said === "" ? wrong(value, subject, modulePattern.expected) : said;
  },
};

/** So many of a unit that is a word of its own: `100 steps`. A number alone is refused with the edit that adds the unit. */
export function measured<const U extends string>(
  units: readonly U[],
  expected: string,
  whole: readonly U[] = units,
): Form<{ readonly kind: U; readonly count: number }> {
  return {
    expected,
    read(value, subject) {
      const [amount, unit, ...more] = value.kind === "words" ? value.elements : [value];
      const quantity = amount === undefined ? undefined : readNumber(amount);
      if (amount === undefined || quantity === undefined || more.length > 0)
        return wrong(value, subject, expected);
      const scale = scaleOf(quantity.unit, "count");
      const first = units[0] ?? "";
      if (scale === undefined) return wrongUnit(quantity, subject, expected, ` ${first}`);
      if (unit === undefined)
        return wrongUnit({ ...quantity, span: value.span }, subject, expected, `${quantity.unit} ${first}`);
      if (unit.kind === "missing") return undefined;
      const kind = units.find((entry) => entry === wordOf(unit) || entry === `${wordOf(unit)}s`);
      if (kind === undefined) {
        const guess = closest(wordOf(unit) ?? "", units) ?? first;
        const label = `did you mean '${guess}'?`;
        subject.report(
          problem("FTL0307", unit.span, `${subject.label} takes ${expected}`, label, {
            edits: [replace(unit.span, guess)],
          }),
        );
        return undefined;
      }
      const number = quantity.value * scale;
      const good =
        number > 0 && Number.isFinite(number) && (!whole.includes(kind) || Number.isSafeInteger(number));
      return good ? { kind, count: number } : outside(value, subject, expected);
    },
  };
}

/** `100 steps`, also `every 200 steps`. */
export function everyForm(expected: string): Form<number> {
  const steps = measured(["steps"], expected);
  return {
    expected,
    read(value, subject) {
      if (value.kind !== "words" || wordOf(value.elements[0] ?? value) !== "every")
        return steps.read(value, subject)?.count;
      const [, only, ...more] = value.elements;
      if (only === undefined) return wrong(value, subject, expected);
      const rest: Expression =
        more.length === 0
          ? only
          : { kind: "words", elements: [only, ...more], span: cover(only.span, value.span) };
      return steps.read(rest, subject)?.count;
    },
  };
}

/** A value with a block of options, split: `nf4 { block: 64 }`. */
export function splitConfigured(value: Expression): {
  readonly head: Expression;
  readonly options: readonly Option[];
} {
  return value.kind === "configured"
    ? { head: value.value, options: value.options }
    : { head: value, options: [] };
}
