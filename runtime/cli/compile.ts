// `ftlc compile`: a recipe's plan, from the recipe and the model's config alone. Comes in: a path and options. Goes out: the report or
// a stage's graph on standard output, the plan's folder on disk. Holds: a plan that does not fit is shown like any other, and
// ends with 3; standard output holds what was asked for and nothing else.
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

  if (flags.emit !== undefined) terminal.out(stageText(flags.emit, planned));
  const form = flags.plan ?? (flags.output === undefined && flags.emit === undefined ? "text" : undefined);
  if (form !== undefined) terminal.out(planReport(form, planned));
  if (flags.output !== undefined) {
    await writePlan(flags.output, planned.plan);
    terminal.err(`wrote the plan to ${flags.output}`);
  }
  return fits(planned, terminal) ? exitCodes.done : exitCodes.refused;
}

export function planReport(form: "text" | "json", { plan, verification }: Planned): string {
  if (form === "text") return reportText(plan, verification);
  return JSON.stringify(reportJson(plan, verification), undefined, 2);
}

/** Says so where the plan needs more than it may have. */
export function fits({ plan }: Planned, terminal: Terminal): boolean {
  if (plan.peakBytes <= plan.budget) return true;
  const { red, bold } = terminal.errColors;
  const [needs, may] = [sizeText(plan.peakBytes), sizeText(plan.budget)];
  terminal.err(`${red(bold("error"))}: the plan does not fit: it needs ${needs}, the budget is ${may}`);
  return false;
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
