// The report as a page, from what a command has planned. In: a recipe's path, its plans, repairs; or two recipes to compare. Out: the text of
// one HTML file.
import { pagePlan } from "../../compiler/page/build.ts";
import type { PagePlan } from "../../compiler/page/data.ts";
import { reportHtml } from "../../compiler/page/html.ts";
import { refusalOf } from "../../compiler/refusal.ts";
import type { FoundRepair } from "../../compiler/repair.ts";
import { readSource } from "./files.ts";
import type { Planned } from "./plan-recipe.ts";

export interface PageOf {
  readonly path: string;
  readonly planned: readonly Planned[];
  readonly repairs: readonly FoundRepair[];
}

export function reportPage(of: PageOf): string {
  return reportHtml({ plans: plansOf(of), comparison: undefined });
}

export function comparisonPage(a: PageOf, b: PageOf, text: string): string {
  const plans = [
    ...plansOf(a).map((plan) => ({ ...plan, title: `A ${plan.title}` })),
    ...plansOf(b).map((plan) => ({ ...plan, title: `B ${plan.title}` })),
  ];
  return reportHtml({ plans, comparison: text });
}

function plansOf({ path, planned, repairs }: PageOf): readonly PagePlan[] {
  const source = readSource(path);
  return planned.map((each) => {
    const { stage, plan, verification, settings } = each;
    return pagePlan({
      title: stage ?? plan.recipe,
      plan,
      verification,
      settings,
      source,
      repairs: repairs.map(({ edit, peakBytes }) => ({ edit: edit.label, peak_bytes: peakBytes })),
      refusal: refusalOf(each, repairs),
    });
  });
}
