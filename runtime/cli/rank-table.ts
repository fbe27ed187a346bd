// What an adapter is worth at each of its ranks, as a table and a small plot. Comes in: an evaluation for each rank. Goes out: lines of text.
// Holds: the rank that is marked is the smallest whose loss is within 1 % of the lowest one: what more ranks add is less than that.
import type { EvaluationLine } from "../train/lines.ts";

export type RankLine = Omit<EvaluationLine, "step" | "rank"> & { readonly rank: number };

/** Share of the lowest loss by which another loss may be above it and count as good. */
const margin = 0.01;

/** The smallest rank whose loss is within 1 % of the lowest. */
export function bestRank(lines: readonly RankLine[]): number | undefined {
  const lowest = Math.min(...lines.map(({ eval_loss }) => eval_loss));
  const good = lines.filter(({ eval_loss }) => eval_loss <= lowest * (1 + margin));
  return good.map(({ rank }) => rank).toSorted((a, b) => a - b)[0];
}

/** Characters of a bar from the lowest to the highest loss. */
const width = 32;

export function rankTable(lines: readonly RankLine[]): string[] {
  const sorted = lines.toSorted((a, b) => a.rank - b.rank);
  const losses = sorted.map(({ eval_loss }) => eval_loss);
  const [low, high] = [Math.min(...losses), Math.max(...losses)];
  const best = bestRank(sorted);
  const rows = sorted.map(({ rank, eval_loss, perplexity }) => [
    String(rank),
    eval_loss.toFixed(4),
    perplexity === null ? "–" : perplexity.toPrecision(4),
    `${barOf(eval_loss, low, high)}${rank === best ? "  <- best" : ""}`,
  ]);
  const table = [["rank", "loss", "perplexity", `from ${low.toFixed(4)} to ${high.toFixed(4)}`], ...rows];
  const widths = [0, 1, 2].map((column) => Math.max(...table.map((row) => row[column]?.length ?? 0)));
  return [
    ...table.map((row) =>
      row.map((cell, column) => (column < 3 ? cell.padStart(widths[column] ?? 0) : cell)).join("  "),
    ),
    `best: ${best ?? "none"}, the smallest rank whose loss is within ${margin * 100} % of the lowest`,
  ];
}

/** One mark for the lowest loss, `width` for the highest. */
function barOf(loss: number, low: number, high: number): string {
  if (!Number.isFinite(loss)) return "";
  const share = high > low ? (loss - low) / (high - low) : 0;
  return "#".repeat(1 + Math.round(share * (width - 1)));
}
