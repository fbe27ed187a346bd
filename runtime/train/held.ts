// The rows that a recipe evaluates, alone: what training holds out, read without reading what it learns from where that is another
// file. Comes in: checked settings and the model's folder. Goes out: batches of one micro-batch, as evaluation in training has them.
import type { Settings } from "../../compiler/language/settings.ts";
import type { PlanJob } from "../../compiler/plan/plan.ts";
import { batches, type Batches } from "../data/batches.ts";
import { readJobRows } from "./data.ts";
import { paddingOf } from "./sources.ts";

export interface Held {
  readonly batches: Batches;
  /** How many rows there are. */
  readonly rows: number;
  readonly warnings: readonly string[];
}

/** Undefined where the recipe holds no rows out. `folder` is the recipe's, `model` the model's. */
export async function readHeld(
  settings: Pick<Settings, "data" | "evaluation" | "seed">,
  job: PlanJob,
  folder: string,
  model: string,
): Promise<Held | undefined> {
  const { data, evaluation, seed } = settings;
  const isApart = evaluation !== undefined && evaluation.path.value !== data.path.value;
  if (evaluation === undefined && data.split === 0) return undefined;
  const read = isApart
    ? await readJobRows(
        { data: { ...evaluation, split: 0 }, evaluation: undefined, seed },
        job,
        folder,
        model,
      )
    : await readJobRows(settings, job, folder, model);
  const rows = isApart ? read.train : read.held;
  if (rows === undefined) return undefined;
  const { rows: size, tokens: length, learns, vocabulary } = job;
  const padding = await paddingOf(model, vocabulary);
  const options = { length, seed, padding, learns: learns.kind, hiding: read.hiding };
  return {
    batches: batches(rows, { ...options, rows: size, shuffle: false }),
    rows: rows.count,
    warnings: read.warnings,
  };
}
