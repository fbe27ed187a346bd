// A recipe in stages, one job after another. Comes in: the stages' jobs in order. Goes out: how each ended, up to the last or the one
// that was interrupted. Holds: a stage reads the weights that the latest stage before left, and its adapters where that stage left
// them; the optimizer begins anew; one log has the lines of all, each with its stage's name.
import { join } from "node:path";
import { runJob, type JobInput, type JobResult } from "./job.ts";
import { openLog } from "./log.ts";

export interface StageInput extends Omit<JobInput, "weights" | "stage"> {
  /** None for a recipe without stages. */
  readonly name: string | undefined;
}

export interface StageEvents {
  readonly onBegin?: (stage: StageInput) => void;
  readonly onEnd?: (result: JobResult) => void;
}

/** `output` is the recipe's: the log lies there. */
export async function runStages(
  stages: readonly StageInput[],
  output: string,
  { onBegin, onEnd }: StageEvents = {},
): Promise<readonly JobResult[]> {
  const results: JobResult[] = [];
  const log = stages.some(({ name }) => name !== undefined)
    ? await openLog(join(output, "log.jsonl"))
    : undefined;
  try {
    for (const each of stages) {
      const { name, ...input } = each;
      onBegin?.(each);
      const weights = results.findLast(({ model }) => model !== undefined)?.model;
      const stage = name === undefined || log === undefined ? undefined : { name, log };
      const result = await runJob({ ...input, weights, stage });
      results.push(result);
      onEnd?.(result);
      if (result.ended === "interrupted") break;
    }
    return results;
  } finally {
    await log?.close();
  }
}
