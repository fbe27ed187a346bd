// Every clause of a recipe, as a table: what follows the noun, which options stand in the block and in which form, whether it must be
// there and may be there again. The checker reads recipes by it; completion and documentation read the summaries.
import { closest } from "../../grammar/suggest.ts";
import { problem } from "../../grammar/diagnostic.ts";
import type { Expression, Option } from "../../grammar/syntax.ts";
import { option, unknownOption, type ClauseRule, type OptionRules } from "./clause.ts";
import {
  bytes,
  count,
  either,
  every,
  flag,
  listOf,
  measured,
  modulePattern,
  numberForm,
  positive,
  seed,
  share,
  splitConfigured,
  text,
  word,
  wordOf,
  wrong,
  type Form,
  type Subject,
} from "./forms.ts";
import { plainText } from "./resolve.ts";
import type { GroupSettings, Said, Settings, Weights } from "./settings.ts";

function clause<A, const O extends OptionRules>(rule: ClauseRule<A, O>): ClauseRule<A, O> {
  return rule;
}

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

const storage = word("f32", "bf16", "f16", "int8", "nf4");

const weights: Form<Weights> = {
  expected: storage.expected,
  read(value, subject) {
    const { head, options } = splitConfigured(value);
    const kind = storage.read(head, subject);
    if (kind === undefined) return undefined;
    const forms =
      kind === "nf4"
        ? {
            block: numberForm("a power of two from 16 to 4096, such as 64", {
              whole: true,
              least: 16,
              most: 4096,
            }),
            double: flag,
          }
        : {};
    const read = configured<{ block?: Form<number>; double?: Form<boolean> } & Record<string, Form<unknown>>>(
      options,
      forms,
      { ...subject, label: `'${kind}'` },
    );
    if (read === undefined) return undefined;
    if (kind !== "nf4") return { kind };
    const block = (read["block"] as number | undefined) ?? 64;
    const double = (read["double"] as boolean | undefined) ?? false;
    if (!Number.isInteger(Math.log2(block))) {
      const span = options.find((entry) => entry.path[0]?.text === "block")?.value.span ?? value.span;
      subject.report(
        problem("FTL0308", span, "'block' takes a power of two from 16 to 4096, such as 64", `not ${block}`),
      );
      return undefined;
    }
    return { kind, block, double };
  },
};

const init: Form<number> = {
  expected: "random, or random { seed: 1 }",
  read(value, subject) {
    const { head, options } = splitConfigured(value);
    if (wordOf(head) !== "random") return wrong(value, subject, init.expected);
    const read = configured(options, { seed }, { ...subject, label: "'random'" });
    return read === undefined ? undefined : (read.seed ?? 0);
  },
};

const pattern: Form<string> = { ...modulePattern, expected: 'a pattern of names, such as "lm_head*"' };
const isWord =
  (...words: readonly string[]) =>
  (value: Expression): boolean => {
    const said = wordOf(value);
    return said !== undefined && words.includes(said);
  };

const train: Form<ModelTrain> = {
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

const anyName: Form<string> = {
  expected: "a name",
  read: (value, subject) =>
    value.kind === "reference" ? value.name.text : wrong(value, subject, anyName.expected),
};

/** The name of something in the library. */
const named = (expected: string): Form<string> => ({
  expected,
  read(value, subject) {
    const edits =
      value.kind === "string"
        ? [{ span: value.span, text: plainText(value) ?? "", label: "write the name without quotes" }]
        : [];
    return value.kind === "reference" ? value.name.text : wrong(value, subject, expected, edits);
  },
});

const lossScale = either(word("dynamic"), (value) => value.kind === "reference", positive);

const checkpoint: Form<Settings["checkpoint"]["value"]> = {
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
      if (read === "every") wrong(value, subject, "a number of blocks after 'every', such as every 1");
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

const format = word("text", "prompt", "chat", "tokens", "label");
const learn = word("all", "replies");
const rows = {
  format: option(format, "how a row is written: text, prompt, chat, tokens or label"),
  length: option(count, "positions of a row at most; longer rows are cut; 1024 if unsaid"),
  pack: option(flag, "several rows share one, so that no position is wasted; false if unsaid"),
  learn: option(learn, "what is learned: all of a row, or only the replies"),
  shuffle: option(flag, "another order each epoch; true if unsaid"),
  split: option(share, "share of the rows that evaluation takes instead of training"),
};

const duration = measured(
  ["steps", "epochs", "tokens"],
  "how long to train, such as 100 steps, 3 epochs or 1M tokens",
  ["steps", "tokens"],
);

/** The clauses by noun. */
export const clauses = {
  model: clause({
    noun: "model",
    summary: "the model: a folder in Hugging Face layout",
    example: 'model "models/qwen2.5-0.5b"',
    argument: { ...text, expected: 'the path of a folder in quotes, such as "models/qwen2.5-0.5b"' },
    required: true,
    options: {
      weights: option(
        weights,
        "how the frozen weights are held: f32, bf16, f16, int8 or nf4 { block, double }; as stored if unsaid",
      ),
      init: option(init, "random { seed } builds random weights from config.json alone"),
      train: option(train, "which of the model's own parameters train: none, all, or patterns of names"),
    },
  }),
  adapter: clause({
    noun: "adapter",
    summary: "a small trained addition to the frozen model, from the library",
    example: "adapter lora { rank: 8 }",
    argument: named("the name of an adapter, such as lora"),
    repeated: true,
    named: true,
    definition: "adapter",
    options: {
      on: option(
        listOf(modulePattern, "roles or module names, such as [attention, mlp]"),
        "roles (attention, mlp, all_linear) or module names; every module of its kind if unsaid",
      ),
      start: option(
        { ...text, expected: "the path of an adapter's folder in quotes" },
        "an adapter in PEFT layout to continue from",
      ),
    },
  }),
  precision: clause({
    noun: "precision",
    summary: "the types of the arithmetic: f32, or mixed { compute, store, loss_scale }",
    example: "precision f32",
    argument: word("f32", "mixed"),
    options: {
      compute: option(word("f16", "bf16", "f32"), "the type of matrix products"),
      store: option(word("f16", "bf16", "f32"), "the type in which activations are kept"),
      loss_scale: option(lossScale, "dynamic, or a fixed factor"),
    },
  }),
  data: clause({
    noun: "data",
    summary: "the rows to learn from: JSONL, Parquet or text",
    example: 'data "data/train.jsonl" { format: prompt, length: 1024 }',
    argument: text,
    required: true,
    options: rows,
  }),
  evaluation: clause({
    noun: "evaluation",
    summary: "held-out rows; what it does not say is as in data",
    example: 'evaluation "data/held.jsonl" { every: 100 steps }',
    argument: text,
    bare: true,
    options: {
      format: rows.format,
      length: rows.length,
      pack: rows.pack,
      learn: rows.learn,
      shuffle: rows.shuffle,
      every: option(every, "steps between evaluations; only at the end if unsaid"),
    },
  }),
  batch: clause({
    noun: "batch",
    summary: "rows a step: it changes what is learned",
    example: "batch 32",
    argument: numberForm("a whole number of rows, such as 32", { whole: true, least: 1, most: 2 ** 20 }),
    required: true,
    options: {},
  }),
  accumulation: clause({
    noun: "accumulation",
    summary: "micro-batches a step; changes memory and time only; 1 if unsaid",
    example: "accumulation 4",
    argument: either(
      word("auto"),
      (value) => value.kind === "reference",
      numberForm("a whole number of micro-batches, such as 4", { whole: true, least: 1, most: 2 ** 20 }),
    ),
    options: {},
  }),
  checkpoint: clause({
    noun: "checkpoint",
    summary:
      "which activations are computed again instead of kept: none, every N blocks, sqrt or auto; none if unsaid",
    example: "checkpoint every 1",
    argument: checkpoint,
    options: {
      keep: option(
        listOf(modulePattern, "roles or module names, such as [attention]"),
        "what is kept whatever the policy says",
      ),
    },
  }),
  optimizer: clause({
    noun: "optimizer",
    summary: "how parameters follow their gradients, from the library",
    example: "optimizer adamw { rate: 2e-4 }",
    argument: named("the name of an optimizer, such as adamw"),
    required: true,
    definition: "optimizer",
    options: {
      clip: option(
        either({ expected: "none", read: () => "none" as const }, isWord("none"), positive),
        "largest norm of all gradients together; none if unsaid",
      ),
      state: option(word("f32", "bf16", "int8"), "how the optimizer's state is stored; f32 if unsaid"),
      offload: option(word("host", "none"), "host: the state lives in the host's memory"),
      groups: option(groupsForm(), "parameters with options of their own, by patterns of names"),
    },
  }),
  schedule: clause({
    noun: "schedule",
    summary: "how the rate changes over the run, from the library; constant if unsaid",
    example: "schedule cosine { warmup: 3% }",
    argument: named("the name of a schedule, such as cosine"),
    definition: "schedule",
    options: {},
  }),
  training: clause({
    noun: "training",
    summary: "how long to train, and the seed of all that is random",
    example: "training 3 epochs { seed: 7 }",
    argument: duration,
    required: true,
    options: { seed: option(seed, "0 if unsaid") },
  }),
  output: clause({
    noun: "output",
    summary: 'the folder for checkpoints, adapters, logs and the plan; "runs/NAME" if unsaid',
    example: 'output "runs/support" { save: every 200 steps, keep: 3 }',
    argument: { ...text, expected: 'the path of a folder in quotes, such as "runs/support"' },
    options: {
      save: option(
        { ...every, expected: "every so many steps, such as every 200 steps" },
        "how often a checkpoint is written; only at the end if unsaid",
      ),
      keep: option(
        numberForm("a whole number of checkpoints, such as 3", { whole: true, least: 1 }),
        "how many of the newest checkpoints stay; 3 if unsaid",
      ),
    },
  }),
  memory: clause({
    noun: "memory",
    summary: "the budget of device memory",
    example: "memory 8GiB",
    argument: bytes,
    options: {},
  }),
  device: clause({
    noun: "device",
    summary: "the device profile to plan for: a built-in name or a file",
    example: "device desktop",
    argument: either(
      { ...anyName, expected: "the name of a profile, such as desktop" },
      (value) => value.kind !== "string",
      { ...text, expected: "the path of a profile in quotes" },
    ),
    options: {},
  }),
  devices: clause({
    noun: "devices",
    summary: "several devices and how they share the work",
    example: "devices 4 { data: 2, pipeline: 2 }",
    argument: numberForm("a whole number of devices, such as 4", { whole: true, least: 1, most: 2 ** 20 }),
    options: {
      data: option(count, "parts of the batch; all devices if unsaid"),
      pipeline: option(count, "parts of the model; 1 if unsaid"),
    },
  }),
  sweep: clause({
    noun: "sweep",
    summary: "runs the recipe once for each value of each setting listed",
    example: "sweep { optimizer.rate: [1e-4, 2e-4] }",
    argument: undefined,
    paths: true,
    options: {},
  }),
  stage: clause({
    noun: "stage",
    summary: "the recipe with these settings changed, run after the stages before",
    example: 'stage head { model.train: ["lm_head*"], training: 100 steps }',
    argument: either({ ...anyName, expected: "the name of the stage" }, (value) => value.kind !== "string", {
      ...text,
      expected: "a text",
    }),
    repeated: true,
    paths: true,
    options: {},
  }),
} as const;

export type Noun = keyof typeof clauses;

/** What `groups:` says before its options are held against the optimizer's parameters. */
export interface RawGroup {
  readonly patterns: GroupSettings["patterns"];
  readonly options: readonly Option[];
}

/** `["*.bias", "*norm*"] { weight_decay: 0 }`. */
function groupsForm(): Form<RawGroup> {
  const expected = 'patterns of names with options, such as ["*.bias"] { weight_decay: 0 }';
  const patterns: Form<readonly Said<string>[]> = listOf(pattern, expected);
  return {
    expected,
    read(value, subject) {
      const { head, options } = splitConfigured(value);
      const read = patterns.read(head, subject);
      return read === undefined ? undefined : { patterns: read, options };
    },
  };
}

/** A noun like this one, for a suggestion. */
export function closestNoun(noun: string): Noun | undefined {
  return closest(noun, Object.keys(clauses)) as Noun | undefined;
}
