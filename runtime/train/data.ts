// The rows of a job: what a recipe's `data` and `evaluation` clauses mean for one model. Comes in: checked settings and the model's
// folder. Goes out: rows to learn from, rows held out, and what is worth a word about them.
// Holds: rows have at most the plan's positions; the tokenizer is opened only where text is read.
import { resolve } from "node:path";
import type { DataSettings, Settings } from "../../compiler/language/settings.ts";
import type { Learning, PlanJob } from "../../compiler/plan/plan.ts";
import { CheckpointError } from "../checkpoint/error.ts";
import { readConfig } from "../checkpoint/folder.ts";
import type { Documents } from "../data/documents.ts";
import { openChatTemplate } from "../data/chat-template.ts";
import { DataError } from "../data/error.ts";
import type { Hiding } from "../data/masking.ts";
import { layoutOf, readDocuments, type DataSource } from "../data/read.ts";
import { layOut, type Rows } from "../data/rows.ts";
import { hasTokenizer, openTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { splitDocuments, type Split } from "./split.ts";

export interface JobRows {
  readonly train: Rows;
  readonly held: Rows | undefined;
  /** How words are hidden of rows that do not say what is learned; where nothing is hidden, nothing. */
  readonly hiding: Hiding | undefined;
  readonly warnings: readonly string[];
}

/** `folder` is the recipe's, which its paths start from; `model` is the model's. */
export async function readJobRows(
  settings: Pick<Settings, "data" | "evaluation" | "seed">,
  job: PlanJob,
  folder: string,
  model: string,
): Promise<JobRows> {
  const { data, evaluation, seed } = settings;
  let tokenizer: Promise<Tokenizer> | undefined;
  const open: Opening = {
    model,
    tokenizer: () => (tokenizer ??= openTokenizer(model)),
    exists: () => hasTokenizer(model),
  };
  const pathOf = ({ path }: DataSettings): string => resolve(folder, path.value);
  const lengthOf = ({ length }: DataSettings): number => Math.min(length.value, job.tokens - job.room);
  const read = async (rows: DataSettings): Promise<Documents> => {
    const common = { path: pathOf(rows), length: lengthOf(rows), vocab: job.vocabulary };
    return readDocuments(await sourceOf(rows, common, job.learns, open));
  };
  const warnings: string[] = [];
  const lay = (rows: DataSettings, documents: Documents, only?: Uint32Array): Rows => {
    const { room, learns } = job;
    const layout = layoutOf(rows.format, rows.pack);
    const found = layOut(documents, { length: lengthOf(rows), layout, learns: learns.kind, room, only });
    if (found.cutCount > 0)
      warnings.push(
        `${pathOf(rows)}: ${found.cutCount} of its texts are longer than ${lengthOf(rows)} positions and lose their end`,
      );
    return found;
  };

  const all = await read(data);
  const split = data.split > 0 ? splitIn(pathOf(data), all, data.split, seed) : undefined;
  const train = lay(data, all, split?.train);
  if (train.learnedCount === 0)
    throw new DataError([{ file: pathOf(data), reason: "nothing of its rows is learned" }]);
  const hiding = await hidingOf(job, train, open);
  if (evaluation === undefined) return { train, held: undefined, hiding, warnings };
  if (split === undefined) return { train, held: lay(evaluation, await read(evaluation)), hiding, warnings };
  const isSame = evaluation.format === data.format && evaluation.learn === data.learn;
  // Pieces of a text are as long as the training's, so that those held out are the others.
  const again = isSame ? all : await read({ ...evaluation, length: data.length });
  if (again.count !== all.count) {
    const reason = `as ${evaluation.format} it holds ${again.count} texts and as ${data.format} ${all.count}: no split is common to both`;
    throw new DataError([{ file: pathOf(data), reason }]);
  }
  return { train, held: lay(evaluation, again, split.held), hiding, warnings };
}

function splitIn(file: string, documents: Documents, share: number, seed: number): Split {
  const split = splitDocuments(documents, share, seed);
  if (split.held.length > 0) return split;
  throw new DataError([{ file, reason: "it has one row, which cannot be split in two" }]);
}

/** The model's folder, its tokenizer, and whether there is one. */
interface Opening {
  readonly model: string;
  readonly tokenizer: () => Promise<Tokenizer>;
  readonly exists: () => Promise<boolean>;
}

/** The tokenizer says what stands for a hidden word and which words are none. */
async function hidingOf(
  { learns, vocabulary }: PlanJob,
  rows: Rows,
  open: Opening,
): Promise<Hiding | undefined> {
  if (learns.kind !== "labels" || learns.masking === undefined) return undefined;
  const given = Array.from({ length: rows.count }, (_, row) => rows.isGiven(row)).every((each) => each);
  if (given && !(await open.exists())) return undefined;
  const { path, mask, isSpecial } = await open.tokenizer();
  if (mask === undefined) {
    if (given) return undefined;
    throw new CheckpointError(path, "it defines no mask_token, which is to stand where a word is hidden");
  }
  return { ...learns.masking, mask, vocabulary, isSpecial };
}

async function sourceOf(
  { format, learn }: DataSettings,
  common: Omit<Extract<DataSource, { format: "tokens" }>, "format">,
  learns: Learning,
  { model, tokenizer, exists }: Opening,
): Promise<DataSource> {
  switch (format) {
    case "tokens":
      return { ...common, format };
    case "prompt":
      return { ...common, format, learn, tokenizer: await tokenizer() };
    case "text":
      return { ...common, format, tokenizer: await tokenizer() };
    case "label": {
      const classes = { count: learns.kind === "classes" ? learns.count : 0, names: await classNames(model) };
      return { ...common, format, classes, tokenizer: (await exists()) ? await tokenizer() : undefined };
    }
    case "chat": {
      const template = await openChatTemplate(model);
      return { ...common, format, learn, template, tokenizer: await tokenizer() };
    }
    default:
      return format satisfies never;
  }
}

/** The numbers of classes by their names, as the model's config says them. */
async function classNames(model: string): Promise<ReadonlyMap<string, number>> {
  const { path, values } = await readConfig(model);
  const said = values["label2id"];
  if (said === undefined || said === null) return new Map();
  if (typeof said !== "object" || Array.isArray(said))
    throw new CheckpointError(path, 'field "label2id" is no object of classes by name');
  return new Map(
    Object.entries(said).map(([name, id]) => {
      if (typeof id === "number" && Number.isInteger(id)) return [name, id];
      throw new CheckpointError(path, `field "label2id" gives class ${JSON.stringify(name)} no whole number`);
    }),
  );
}
