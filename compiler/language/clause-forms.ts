// The forms of values that few clauses take: how weights and states are held, which parameters train, checkpoint policies, groups of parameters.
import { problem } from "../../grammar/diagnostic.ts";
import type { Expression, Option } from "../../grammar/syntax.ts";
import { unknownOption } from "./clause.ts";
import {
  count,
  either,
  listOf,
  modulePattern,
  positive,
  replace,
  seed,
  splitConfigured,
  word,
  wordOf,
  wrong,
  type Form,
  type Subject,
} from "./forms.ts";
import { plainText } from "./resolve.ts";
import type { Said, Settings } from "./settings.ts";

/** The options of a configured value such as `nf4 { … }`, by a table of forms; unknown ones are reported. */
function configured<O extends Readonly<Record<string, Form<unknown>>>>(
  options: readonly Option[],
  forms: O,
  subject: Subject,
): { readonly [K in keyof O]?: O[K] extends Form<infer T> ? T : never } | undefined {
  const read: Record<string, unknown> = {};
  let good = true;
  for (const entry of options) {
    const [name] = entry.path;
    const form =
      name === undefined || entry.path.length > 1 || !Object.hasOwn(forms, name.text)
        ? undefined
        : forms[name.text];
    if (name === undefined || form === undefined) {
      const written = entry.path.map((part) => part.text).join(".");
      unknownOption(written, name?.span ?? entry.span, subject.label, Object.keys(forms), subject.report);
      good = false;
    } else if (Object.hasOwn(read, name.text)) {
      subject.report(problem("FTL0303", name.span, `'${name.text}' is said twice`, "again here"));
      good = false;
    } else {
      read[name.text] = form.read(entry.value, { ...subject, label: `'${name.text}'` });
      good &&= read[name.text] !== undefined;
    }
  }
  return good ? (read as { readonly [K in keyof O]?: O[K] extends Form<infer T> ? T : never }) : undefined;
}

/** The types that frozen weights and optimizers' states are held in beside the library's formats. */
export const weightTypes = ["f32", "bf16", "f16"] as const;
export const stateTypes = ["f32", "bf16"] as const;

/** How something is held, as written: a type or the name of a format, and the options behind it. */
export interface WrittenHeld {
  readonly name: Said<string>;
  readonly options: readonly Option[];
}

/** Formats are definitions: whether there is one of the name is seen with the library at hand. */
export function held(types: readonly string[]): Form<WrittenHeld> {
  const expected = `${types.join(", ")} or the name of a format, such as int8`;
  return {
    expected,
    read(value, subject) {
      const { head, options } = splitConfigured(value);
      const said = wordOf(head);
      if (said === undefined) {
        const text = head.kind === "string" ? plainText(head) : undefined;
        return wrong(head, subject, expected, text === undefined ? [] : [replace(head.span, text)]);
      }
      return { name: { value: said, span: head.span }, options };
    },
  };
}

export const init: Form<number> = {
  expected: "random, or random { seed: 1 }",
  read(value, subject) {
    const { head, options } = splitConfigured(value);
    if (wordOf(head) !== "random") return wrong(value, subject, init.expected);
    const read = configured(options, { seed }, { ...subject, label: "'random'" });
    return read === undefined ? undefined : (read.seed ?? 0);
  },
};

const pattern: Form<string> = { ...modulePattern, expected: 'a pattern of names, such as "lm_head*"' };
export const isWord =
  (...words: readonly string[]) =>
  (value: Expression): boolean => {
    const said = wordOf(value);
    return said !== undefined && words.includes(said);
  };

export const train: Form<ModelTrain> = {
  expected: 'none, all, or a list of name patterns such as ["lm_head*"]',
  read(value, subject) {
    if (value.kind !== "list") {
      const said = wordOf(value);
      if (said === "none" || said === "all") return said;
      return value.kind === "reference"
        ? word("none", "all").read(value, subject)
        : wrong(value, subject, train.expected);
    }
    return listOf(pattern, train.expected)
      .read(value, subject)
      ?.map((entry) => entry.value);
  },
};
type ModelTrain = Settings["model"]["train"]["value"];

export const anyName: Form<string> = {
  expected: "a name",
  read: (value, subject) =>
    value.kind === "reference" ? value.name.text : wrong(value, subject, anyName.expected),
};

/** The name of something in the library. */
export const named = (expected: string): Form<string> => ({
  expected,
  read(value, subject) {
    const edits =
      value.kind === "string"
        ? [{ span: value.span, text: plainText(value) ?? "", label: "write the name without quotes" }]
        : [];
    return value.kind === "reference" ? value.name.text : wrong(value, subject, expected, edits);
  },
});

export const lossScale = either(word("dynamic", "none"), (value) => value.kind !== "number", positive);

export const checkpoint: Form<Settings["checkpoint"]["value"]> = {
  expected: "none, every N blocks, sqrt or auto",
  read(value, subject) {
    if (value.kind !== "words") {
      const said = wordOf(value);
      if (said === "none" || said === "sqrt" || said === "auto") return said;
      if (said === undefined && value.kind === "number") {
        const edits = [
          { span: value.span, text: `every ${value.value}`, label: `write 'every ${value.value}'` },
        ];
        return wrong(value, subject, checkpoint.expected, edits);
      }
      const read = word("none", "every", "sqrt", "auto").read(value, { ...subject });
      if (read === "every") {
        const message = "'every' takes a number of blocks, such as every 1";
        subject.report(problem("FTL0306", value.span, message, "nothing follows"));
      }
      return undefined;
    }
    const [head, amount, unit, ...more] = value.elements;
    const blocks = unit === undefined || ["block", "blocks"].includes(wordOf(unit) ?? "");
    if (
      head === undefined ||
      wordOf(head) !== "every" ||
      amount === undefined ||
      !blocks ||
      more.length > 0
    ) {
      return wrong(value, subject, checkpoint.expected);
    }
    const number = count.read(amount, { ...subject, label: "'every'" });
    return number === undefined ? undefined : { every: number };
  },
};

/** The clause in an optimizer's block. */
export const group = { noun: "group", example: 'group "*norm*" { weight_decay: 0 }' } as const;

/** The same inside an adapter, whose options the modules have. */
export const partGroup = { noun: "group", example: 'group "q_proj" { rank: 16 }' } as const;

/** What follows `group`: a pattern of names or several, such as "*norm*" or ["*.bias", "*norm*"]. */
export const groupPatterns: Form<readonly Said<string>[]> = listOf(
  pattern,
  'patterns of names, such as "*norm*" or ["*.bias", "*norm*"]',
);
