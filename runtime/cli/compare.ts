// `ftlc compile --compare A.ftl B.ftl`: two recipes planned alike, side by side. Comes in: two paths and the options of `compile`. Goes out:
// the comparison on standard output, as text, as data or as a page. Holds: nothing is written; where one does not fit it ends with 3.
import { compare, compareText, type Compared } from "../../compiler/plan/compare.ts";
import { reportJson } from "../../compiler/plan/report.ts";
import { changesOf } from "./compile.ts";
import { exitCodes, Failure, type ExitCode } from "./exit.ts";
import { readSource } from "./files.ts";
import { comparisonPage, type PageOf } from "./page.ts";
import { planRecipe, type Planned } from "./plan-recipe.ts";
import type { CompileFlags } from "./program.ts";
import { findRepairs } from "./refuse.ts";
import type { Terminal } from "./terminal.ts";

export async function compareCommand(
  first: string,
  second: string,
  flags: CompileFlags,
  terminal: Terminal,
): Promise<ExitCode> {
  const { output, emit, fix, plan: form = "text" } = flags;
  if (output !== undefined || emit !== undefined || fix !== undefined)
    throw new Failure(
      "--compare only shows: it goes with --plan, --device, --memory and --set",
      exitCodes.usage,
    );
  const plans: (readonly Planned[])[] = [];
  for (const path of [first, second]) {
    const planned = await planRecipe(path, changesOf(flags), form === "json", terminal);
    if (typeof planned === "number") return planned;
    plans.push(planned);
  }
  const [a = [], b = []] = plans;
  const [left, right] = [comparedOf(first, a), comparedOf(second, b)];
  if (form === "json") terminal.out(JSON.stringify(compare(left, right), undefined, 2));
  else if (form === "text") terminal.out(compareText(left, right));
  else {
    const pageOf = (path: string, planned: readonly Planned[]): PageOf => ({
      path,
      planned,
      repairs: findRepairs(path, changesOf(flags), planned),
    });
    terminal.out(comparisonPage(pageOf(first, a), pageOf(second, b), compareText(left, right)));
  }
  const reports = [...a, ...b].map(({ plan }) => plan.peakBytes <= plan.budget);
  return reports.every(Boolean) ? exitCodes.done : exitCodes.refused;
}

/** Of a recipe in stages, the fullest. */
function comparedOf(path: string, planned: readonly Planned[]): Compared {
  const [fullest] = planned.toSorted((a, b) => b.plan.peakBytes - a.plan.peakBytes);
  if (fullest === undefined) throw new RangeError("a recipe has a plan");
  const { stage, plan, verification } = fullest;
  const name = stage === undefined ? path : `${path}, stage ${stage}`;
  return { name, report: reportJson(plan, verification), source: readSource(path) };
}
