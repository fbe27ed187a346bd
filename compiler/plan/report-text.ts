// The report as text for a terminal of 80 columns: does it fit, where the memory goes, what a step does, what was decided, what was
// checked. Sizes are in binary units. It reads well without colour.
import { verify, type Verification } from "../verify/verify.ts";
import { table, wrap } from "./columns.ts";
import type { Decision, Plan, PlanSpan } from "./plan.ts";
import { reportJson, type PlanReport, type Repair, type ReportHost } from "./report-json.ts";
import { timelineText } from "./timeline-text.ts";
import { secondsText } from "./traffic.ts";
import { bytesText, countText, percent } from "./units.ts";

export function reportText(
  plan: Plan,
  verification: Verification = verify(plan),
  repairs: readonly Repair[] = [],
): string {
  const report = reportJson(plan, verification, repairs);
  const parts = [
    headline(report),
    memory(report),
    timelineText(report),
    programs(report),
    work(report),
    top(report),
    decisions(report),
    checks(report, verification),
    repaired(report),
  ];
  return `${parts.filter((part) => part !== "").join("\n\n")}\n`;
}

function headline({ recipe, device, hash, fits, verified, memory }: PlanReport): string {
  const verdict = fits ? "fits" : "DOES NOT FIT";
  const room = memory.budget_bytes - memory.peak_bytes;
  const rest = room >= 0 ? `${bytesText(room)} to spare` : `${bytesText(-room)} too much`;
  return [
    `${recipe} on ${device}: ${verdict}`,
    `${bytesText(memory.peak_bytes)} of ${bytesText(memory.budget_bytes)}, ${rest}${verified ? "" : "; REFUSED BY THE VERIFIER"}`,
    `plan ${hash.slice(0, 16)}`,
  ].join("\n");
}

function memory({ memory: { by_kind, by_type, peak_bytes, lower_bound_bytes, host } }: PlanReport): string {
  const rows = Object.entries(by_kind)
    .filter(([, bytes]) => bytes > 0)
    .map(([kind, bytes]) => [
      `  ${kind}`,
      bytesText(bytes),
      bar(bytes / peak_bytes),
      percent(bytes / peak_bytes),
    ]);
  const types = Object.entries(by_type)
    .toSorted(([, a], [, b]) => b - a)
    .map(([type, bytes]) => `${type}: ${bytesText(bytes)}`)
    .join(", ");
  const ratio = lower_bound_bytes === 0 ? 1 : peak_bytes / lower_bound_bytes;
  return [
    "Device memory at the peak",
    ...table(rows, [14, -12, 40, -7]),
    ...wrap(`  held in ${types}`, 4),
    `  ${peak_bytes} bytes; ${ratio.toFixed(4)} of the lower bound, ${lower_bound_bytes}`,
    ...hostLines(host),
  ].join("\n");
}

function hostLines(host: ReportHost): string[] {
  const all = `${bytesText(host.peak_bytes)}, ${bytesText(host.traffic_per_step)} moved a step`;
  if (host.held_bytes === 0) return [`  host: ${all}`];
  const moved = `${bytesText(host.up_per_step)} up and ${bytesText(host.down_per_step)} down a step`;
  return [
    "",
    "Host memory",
    `  ${bytesText(host.held_bytes)} offloaded: ${moved}, ${secondsText(host.transfer_seconds)}`,
    `  in all ${all}`,
  ];
}

function programs({ memory: { programs } }: PlanReport): string {
  const rows = Object.entries(programs).map(([name, { dispatches, operations, peak_bytes, per_step }]) => [
    `  ${name}`,
    String(per_step),
    String(dispatches),
    String(operations),
    bytesText(peak_bytes),
  ]);
  const peaks = Object.entries(programs).flatMap(([name, { peak_at }]) =>
    peak_at === undefined
      ? []
      : wrap(`  ${name} peaks at dispatch ${peak_at.dispatch}: ${peak_at.op}${spanText(peak_at.span)}`, 4),
  );
  return [
    "Programs",
    ...table([["", "a step", "dispatches", "operations", "peak"], ...rows], [24, -8, -12, -12, -14]),
    ...peaks,
  ].join("\n");
}

function work({ work, parameters }: PlanReport): string {
  const fused = work.dispatches_per_step === 0 ? 0 : work.operations_per_step / work.dispatches_per_step;
  const several = Object.entries(parameters.adapters);
  return [
    "A step",
    `  ${work.dispatches_per_step} dispatches of ${work.kernels} kernels, ${fused.toFixed(1)} operations each`,
    `  ${countText(work.flops_per_step, "FLOP")}, ${bytesText(work.bytes_per_step)} read and written`,
    `  ${countText(parameters.trainable)} of ${countText(parameters.total)} parameters trained`,
    ...(several.length > 1 ? several.map(([name, count]) => `    ${countText(count)} in ${name}`) : []),
  ].join("\n");
}

function top({ memory: { top } }: PlanReport): string {
  const rows = top
    .slice(0, 10)
    .map(({ name, kind, type, bytes }) => [`  ${name}`, kind, type, bytesText(bytes)]);
  return ["Largest at the peak", ...table(rows, [46, 12, 5, -12])].join("\n");
}

/** Decisions that went the same way for the same reason are one entry. What `auto` chose from is told with it. */
function decisions({ decisions }: PlanReport): string {
  if (decisions.length === 0) return "";
  const alike = new Map<string, string[]>();
  const keyOf = ({ chosen, why }: Decision): string => `${chosen} (${why})`;
  for (const decision of decisions)
    alike.set(keyOf(decision), [...(alike.get(keyOf(decision)) ?? []), decision.what]);
  const lines = [...alike].flatMap(([chosen, what]) => {
    const first = decisions.find((decision) => keyOf(decision) === chosen);
    const others = what.length > mostNames ? [`${what.length - 1} more`] : what.slice(1);
    const considered = others.length > 0 ? [] : (first?.considered ?? []).filter(isMeasured);
    return [
      ...wrap(`  ${[what[0], ...others].join(", ")}: ${chosen}`, 4),
      ...considered.flatMap((each) => wrap(`    of ${each}`, 6)),
    ];
  });
  return ["Decisions", ...lines].join("\n");
}

/** Names of one entry. */
const mostNames = 3;

/** What was weighed by its bytes and its predicted cost. */
function isMeasured(considered: string): boolean {
  return considered.includes(" bytes, ");
}

function checks({ checks }: PlanReport, { refusals }: Verification): string {
  const cells = checks.map(({ rule, passed, examined }) => [
    `  ${rule}`,
    passed ? "passed" : "FAILED",
    String(examined),
  ]);
  const half = Math.ceil(cells.length / 2);
  const rows = cells.slice(0, half).map((row, at) => [...row, ...(cells[half + at] ?? [])]);
  const faults = refusals.flatMap(({ rule, message, spans: [span] }) =>
    wrap(`  ${rule}: ${message}${spanText(span)}`, 4),
  );
  return ["Checks, and how much each examined", ...table(rows, [22, 6, -8, 22, 6, -8]), ...faults].join("\n");
}

function repaired({ repairs = [] }: PlanReport): string {
  if (repairs.length === 0) return "";
  return [
    "Edits with which it fits",
    ...repairs.flatMap(({ edit, peak_bytes }) => wrap(`  ${edit}: ${bytesText(peak_bytes)}`, 4)),
  ].join("\n");
}

function bar(share: number): string {
  return "█".repeat(Math.max(0, Math.round(share * 36)));
}

function spanText(span: PlanSpan | undefined): string {
  return span === undefined ? "" : ` (${span.file}:${span.line}:${span.column})`;
}
