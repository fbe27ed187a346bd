// Every clause of a recipe, as a table: what follows the noun, which options stand in the block and in which form, whether it must be
// there and may be there again. The checker reads recipes by it; completion and documentation read the summaries.
import { closest } from "../../grammar/suggest.ts";
import { option, type ClauseRule, type OptionRules } from "./clause.ts";
import {
  anyName,
  checkpoint,
  held,
  init,
  isWord,
  lossScale,
  named,
  stateTypes,
  train,
  weightTypes,
  group,
  partGroup,
} from "./clause-forms.ts";
import {
  bytes,
  count,
  either,
  everyForm,
  flag,
  listOf,
  measured,
  modulePattern,
  numberForm,
  positive,
  seed,
  share,
  textForm,
  word,
} from "./forms.ts";

function clause<A, const O extends OptionRules>(rule: ClauseRule<A, O>): ClauseRule<A, O> {
  return rule;
}

const format = word("text", "prompt", "chat", "tokens", "label");
const learn = word("all", "replies");
const memory = word("host", "none");
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
  "a duration, such as 100 steps, 3 epochs or 1M tokens",
  ["steps", "tokens"],
);

/** The clauses by noun. */
export const clauses = {
  model: clause({
    noun: "model",
    summary: "the model: a folder in Hugging Face layout",
    example: 'model "models/qwen2.5-0.5b"',
    argument: textForm('the path of a folder in quotes, such as "models/qwen2.5-0.5b"'),
    required: true,
    options: {
      weights: option(
        held(weightTypes),
        "how the frozen weights are held: f32, bf16, f16, or in a format such as nf4 { block, double } or int8; as stored if unsaid",
      ),
      architecture: option(
        named("the name of an architecture, such as llama"),
        "the architecture that reads config.json; the one that its model_type names if unsaid",
      ),
      init: option(init, "random { seed } builds random weights from config.json alone"),
      train: option(train, "which of the model's own parameters train: none, all, or patterns of names"),
      offload: option(
        memory,
        "host: the weights live in the host's memory, and each layer's come to the device while it is computed",
      ),
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
        textForm("the path of an adapter's folder in quotes"),
        "an adapter in PEFT layout to continue from",
      ),
      offload: option(memory, "host: what the adapter trains lives in the host's memory between its uses"),
    },
    nested: partGroup,
  }),
  head: clause({
    noun: "head",
    summary: "what the model learns to say, a task of the library: the next word if unsaid",
    example: "head classify { labels: 3 }",
    argument: named("the name of a task, such as classify"),
    definition: "task",
    options: {},
  }),
  precision: clause({
    noun: "precision",
    summary: "the types of the arithmetic: f32, or mixed { compute, store, loss_scale, doubling }",
    example: "precision f32",
    argument: word("f32", "mixed"),
    ofArgument: true,
    options: {
      compute: option(word("f16", "bf16", "f32"), "the type of matrix products"),
      store: option(word("f16", "bf16", "f32"), "the type in which activations are kept"),
      loss_scale: option(lossScale, "dynamic, a fixed factor, or none"),
      doubling: option(
        everyForm("a number of steps, such as every 2000 steps"),
        "steps in a row without overflow that double a dynamic loss scale; 2000 if unsaid",
      ),
    },
  }),
  data: clause({
    noun: "data",
    summary: "the rows to learn from: JSONL, Parquet or text",
    example: 'data "data/train.jsonl" { format: prompt, length: 1024 }',
    argument: textForm('the path of a file in quotes, such as "data/train.jsonl"'),
    required: true,
    options: rows,
  }),
  evaluation: clause({
    noun: "evaluation",
    summary: "held-out rows; what it does not say is as in data",
    example: 'evaluation "data/held.jsonl" { every: 100 steps }',
    argument: textForm('the path of a file in quotes, such as "data/train.jsonl"'),
    bare: true,
    options: {
      format: rows.format,
      length: rows.length,
      pack: rows.pack,
      learn: rows.learn,
      shuffle: rows.shuffle,
      every: option(
        everyForm("a number of steps, such as 100 steps"),
        "steps between evaluations; only at the end if unsaid",
      ),
      ranks: option(
        listOf(count, "ranks, such as [1, 8, 64]"),
        "ranks to evaluate at, of an adapter that has a range of them; the largest if unsaid",
      ),
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
    summary:
      "micro-batches a step, or auto for the fastest that fit the memory; changes memory and time only; 1 if unsaid",
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
    ofArgument: true,
    options: {
      keep: option(
        listOf(modulePattern, "roles or module names, such as [attention]"),
        "parts whose work is not done again whatever the policy says",
      ),
    },
  }),
  method: clause({
    noun: "method",
    summary: "how gradients are had, from the library; by backpropagation if unsaid",
    example: "method mezo { eps: 1e-3 }",
    argument: named("the name of a method, such as mezo"),
    definition: "method",
    options: {
      first_order: option(
        listOf(modulePattern, "patterns of names, such as [lm_head]"),
        "names of what has its gradient by backpropagation all the same; nothing if unsaid",
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
    nested: group,
    options: {
      clip: option(
        either({ expected: "none", read: () => "none" as const }, isWord("none"), positive),
        "largest norm of all gradients together; none if unsaid",
      ),
      state: option(
        held(stateTypes),
        "how the optimizer's state is held: f32, bf16, or in a format such as int8; f32 if unsaid",
      ),
      offload: option(memory, "host: the state lives in the host's memory between updates"),
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
    argument: textForm('the path of a folder in quotes, such as "runs/support"'),
    options: {
      save: option(
        everyForm("every so many steps, such as every 200 steps"),
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
      textForm("the path of a profile in quotes"),
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
    argument: either(
      { ...anyName, expected: "the name of the stage" },
      (value) => value.kind !== "string",
      textForm("a text"),
    ),
    repeated: true,
    paths: true,
    options: {},
  }),
} as const;

export type Noun = keyof typeof clauses;

/** A noun like this one, for a suggestion. */
export function closestNoun(noun: string): Noun | undefined {
  return closest(noun, Object.keys(clauses)) as Noun | undefined;
}
