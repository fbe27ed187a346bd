// The table of published memory in the README. Comes in: jobs and their plans. Goes out: lines of Markdown, and the README with them between
// its markers. Holds: every number of ours is of a plan compiled here, for the built-in desktop profile; a job's line hangs on that job alone.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { compile } from "../compiler/compile.ts";
import { reportJson, type PlanReport } from "../compiler/plan/report.ts";
import type { Job } from "./published-jobs.ts";

const folder = join(import.meta.dirname, "recipes", "published");
const units = { GB: 1e9, GiB: 2 ** 30, MB: 1e6, "%": 0.01 };

export const begin = "<!-- published memory: npm run bench:published -->";
export const end = "<!-- end of published memory -->";
export const heading = [
  "| job | published | planned | weights + trained + rest, GiB | why they differ |",
  "| --- | --- | --- | --- | --- |",
];

export function lineOf({ job, recipe, unit, points, of, against, why }: Job): string {
  const plans = points.map(({ set }) => memoryOf(recipe, set));
  const base = against === undefined ? 1 : against(memoryOf(recipe, []));
  const planned = plans.map((memory) => {
    const value = of(memory) / base / units[unit];
    return value.toFixed(unit === "MB" ? 0 : 1);
  });
  const parts = plans.map(partsText);
  // Of a series the ends tell what grows.
  const shown = parts.length <= 3 ? parts : [parts[0], parts.at(-1)];
  const cells = [
    `[${job}](bench/recipes/published/${recipe}.ftl)`,
    `${points.map(({ published }) => published).join(", ")} ${unit}`,
    `${planned.join(", ")} ${unit}`,
    shown.join(parts.length <= 3 ? "; " : " … "),
    why,
  ];
  return `| ${cells.join(" | ")} |`;
}

/** Weights; adapter, gradients and optimizer; what else is at the peak. */
function partsText({ peak_bytes: peak, by_kind: kinds }: PlanReport["memory"]): string {
  const trained = kinds.adapter + kinds.gradients + kinds.optimizer;
  const parts = [kinds.weights, trained, peak - kinds.weights - trained];
  return parts.map((bytes) => (bytes / 2 ** 30).toFixed(1)).join(" + ");
}

function memoryOf(recipe: string, set: readonly string[]): PlanReport["memory"] {
  const path = join(folder, `${recipe}.ftl`);
  const read = (name: string): string | undefined => {
    try {
      return readFileSync(name, "utf8");
    } catch {
      return undefined;
    }
  };
  const { plan, verification, diagnostics } = compile(readFileSync(path, "utf8"), { path, read, set });
  if (plan === undefined || verification === undefined)
    throw new Error(`${recipe}: ${diagnostics.map(({ message }) => message).join("; ")}`);
  return reportJson(plan, verification).memory;
}

/** Undefined where the text has no markers. */
export function withTable(text: string, lines: readonly string[]): string | undefined {
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from < 0 || to < from) return undefined;
  return `${text.slice(0, from + begin.length)}\n\n${[...heading, ...lines].join("\n")}\n\n${text.slice(to)}`;
}
