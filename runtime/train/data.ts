// The rows of a job: what a recipe's `data` and `evaluation` clauses mean for one model. Comes in: checked settings and the model's
// folder. Goes out: rows to learn from, rows held out, and what is worth a word about them.
// Holds: rows have at most the plan's positions; the tokenizer is opened only where text is read.
import { resolve } from "node:path";
import type { DataSettings, Settings } from "../../compiler/language/settings.ts";
import type { PlanJob } from "../../compiler/plan/plan.ts";
import { DataError } from "../data/error.ts";
import { readRows, type DataSource } from "../data/read.ts";
import type { Rows } from "../data/rows.ts";
import { openTokenizer, type Tokenizer } from "../data/tokenizer.ts";
import { splitRows } from "./split.ts";

export interface JobRows {
  readonly train: Rows;
  readonly held: Rows | undefined;
  readonly warnings: readonly string[];
}

/** `folder` is the recipe's, which its paths start from; `model` is the model's. */
export async function readJobRows(
  settings: Pick<Settings, "data" | "evaluation" | "seed">,
  job: PlanJob,
  folder: string,
  model: string,
): Promise<JobRows> {
  let tokenizer: Promise<Tokenizer> | undefined;
  const warnings: string[] = [];
  const read = async (data: DataSettings): Promise<Rows> => {
    const path = resolve(folder, data.path.value);
    const length = Math.min(data.length.value, job.tokens);
    const common = { path, length, vocab: job.vocabulary, pack: data.pack };
    const rows = await readRows(await sourceOf(data, common, () => (tokenizer ??= openTokenizer(model))));
    if (rows.cutCount > 0)
      warnings.push(
        `${path}: ${rows.cutCount} of its texts are longer than ${length} positions and lose their end`,
      );
    return rows;
  };
  const { data, evaluation, seed } = settings;
  const all = await read(data);
  const path = resolve(folder, data.path.value);
  if (all.learnedCount === 0)
    throw new DataError([{ file: path, reason: "no position of its rows is learned" }]);
  const apart = evaluation !== undefined && evaluation.path.value !== data.path.value;
  if (apart) return { train: all, held: await read(evaluation), warnings };
  if (data.split > 0) {
    if (all.count < 2)
      throw new DataError([{ file: path, reason: "it has one row, which cannot be split in two" }]);
    return { ...splitRows(all, data.split, seed), warnings };
  }
  return { train: all, held: evaluation === undefined ? undefined : await read(evaluation), warnings };
}

async function sourceOf(
  { format, learn, path }: DataSettings,
  common: Omit<Extract<DataSource, { format: "tokens" }>, "format">,
  tokenizer: () => Promise<Tokenizer>,
): Promise<DataSource> {
  switch (format) {
    case "tokens":
      return { ...common, format };
    case "prompt":
      return { ...common, format, learn, tokenizer: await tokenizer() };
    case "text":
      return { ...common, format, tokenizer: await tokenizer() };
    case "chat":
    case "label":
      throw new DataError([{ file: path.value, reason: `format ${format} is not built yet` }]);
    default:
      return format satisfies never;
  }
}
