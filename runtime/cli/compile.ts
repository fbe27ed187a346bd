// `ftlc compile`: a recipe's plan, from the recipe and the model's config alone. Comes in: a path and options. Goes out: the report or
// a stage's graph on standard output, the plan's folder on disk. Holds: a plan that does not fit is shown like any other, and
// ends with 3; standard output holds what was asked for and nothing else.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { printModule } from "../../compiler/ir/text.ts";
import { canonicalJson } from "../../compiler/plan/canonical.ts";
import { reportJson, reportText } from "../../compiler/plan/report.ts";
import { applied } from "../../compiler/language/rewrite.ts";
import type { FoundRepair } from "../../compiler/repair.ts";
import { stages } from "../../compiler/stages.ts";
import { writeAside } from "../checkpoint/aside.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { reportPage } from "./page.ts";
import { writePlan } from "./plan-folder.ts";
import { settleForShortRun } from "./engine.ts";
import { planRecipe, type Changes, type Planned } from "./plan-recipe.ts";
import { findProfile } from "./profile.ts";
import type { CompileFlags } from "./program.ts";
import { findRepairs, fits } from "./refuse.ts";
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
  const changes = changesOf(flags);
  const planned = await planRecipe(path, changes, flags.plan === "json", terminal);
  if (typeof planned === "number") return planned;

  const { emit } = flags;
  if (emit !== undefined) terminal.out(planned.map((each) => stageText(emit, each)).join("\n"));
  const repairs = findRepairs(path, changes, planned);
  const form = flags.plan ?? (flags.output === undefined && flags.emit === undefined ? "text" : undefined);
  if (form === "html") terminal.out(reportPage({ path, planned, repairs }));
  else if (form !== undefined) terminal.out(planReport(form, planned, repairs));
  if (flags.output !== undefined) {
    for (const { stage, plan } of planned) {
      const folder = stage === undefined ? flags.output : join(flags.output, stage);
      await writePlan(folder, plan);
      terminal.err(`wrote the plan to ${folder}`);
    }
    // Stages share one page, which stands beside their folders.
    const page = new TextEncoder().encode(reportPage({ path, planned, repairs }));
    await writeAside(join(flags.output, "report.html"), [page]);
  }
  if (fits(planned, terminal, repairs)) return exitCodes.done;
  return flags.fix === undefined ? exitCodes.refused : fix(path, flags.fix, repairs, terminal);
}

/** What the options change of a recipe, and how it is planned. */
export function changesOf(flags: CompileFlags): Changes {
  return {
    profile: flags.device === undefined ? undefined : findProfile(flags.device),
    set: flags.set,
    memory: flags.memory,
    // Where the compiler has to choose, it plans many times: that is no short run.
    onRead: ({ checkpoint, accumulation }: Planned["settings"]) => {
      if (checkpoint.value !== "auto" && accumulation.value !== "auto") settleForShortRun();
    },
  };
}

/** Writes one of the repairs into the recipe's file. The plan was refused all the same. */
function fix(path: string, number: number, repairs: readonly FoundRepair[], terminal: Terminal): ExitCode {
  const repair = repairs[number - 1];
  if (repair === undefined) {
    const known = repairs.length === 0 ? "there is none" : `there are ${repairs.length}`;
    throw new Failure(`there is no repair ${number}`, exitCodes.refused, [known]);
  }
  writeFileSync(path, applied(repair.edit));
  terminal.err(`${path}: ${repair.edit.label}: now it needs ${sizeText(repair.peakBytes)}`);
  return exitCodes.done;
}

/** The report of a recipe; of one in stages the fullest stage's, as data with those of all stages, as text one after the other. */
export function planReport(
  form: "text" | "json",
  planned: readonly Planned[],
  found: readonly FoundRepair[] = [],
): string {
  const repairs = found.map(({ edit, peakBytes }) => ({ edit: edit.label, peak_bytes: peakBytes }));
  const [only, ...more] = planned;
  if (form === "text") {
    const texts = planned.map(({ stage, plan, verification }) => {
      return `${stage === undefined ? "" : `stage ${stage}\n\n`}${reportText(plan, verification)}`;
    });
    return [...texts, ...(more.length === 0 ? [] : [overall(planned)])].join("\n\n");
  }
  const reports = planned.map(({ stage, plan, verification }) => ({
    stage,
    ...reportJson(plan, verification, repairs),
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
