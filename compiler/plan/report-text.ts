// The report as text for a terminal of 80 columns: does it fit, where the memory goes, what a step does, what was decided, what was
// checked. Sizes are in binary units. It reads well without colour.
import { verify, type Verification } from "../verify/verify.ts";
import type { Plan, PlanSpan } from "./plan.ts";
import { secondsText } from "./traffic.ts";
import { reportJson, type PlanReport, type Repair, type ReportHost } from "./report-json.ts";

const width = 80;

export function reportText(
  plan: Plan,
  verification: Verification = verify(plan),
  repairs: readonly Repair[] = [],
): string {
  const report = reportJson(plan, verification, repairs);
  const parts = [
    headline(report),
    memory(report),
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

function decisions({ decisions }: PlanReport): string {
  if (decisions.length === 0) return "";
  return [
    "Decisions",
    ...decisions.flatMap(({ what, chosen, why }) => wrap(`  ${what}: ${chosen} (${why})`, 4)),
  ].join("\n");
}

function checks({ checks }: PlanReport, { refusals }: Verification): string {
  const rows = checks.map(({ rule, passed, examined }) => [
    `  ${rule}`,
    passed ? "passed" : "FAILED",
    `${examined} examined`,
  ]);
  const faults = refusals.flatMap(({ rule, message, spans: [span] }) =>
    wrap(`  ${rule}: ${message}${spanText(span)}`, 4),
  );
  return ["Checks", ...table(rows, [24, 8, -20]), ...faults].join("\n");
}

function repaired({ repairs = [] }: PlanReport): string {
  if (repairs.length === 0) return "";
  return [
    "Edits with which it fits",
    ...repairs.map(({ edit, peak_bytes }) => `  ${edit}   ${bytesText(peak_bytes)}`),
  ].join("\n");
}

/** "1.50 GiB", "256 B". */
export function bytesText(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024;
    unit += 1;
  }
  return `${unit === 0 ? String(value) : value.toFixed(2)} ${units[unit] ?? ""}`;
}

/** "1.50 G", "1.50 GFLOP". */
function countText(count: number, unit = ""): string {
  const prefixes = ["", "k", "M", "G", "T", "P"];
  let value = count;
  let prefix = 0;
  while (value >= 1000 && prefix < prefixes.length - 1) {
    value /= 1000;
    prefix += 1;
  }
  const suffix = `${prefixes[prefix] ?? ""}${unit}`;
  return `${prefix === 0 ? value : value.toFixed(2)}${suffix === "" ? "" : " "}${suffix}`;
}

function percent(share: number): string {
  return `${(100 * share).toFixed(1)} %`;
}

function bar(share: number): string {
  return "█".repeat(Math.max(0, Math.round(share * 36)));
}

function spanText(span: PlanSpan | undefined): string {
  return span === undefined ? "" : ` (${span.file}:${span.line}:${span.column})`;
}

/** Rows of cells in columns of fixed width; negative widths align to the right, long cells lose their middle. */
function table(rows: readonly (readonly string[])[], widths: readonly number[]): string[] {
  return rows.map((row) =>
    row
      .map((cell, at) => {
        const size = widths[at] ?? 0;
        const shown = cell.length > Math.abs(size) ? shorten(cell, Math.abs(size) - 1) : cell;
        return size < 0 ? shown.padStart(-size) : shown.padEnd(size);
      })
      .join(" ")
      .trimEnd(),
  );
}

function shorten(text: string, length: number): string {
  const end = Math.floor((length - 1) / 2);
  return `${text.slice(0, length - 1 - end)}…${text.slice(text.length - end)}`;
}

/** Breaks a line at spaces; what follows is indented. */
function wrap(text: string, indent: number): string[] {
  const lines: string[] = [];
  let line = "";
  for (const word of text.trimStart().split(" ")) {
    const start = lines.length === 0 ? text.length - text.trimStart().length : indent;
    const longer = line === "" ? `${" ".repeat(start)}${word}` : `${line} ${word}`;
    if (longer.length > width && line !== "") {
      lines.push(line);
      line = `${" ".repeat(indent)}${word}`;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
