// The refusal of a plan that does not fit its budget, as a diagnostic: when memory is fullest, what lies there then with the lines of the
// recipe that cause it, and the edits that help.
import { problem, type Diagnostic, type Related } from "../grammar/diagnostic.ts";
import type { Span } from "../grammar/source.ts";
import { causesOf } from "./causes.ts";
import type { Compilation } from "./compile.ts";
import type { Settings } from "./language/settings.ts";
import { memoryKinds, type MemoryKind } from "./plan/plan.ts";
import { reportJson, type PlanReport } from "./plan/report-json.ts";
import { bytesText } from "./plan/units.ts";
import type { FoundRepair } from "./repair.ts";

/** Undefined for a plan that fits. */
export function refusalOf(
  { plan, verification, settings, stage }: Compilation,
  repairs: readonly FoundRepair[],
): Diagnostic | undefined {
  if (plan === undefined || settings === undefined || plan.peakBytes <= plan.budget) return undefined;
  const report = reportJson(plan, verification);
  const programs = Object.entries(report.memory.programs);
  const [fullest] = programs.toSorted(([, a], [, b]) => b.peak_bytes - a.peak_bytes);
  const [name, program] = fullest ?? [];
  const moment = program?.peak_at === undefined ? "" : `fullest in '${name ?? ""}' at ${program.peak_at.op}`;
  const what = stage === undefined ? "the plan" : `the plan of stage ${stage}`;
  const isOpen = settings.checkpoint.value === "auto" || settings.accumulation.value === "auto";
  const needs = `${isOpen ? "at least " : ""}${bytesText(plan.peakBytes)}`;
  const message = `${what} does not fit: it needs ${needs}, the budget is ${bytesText(plan.budget)}`;
  return problem("FTL0502", settings.memory?.span ?? settings.span, message, moment, {
    related: largestOf(report, settings),
    edits: repairs.map(({ edit, peakBytes }, index) => ({
      ...edit,
      label: `write ${edit.label}: then it needs ${bytesText(peakBytes)} (--fix=${index + 1})`,
    })),
  });
}

/** What lies in memory at the peak, the most first, at the line of the recipe that says how much of it there is. */
function largestOf({ memory: { top, by_kind: byKind } }: PlanReport, settings: Settings): readonly Related[] {
  const causes = new Map<Span, MemoryKind[]>();
  for (const kind of memoryKinds) {
    const [span] = causesOf(kind, "", settings);
    if (span === undefined) continue;
    causes.set(span, [...(causes.get(span) ?? []), kind]);
  }
  const found = [...causes].map(([span, of]) => {
    const bytes = of.reduce((sum, kind) => sum + byKind[kind], 0);
    const largest = top.filter((entry) => of.includes(entry.kind)).slice(0, MOST_NAMES);
    const names = largest.map((entry) => `${entry.name} (${bytesText(entry.bytes)})`);
    return {
      span,
      bytes,
      label: `${bytesText(bytes)} at the peak: ${names.join(", ")}`,
      isNamed: names.length > 0,
    };
  });
  return found
    .filter(({ isNamed }) => isNamed)
    .toSorted((a, b) => b.bytes - a.bytes)
    .map(({ span, label }) => ({ span, label }));
}

/** Buffers named of one cause. */
const MOST_NAMES = 2;
