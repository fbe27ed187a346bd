// The ranks of adapters that have a range of them. Comes in: the ranges of a plan, and a seed and a step, or a rank that somebody wants.
// Goes out: a rank for each range, by the name that the step's scalars know it by.
// Holds: what is drawn is a function of (seed, range, step) alone; every micro-batch of a step has the same.
import type { DrawnRank, PlanJob } from "../../compiler/plan/plan.ts";
import { below, generator } from "../data/random.ts";

/** A rank for each range. A type, not an interface: expressions look numbers up by name. */
export type Ranks = Readonly<Record<string, number>>;

type Ranged = Pick<PlanJob, "ranks">;

/** The ranks of a step, counted from 1. */
export function drawnRanks({ ranks }: Ranged, seed: number, step: number): Ranks {
  return Object.fromEntries(ranks.map((range) => [range.name, drawn(range, seed, step)]));
}

function drawn({ name, first, last, draw }: DrawnRank, seed: number, step: number): number {
  const count = last - first + 1;
  const next = generator([seed, ...new TextEncoder().encode(name), step]);
  switch (draw.kind) {
    case "uniform":
      return first + below(count, next);
    case "geometric": {
      // The inverse of the distribution's sums, 1 − q^i over those of all ranks.
      const q = 1 - draw.p;
      const share = next() / 2 ** 32;
      const place = Math.floor(Math.log1p(-share * (1 - q ** count)) / Math.log(q));
      return first + Math.min(count - 1, place);
    }
    case "listed":
      return draw.ranks[(step - 1) % draw.ranks.length] ?? last;
    default:
      return draw satisfies never;
  }
}

/** Every range at one rank, or as near to it as it comes; at its last where no rank is wanted. */
export function ranksAt({ ranks }: Ranged, rank?: number): Ranks {
  return Object.fromEntries(
    ranks.map(({ name, first, last }) => [name, Math.min(last, Math.max(first, rank ?? last))]),
  );
}

/** Whether some range has the rank. */
export function isRank({ ranks }: Ranged, rank: number): boolean {
  return ranks.some(({ first, last }) => Number.isInteger(rank) && rank >= first && rank <= last);
}

/** A step's ranks as the log has them: the rank where there is one range, else each by its adapter. */
export function loggedRanks(
  { ranks }: Ranged,
  drawn: Ranks,
): number | Readonly<Record<string, number>> | undefined {
  const [first, ...more] = ranks;
  if (first === undefined) return undefined;
  if (more.length === 0) return drawn[first.name];
  return Object.fromEntries(ranks.map(({ name, adapter }) => [adapter, drawn[name] ?? 0]));
}
