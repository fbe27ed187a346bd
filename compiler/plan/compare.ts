// Two plans side by side. In: their reports, and what their recipes say. Out: as data both reports with what differs; as text, tables in 80
// columns. Differences are B less A, so that a negative number of bytes is memory that B saves.
import { textOf, type Source } from "../../grammar/source.ts";
import { parse } from "../../grammar/parse.ts";
import { shorten, table, width, wrap } from "./columns.ts";
import type { PlanReport } from "./report-json.ts";
import { bytesText, countText } from "./units.ts";

/** One plan of the two. */
export interface Compared {
  /** How the reader tells them apart, such as the recipe's path. */
  readonly name: string;
  readonly report: PlanReport;
  readonly source: Source;
}

/** What both have and differs; undefined where one has none. */
export interface Difference<T> {
  readonly what: string;
  readonly a: T | undefined;
  readonly b: T | undefined;
}

export interface Comparison {
  readonly format: 1;
  readonly a: PlanReport;
  readonly b: PlanReport;
  readonly differences: {
    readonly peak_bytes: number;
    readonly budget_bytes: number;
    readonly by_kind: Readonly<Record<string, number>>;
    readonly work: Readonly<Record<string, number>>;
    readonly decisions: readonly Difference<string>[];
    readonly settings: readonly Difference<string>[];
  };
}

export function compare(a: Compared, b: Compared): Comparison {
  const [left, right] = [a.report, b.report];
  return {
    format: 1,
    a: left,
    b: right,
    differences: {
      peak_bytes: right.memory.peak_bytes - left.memory.peak_bytes,
      budget_bytes: right.memory.budget_bytes - left.memory.budget_bytes,
      by_kind: less(right.memory.by_kind, left.memory.by_kind),
      work: less(right.work, left.work),
      decisions: differing(decisionsOf(left), decisionsOf(right)),
      settings: differing(settingsOf(a.source), settingsOf(b.source)),
    },
  };
}

function less<K extends string>(
  b: Readonly<Record<K, number>>,
  a: Readonly<Record<K, number>>,
): Record<string, number> {
  return Object.fromEntries((Object.keys(a) as K[]).map((key) => [key, b[key] - a[key]]));
}

function decisionsOf({ decisions }: PlanReport): ReadonlyMap<string, string> {
  return new Map(decisions.map(({ what, chosen }) => [what, chosen]));
}

/** What a recipe says, by the paths that `--set` takes: "batch", "optimizer.rate". Of nested clauses, as they are written. */
function settingsOf(source: Source): ReadonlyMap<string, string> {
  const recipe = parse(source).file.items.find((item) => item.kind === "recipe");
  const said = new Map<string, string>();
  // Several of a kind are told apart by their place among these.
  const add = (path: string, text: string): void => {
    const before = said.get(path);
    said.set(path, before === undefined ? text : `${before}; ${text}`);
  };
  for (const { noun, alias, arguments: values, body = [] } of recipe?.clauses ?? []) {
    const name = (alias ?? noun).text;
    add(name, values.map(({ span }) => oneLine(textOf(span))).join(" "));
    for (const entry of body)
      if (entry.kind === "option")
        add(`${name}.${entry.path.map(({ text }) => text).join(".")}`, oneLine(textOf(entry.value.span)));
      else add(`${name}.${entry.noun.text}`, oneLine(textOf(entry.span)));
  }
  return said;
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, " ");
}

function differing(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): Difference<string>[] {
  return [...new Set([...a.keys(), ...b.keys()])]
    .filter((what) => a.get(what) !== b.get(what))
    .map((what) => ({ what, a: a.get(what), b: b.get(what) }));
}

export function compareText(a: Compared, b: Compared): string {
  const { differences } = compare(a, b);
  const [left, right] = [a.report, b.report];
  const bytes = (name: string, from: number, to: number): string[] => [
    `  ${name}`,
    bytesText(from),
    bytesText(to),
    from === to ? "" : `${to > from ? "+" : "−"}${bytesText(Math.abs(to - from))}`,
  ];
  const counts = (name: string, from: number, to: number, unit = ""): string[] => [
    `  ${name}`,
    countText(from, unit),
    countText(to, unit),
    from === to ? "" : from === 0 ? "" : `× ${(to / from).toPrecision(3)}`,
  ];
  const kinds = (Object.keys(left.memory.by_kind) as (keyof typeof left.memory.by_kind)[]).filter(
    (kind) => left.memory.by_kind[kind] + right.memory.by_kind[kind] > 0,
  );
  const rows = [
    ["", "A", "B", "B less A"],
    bytes("peak", left.memory.peak_bytes, right.memory.peak_bytes),
    bytes("budget", left.memory.budget_bytes, right.memory.budget_bytes),
    ["  fits", left.fits ? "yes" : "NO", right.fits ? "yes" : "NO", ""],
    [""],
    ["At the peak"],
    ...kinds.map((kind) => bytes(kind, left.memory.by_kind[kind], right.memory.by_kind[kind])),
    bytes("host", left.memory.host.peak_bytes, right.memory.host.peak_bytes),
    [""],
    ["A step"],
    bytes("predicted cost", left.work.cost_per_step, right.work.cost_per_step),
    bytes("read and written", left.work.bytes_per_step, right.work.bytes_per_step),
    counts("computed", left.work.flops_per_step, right.work.flops_per_step, "FLOP"),
    counts("dispatches", left.work.dispatches_per_step, right.work.dispatches_per_step),
    bytes("host traffic", left.memory.host.traffic_per_step, right.memory.host.traffic_per_step),
    counts("parameters trained", left.parameters.trainable, right.parameters.trainable),
  ];
  return [
    `A ${named(a)}`,
    `B ${named(b)}`,
    "",
    ...table(rows, [24, -16, -16, -18]),
    "",
    "Fullest",
    ...wrap(`  A ${momentOf(left)}`, 4),
    ...wrap(`  B ${momentOf(right)}`, 4),
    ...listed("Settings that differ", differences.settings),
    ...listed("Decisions that differ", differences.decisions),
    "",
  ].join("\n");
}

function named({ name, report }: Compared): string {
  const rest = ` on ${report.device}: plan ${report.hash.slice(0, 12)}`;
  return `${name.length > width - rest.length - 2 ? shorten(name, width - rest.length - 2) : name}${rest}`;
}

/** The fullest program's fullest dispatch. */
function momentOf({ memory }: PlanReport): string {
  const [fullest] = Object.entries(memory.programs).toSorted(([, a], [, b]) => b.peak_bytes - a.peak_bytes);
  const [name, program] = fullest ?? [];
  const at = program?.peak_at;
  return at === undefined ? "in no program" : `in '${name ?? ""}' at dispatch ${at.dispatch}: ${at.op}`;
}

function listed(title: string, differences: readonly Difference<string>[]): readonly string[] {
  if (differences.length === 0) return ["", `${title}: none`];
  return [
    "",
    title,
    ...differences.flatMap(({ what, a, b }) => [
      ...wrap(`  ${what}`, 4),
      ...wrap(`    A ${a ?? "(not said)"}`, 6),
      ...wrap(`    B ${b ?? "(not said)"}`, 6),
    ]),
  ];
}
