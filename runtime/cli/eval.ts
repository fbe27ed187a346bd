// `ftlc eval`: how well a trained model does on the rows that its recipe evaluates. Comes in: a recipe, and which adapter or model, ranks
// and rows. Goes out: loss, perplexity and number of targets, and for classes accuracy and F1, on standard output; of several ranks a table.
// Holds: nothing is trained or written; the figures are those that training logs for the same weights and rows.
import { dirname, resolve } from "node:path";
import { evaluateRanks } from "../train/evaluate.ts";
import { readHeld, type Held } from "../train/held.ts";
import { evaluationLine, type EvaluationLine } from "../train/lines.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import type { Planned } from "./plan-recipe.ts";
import type { EvalFlags } from "./program.ts";
import { bestRank, rankTable, type RankLine } from "./rank-table.ts";
import { runTuned, type Running } from "./run-tuned.ts";
import type { Terminal } from "./terminal.ts";
import { foundText } from "./training-display.ts";
import { wantedRanks } from "./tuned-ranks.ts";

export async function evalCommand(path: string, flags: EvalFlags, terminal: Terminal): Promise<ExitCode> {
  const json = flags.json === true;
  const folder = dirname(path);
  // Rows of the user's go before those that the recipe holds out.
  const data =
    flags.data === undefined ? [] : ["data.split=0", `evaluation=${JSON.stringify(resolve(flags.data))}`];
  const before = async (planned: Planned): Promise<Wanted> => {
    const { settings, plan } = planned;
    const { evaluation } = settings;
    const asked = flags.ranks ?? (flags.rank === undefined ? undefined : [flags.rank]);
    const usual = plan.job.ranks.length > 0 ? (evaluation?.ranks ?? []).map(({ value }) => value) : [];
    const ranks = wantedRanks(planned, asked ?? usual);
    const held = await readHeld(settings, plan.job, folder, resolve(folder, settings.model.path.value));
    if (held !== undefined) return { held, ranks };
    throw new Failure("the recipe holds no rows out to evaluate", exitCodes.failed, [
      "name some with --data PATH, or add 'evaluation \"held.jsonl\"' to the recipe",
    ]);
  };
  const work = async (running: Running, { held, ranks }: Wanted): Promise<void> => {
    const { session, planned, found, display, signal } = running;
    for (const message of held.warnings) display.event({ kind: "warning", message });
    display.note(`data: ${held.rows} rows`);
    const onProgress = (done: number, total: number): void =>
      display.event({ kind: "evaluating", done, total });
    const evaluated = await evaluateRanks(session, held.batches, ranks, onProgress, signal);
    if (evaluated === undefined) return;
    display.end();
    const lines = evaluated.map((each): Line => {
      const { step: _, ...line } = evaluationLine(0, each);
      return line;
    });
    const about = {
      model: resolve(folder, planned.settings.model.path.value),
      adapters: Object.fromEntries(found.adapters),
    };
    terminal.out(json ? JSON.stringify({ ...about, ...figures(lines) }, undefined, 2) : shown(lines));
  };
  const set = [...(flags.set ?? []), ...data];
  const run = { path, purposes: ["evaluate"] as const, adapter: flags.adapter, set, json };
  return runTuned(run, terminal, before, work);
}

interface Wanted {
  readonly held: Held;
  /** None: the largest. */
  readonly ranks: readonly number[];
}

type Line = Omit<EvaluationLine, "step">;

/** The figures of one evaluation; of several ranks, those of each, and which of them is enough. */
function figures(lines: readonly Line[]): object {
  const [only, ...more] = lines;
  if (only !== undefined && more.length === 0) return only;
  return { best_rank: bestRank(byRank(lines)), ranks: lines };
}

function shown(lines: readonly Line[]): string {
  const [only, ...more] = lines;
  if (only === undefined || more.length > 0) return rankTable(byRank(lines)).join("\n");
  return `${only.rank === undefined ? "" : `rank ${only.rank}: `}${foundText(only)}`;
}

function byRank(lines: readonly Line[]): readonly RankLine[] {
  return lines.flatMap(({ rank, ...line }) => (rank === undefined ? [] : [{ ...line, rank }]));
}
