// `ftlc compile`: a recipe's plan, from the recipe and the model's config alone. Comes in: a path and options. Goes out: the report or
// a stage's graph on standard output, the plan's folder on disk. Holds: a plan that does not fit is shown like any other, and
// ends with 3; standard output holds what was asked for and nothing else.
import { join } from "node:path";
import { printModule } from "../../compiler/ir/text.ts";
import { canonicalJson } from "../../compiler/plan/canonical.ts";
import { reportJson, reportText } from "../../compiler/plan/report.ts";
import { stages } from "../../compiler/stages.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { writePlan } from "./plan-folder.ts";
import { planRecipe, type Planned } from "./plan-recipe.ts";
import { findProfile } from "./profile.ts";
import type { CompileFlags } from "./program.ts";
import { sizeText } from "./quantity.ts";
import type { Terminal } from "./terminal.ts";

export async function compileCommand(
  path: string,
  flags: CompileFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  if (flags.emit === "list") {
    terminal.out(
      emitted()
        .map(({ name, why }) => `${name.padEnd(14)} ${why}`)
        .join("\n"),
    );
    return exitCodes.done;
  }
  if (flags.emit !== undefined) checkStage(flags.emit);
  const changes = {
    profile: flags.device === undefined ? undefined : findProfile(flags.device),
    set: flags.set,
    memory: flags.memory,
  };
  const planned = await planRecipe(path, changes, flags.plan === "json", terminal);
  if (typeof planned === "number") return planned;

  const { emit } = flags;
  if (emit !== undefined) terminal.out(planned.map((each) => stageText(emit, each)).join("\n"));
  const form = flags.plan ?? (flags.output === undefined && flags.emit === undefined ? "text" : undefined);
  if (form !== undefined) terminal.out(planReport(form, planned));
  if (flags.output !== undefined) {
    for (const { stage, plan } of planned) {
      const folder = stage === undefined ? flags.output : join(flags.output, stage);
      await writePlan(folder, plan);
      terminal.err(`wrote the plan to ${folder}`);
    }
  }
  return fits(planned, terminal) ? exitCodes.done : exitCodes.refused;
}

/** The report of a recipe; of one in stages the fullest stage's, as data with those of all stages, as text one after the other. */
export function planReport(form: "text" | "json", planned: readonly Planned[]): string {
  const [only, ...more] = planned;
  if (form === "text") {
    const texts = planned.map(({ stage, plan, verification }) => {
      return `${stage === undefined ? "" : `stage ${stage}\n\n`}${reportText(plan, verification)}`;
    });
    return [...texts, ...(more.length === 0 ? [] : [overall(planned)])].join("\n\n");
  }
  const reports = planned.map(({ stage, plan, verification }) => ({
    stage,
    ...reportJson(plan, verification),
  }));
  if (more.length === 0 && only?.stage === undefined) return JSON.stringify(reports[0], undefined, 2);
  const fullest = reports.reduce((a, b) => (b.memory.peak_bytes > a.memory.peak_bytes ? b : a));
  const fits = reports.every((report) => report.fits);
  return JSON.stringify({ ...fullest, fits, stages: reports }, undefined, 2);
}

function overall(planned: readonly Planned[]): string {
  const fullest = planned.reduce((a, b) => (b.plan.peakBytes > a.plan.peakBytes ? b : a));
  return `all ${planned.length} stages: ${sizeText(fullest.plan.peakBytes)} at most, in stage ${fullest.stage ?? ""}`;
}

/** Says so where a plan needs more than it may have. */
export function fits(planned: readonly Planned[], terminal: Terminal): boolean {
  const over = planned.filter(({ plan }) => plan.peakBytes > plan.budget);
  const { red, bold } = terminal.errColors;
  for (const { stage, plan } of over) {
    const [needs, may] = [sizeText(plan.peakBytes), sizeText(plan.budget)];
    const what = stage === undefined ? "the plan" : `the plan of stage ${stage}`;
    terminal.err(`${red(bold("error"))}: ${what} does not fit: it needs ${needs}, the budget is ${may}`);
  }
  return over.length === 0;
}

function emitted(): readonly { readonly name: string; readonly why: string }[] {
  return [
    { name: "elaborate", why: "the recipe, the model's config and the library become one graph" },
    ...stages,
    { name: "plan", why: "kernels, buffers, offsets and dispatches, as plan.json has them" },
  ];
}

function checkStage(stage: string): void {
  const names = emitted().map(({ name }) => name);
  if (names.includes(stage)) return;
  throw new Failure(`there is no stage '${stage}'`, exitCodes.usage, [`there are ${names.join(", ")}`]);
}

function stageText(stage: string, { modules, plan }: Planned): string {
  const module = modules.get(stage);
  return module === undefined ? canonicalJson(plan) : printModule(module);
}
