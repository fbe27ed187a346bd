// "Does it fit?", asked again with another choice: the policy of checkpointing that does least work twice within a budget. Comes in:
// candidates that can be measured, and bytes. Goes out: the policy, and all that was tried with its bytes and its work.
//
// Policies stand in a row, each with fewer bytes and more work than the one before: from rung to rung of the ladder, layer by layer,
// to everything computed again; behind that segments of several layers. The ladder foretells bytes well up to a part
// that changes slowly; each measure corrects it, so a handful of measures finds the place in a row of hundreds.
import type { Candidates } from "./candidates.ts";
import { everyBlocks, keepAll, type Checkpointing, type Share } from "./passes/checkpoint.ts";
import type { Rung } from "./passes/checkpoint-ladder.ts";
import type { Obstacle } from "./plan/layout.ts";
import { bytesOfMeasured, heldOf } from "./plan/measure.ts";

export interface Tried {
  readonly policy: Checkpointing;
  /** What the plan needs at least. */
  readonly bytes: number;
  /** Of these, bytes of variables, which no policy changes. */
  readonly held: number;
  /** An estimate of a micro-batch's time, in bytes that could be moved meanwhile. */
  readonly work: number;
}

export interface Search {
  /** Of what fits, what does least work; else what needs least bytes. */
  readonly best: Tried;
  readonly fits: boolean;
  readonly tried: readonly Tried[];
}

/** A policy in the row, with what is foretold of its bytes. */
interface Place {
  readonly policy: Checkpointing;
  readonly expected: number;
}

/** What is measured at most in one row; more does not pay. */
const MOST_MEASURES = 8;

/** Bytes left over that are not worth another measure, as a share of the budget. */
const SLACK = 0.002;

export type Measure = (policy: Checkpointing) => Tried | { readonly obstacles: readonly Obstacle[] };

/** Measures each policy once. */
export function measuring({ measure }: Candidates): Measure {
  const known = new Map<string, ReturnType<Measure>>();
  return (policy) => {
    const key = JSON.stringify(
      policy.shares.map(({ layers, every, price }) => [String(layers), every, String(price)]),
    );
    const before = known.get(key);
    if (before !== undefined) return before;
    const found = measure(policy);
    const work = "obstacles" in found ? 0 : (found.programs.get("micro")?.work ?? 0);
    const made =
      "obstacles" in found ? found : { policy, bytes: bytesOfMeasured(found), held: heldOf(found), work };
    known.set(key, made);
    return made;
  };
}

/**
 * `segments`: whether segments of several layers are allowed. `limit`: a policy with more work than this is of no use, so that nothing is
 * searched where computing nothing again is slower already.
 */
export function fit(
  candidates: Candidates,
  measure: Measure,
  budget: number,
  segments: boolean,
  limit = Infinity,
): Search | { readonly obstacles: readonly Obstacle[] } {
  const tried: Tried[] = [];
  const found = (): Search => {
    const fitting = tried
      .filter(({ bytes }) => bytes <= budget)
      .toSorted((a, b) => a.work - b.work || a.bytes - b.bytes);
    const least = tried.toSorted((a, b) => a.bytes - b.bytes);
    const [best] = [...fitting, ...least];
    if (best === undefined) throw new Error("something is tried");
    return { best, fits: fitting.length > 0, tried };
  };
  const ask = (policy: Checkpointing): Tried | undefined => {
    const made = measure(policy);
    if ("obstacles" in made) return undefined;
    if (!tried.includes(made)) tried.push(made);
    return made;
  };
  const first = measure(keepAll);
  if ("obstacles" in first) return first;
  tried.push(first);
  const { layers } = candidates;
  if (first.bytes <= budget || layers === 0 || first.work >= limit) return found();
  const rungs = candidates.ladder();
  const row = rowOf(rungs, layers);
  if (first.held > budget) {
    // No policy helps: how little would be needed is told all the same, roughly.
    const last = row.at(-1);
    if (last !== undefined) ask(last.policy);
    return found();
  }
  walk(row, budget, ask);
  if (!found().fits && segments) walk(segmentRow(rungs, layers), budget, ask);
  return found();
}

/** From rung to rung, layer by layer; the last layers change first: the backward pass comes to them while most is still saved. */
function rowOf(rungs: readonly Rung[], layers: number): readonly Place[] {
  return rungs.flatMap((rung, index): Place[] => {
    const next = rungs[index + 1];
    const all: Place = { policy: { shares: [shareOf(Infinity, rung)] }, expected: rung.bytes };
    if (next === undefined) return [all];
    const split = Array.from({ length: layers - 1 }, (_, at): Place => {
      const count = at + 1;
      return {
        policy: { shares: [shareOf(count, next), shareOf(Infinity, rung)] },
        expected: rung.bytes + (count / layers) * (next.bytes - rung.bytes),
      };
    });
    return [all, ...split];
  });
}

function shareOf(layers: number, { price }: Rung): Share {
  return { layers, every: 1, price };
}

/** The longer segments are, the fewer bytes enter them, and the more live while one is computed again. */
function segmentRow(rungs: readonly Rung[], layers: number): readonly Place[] {
  const [most, least] = [rungs[0]?.bytes ?? 0, rungs.at(-1)?.bytes ?? 0];
  return Array.from({ length: Math.max(1, layers - 1) }, (_, at): Place => {
    const every = at + 1;
    const entering = Math.floor(layers / every) + (layers % every);
    return { policy: everyBlocks(every), expected: (entering * least + every * most) / layers };
  });
}

/** Looks for the first place that fits; where none is foretold to, for the least. */
function walk(
  row: readonly Place[],
  budget: number,
  ask: (policy: Checkpointing) => Tried | undefined,
): void {
  const measured = new Map<number, number>();
  let next: number | undefined = 0;
  for (let turn = 0; turn < MOST_MEASURES && next !== undefined; turn += 1) {
    const place = row[next];
    const made = place && ask(place.policy);
    if (made === undefined) return;
    measured.set(next, made.bytes);
    if (made.bytes <= budget && budget - made.bytes <= SLACK * budget) return;
    next = nextPlace(row, measured, budget);
  }
}

function nextPlace(
  row: readonly Place[],
  measured: ReadonlyMap<number, number>,
  budget: number,
): number | undefined {
  const fitting = [...measured].filter(([, bytes]) => bytes <= budget).map(([place]) => place);
  const end = Math.min(row.length, ...fitting);
  const open = [...row.keys()].filter((place) => place < end && !measured.has(place));
  const foretold = open.map((place) => ({ place, bytes: foretell(row, measured, place) }));
  const first = foretold.find(({ bytes }) => bytes <= budget);
  if (first !== undefined || fitting.length > 0) return first?.place;
  const [least] = foretold.toSorted((a, b) => a.bytes - b.bytes || a.place - b.place);
  return least !== undefined && least.bytes < Math.min(...measured.values()) ? least.place : undefined;
}

/** What is expected of a place, corrected by what was measured on both sides of it. */
function foretell(row: readonly Place[], measured: ReadonlyMap<number, number>, place: number): number {
  const beyond = (at: number): number => (measured.get(at) ?? 0) - (row[at]?.expected ?? 0);
  const before = Math.max(...[...measured.keys()].filter((each) => each < place));
  const after = Math.min(...[...measured.keys()].filter((each) => each > place));
  const share = after === Infinity ? 0 : (place - before) / (after - before);
  const more = share === 0 ? beyond(before) : (1 - share) * beyond(before) + share * beyond(after);
  return (row[place]?.expected ?? 0) + more;
}
