// `ftlc eval`: how well a trained model does on the rows that its recipe evaluates. Comes in: a recipe, and which adapter or model, ranks
// and rows. Goes out: loss, perplexity and number of targets, and for classes accuracy and F1, on standard output.
// Holds: nothing is trained or written; the figures are those that training logs for the same weights and rows.
import { dirname, resolve } from "node:path";
import { evaluateRows } from "../train/evaluate.ts";
import { readHeld, type Held } from "../train/held.ts";
import { evaluationLine } from "../train/lines.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import type { Planned } from "./plan-recipe.ts";
import type { EvalFlags } from "./program.ts";
import { runTuned, type Running } from "./run-tuned.ts";
import type { Terminal } from "./terminal.ts";
import { foundText } from "./training-display.ts";
import { oneRank } from "./tuned-ranks.ts";

export async function evalCommand(path: string, flags: EvalFlags, terminal: Terminal): Promise<ExitCode> {
  const json = flags.json === true;
  const folder = dirname(path);
  const data = flags.data === undefined ? [] : [`evaluation=${JSON.stringify(resolve(flags.data))}`];
  const before = async (planned: Planned): Promise<Held> => {
    const { settings, plan } = planned;
    oneRank(settings, flags.ranks ?? flags.rank);
    const held = await readHeld(settings, plan.job, folder, resolve(folder, settings.model.path.value));
    if (held !== undefined) return held;
    throw new Failure("the recipe holds no rows out to evaluate", exitCodes.failed, [
      "name some with --data PATH, or add 'evaluation \"held.jsonl\"' to the recipe",
    ]);
  };
  const work = async (running: Running, held: Held): Promise<void> => {
    const { session, planned, found, display, signal } = running;
    for (const message of held.warnings) display.event({ kind: "warning", message });
    display.note(`data: ${held.rows} rows`);
    const onProgress = (done: number, total: number): void =>
      display.event({ kind: "evaluating", done, total });
    const evaluated = await evaluateRows(session, held.batches, onProgress, signal);
    if (evaluated === undefined) return;
    display.end();
    const { step: _, ...line } = evaluationLine(0, evaluated);
    const adapters = Object.fromEntries(found.adapters);
    const model = resolve(folder, planned.settings.model.path.value);
    terminal.out(json ? JSON.stringify({ model, adapters, ...line }, undefined, 2) : foundText(line));
  };
  const set = [...(flags.set ?? []), ...data];
  const run = { path, purposes: ["evaluate"] as const, adapter: flags.adapter, set, json };
  return runTuned(run, terminal, before, work);
}
