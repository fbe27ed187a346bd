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

/** Layers whose saved values take about as much as computing one again does. */
const DOUBT = 3;

/** Bytes left over that are not worth another measure, as a share of the budget. */
const SLACK = 0.002;

export type Measure = (policy: Checkpointing) => Tried | { readonly obstacles: readonly Obstacle[] };

/** Measures each policy once. */
export function measuring({ measure }: Candidates): Measure {
  const known = new Map<string, ReturnType<Measure>>();
  return (policy) => {
    const key = keyOf(policy);
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

function keyOf({ shares }: Checkpointing): string {
  return shares.map(({ layers, every, price }) => `${layers} ${every} ${price}`).join();
}

/**
 * `limit`: a policy with more work than this is of no use, so that nothing is searched where computing nothing again is slower already.
 * `rough`: where nothing fits, what needs least is not looked for.
 */
export function fit(
  candidates: Candidates,
  measure: Measure,
  budget: number,
  { limit = Infinity, rough = false }: { readonly limit?: number; readonly rough?: boolean } = {},
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
  const beyond = first.bytes - (row[0]?.expected ?? 0);
  const layer = ofLayer(rungs, layers);
  const inSegments = (): readonly Place[] => segmentRow(layer, layers, (policy) => ask(policy)?.bytes);
  // How little is needed at least hangs on nothing but the recipe.
  const least = (): Search => {
    walk(row, 0, ask, beyond);
    walk(inSegments(), 0, ask, 0);
    return found();
  };
  if (first.held > budget && !rough) return least();
  if (first.held > budget) {
    const last = row.at(-1);
    if (last !== undefined) ask(last.policy);
    return found();
  }
  // A layer that is computed again needs room for that. Where so little decides, the end of the row is looked at first.
  const end = row.at(-1);
  if (end !== undefined && budget < end.expected + beyond + DOUBT * layer.inside) ask(end.policy);
  walk(row, budget, ask, beyond, tried);
  if (!found().fits) walk(inSegments(), budget, ask, 0);
  return found().fits || rough ? found() : least();
}

/** What policies leave saved at least, in bytes, and what is live beside it while a segment is computed again; foretold. */
export function leastSaved(rungs: readonly Rung[], layers: number): number {
  const { carried, inside } = ofLayer(rungs, layers);
  const lengths = Array.from({ length: Math.max(1, layers) }, (_, at) => at + 1);
  return Math.min(...lengths.map((every) => (carried * layers) / every + inside * every));
}

/**
 * From rung to rung, layer by layer. The first layers change first: what computing them again takes is live when what the later ones
 * saved is gone.
 */
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

interface Layer {
  /** Bytes that enter it from the one before. */
  readonly carried: number;
  /** Bytes saved inside of it where nothing is computed again. */
  readonly inside: number;
}

function ofLayer(rungs: readonly Rung[], layers: number): Layer {
  return { carried: (rungs.at(-1)?.bytes ?? 0) / layers, inside: (rungs[0]?.bytes ?? 0) / layers };
}

/**
 * Segments of the first layers, the others one by one: by the number of layers in segments, all of which are computed again whole. The
 * longer segments are, the fewer bytes enter them, and the more live while one is computed again; by then the others are gone. What else
 * is live then, and with the others, is measured where there are only these or only those.
 */
function segmentRow(
  { carried, inside }: Layer,
  layers: number,
  measure: (policy: Checkpointing) => number | undefined,
): readonly Place[] {
  const inSegments = (every: number): number => (carried * layers) / every + inside * every;
  const lengths = Array.from({ length: Math.max(0, layers - 1) }, (_, at) => at + 2);
  const [middle] = lengths
    .filter((every) => layers % every === 0 && every < layers)
    .concat(lengths)
    .toSorted((a, b) => (layers % a) - (layers % b) || inSegments(a) - inSegments(b));
  const [one, all] = [
    measure(everyBlocks(1)),
    middle === undefined ? undefined : measure(everyBlocks(middle)),
  ];
  if (one === undefined || all === undefined || middle === undefined) return [];
  const besideOne = one - carried * layers - inside;
  const besideSegment = all - inSegments(middle);
  const best = new Map<number, Place>();
  for (const every of lengths) {
    for (let segments = 1; segments * every <= layers; segments += 1) {
      const count = segments * every;
      const others = count < layers ? besideOne + carried * (segments + layers - count) + inside : 0;
      const expected = Math.max(others, besideSegment + carried * segments + inside * every);
      if (expected >= (best.get(count)?.expected ?? Infinity)) continue;
      const rest = everyBlocks(1).shares;
      const policy =
        count === layers ? everyBlocks(every) : { shares: [{ layers: count, every, price: 0 }, ...rest] };
      best.set(count, { policy, expected });
    }
  }
  return [...best].toSorted(([a], [b]) => a - b).map(([, place]) => place);
}

/**
 * Looks for the first place that fits; where none is foretold to, for the least. `beyond`: bytes that are to be added to what is expected, as
 * far as is known before anything is measured.
 */
function walk(
  row: readonly Place[],
  budget: number,
  ask: (policy: Checkpointing) => Tried | undefined,
  beyond: number,
  before: readonly Tried[] = [],
): void {
  const measured = new Map<number, number>();
  for (const [place, { policy }] of row.entries()) {
    const known = before.find((each) => keyOf(each.policy) === keyOf(policy));
    if (known !== undefined) measured.set(place, known.bytes);
  }
  for (let turn = 0; turn < MOST_MEASURES; turn += 1) {
    const next = nextPlace(row, measured, budget, beyond);
    const place = next === undefined ? undefined : row[next];
    const made = place && ask(place.policy);
    if (next === undefined || made === undefined) return;
    measured.set(next, made.bytes);
    if (made.bytes <= budget && budget - made.bytes <= SLACK * budget) return;
  }
}

function nextPlace(
  row: readonly Place[],
  measured: ReadonlyMap<number, number>,
  budget: number,
  beyond: number,
): number | undefined {
  const fitting = [...measured].filter(([, bytes]) => bytes <= budget).map(([place]) => place);
  const end = Math.min(row.length, ...fitting);
  const open = [...row.keys()].filter((place) => place < end && !measured.has(place));
  const foretold = open.map((place) => ({ place, bytes: foretell(row, measured, place, beyond) }));
  const first = foretold.find(({ bytes }) => bytes <= budget);
  if (first !== undefined || fitting.length > 0) return first?.place;
  const [least] = foretold.toSorted((a, b) => a.bytes - b.bytes || a.place - b.place);
  return least !== undefined && least.bytes < Math.min(...measured.values()) ? least.place : undefined;
}

/** What is expected of a place, corrected by what was measured on both sides of it. */
function foretell(
  row: readonly Place[],
  measured: ReadonlyMap<number, number>,
  place: number,
  beyond: number,
): number {
  const expected = row[place]?.expected ?? 0;
  const known = [...measured].map(([at, bytes]) => ({ at, more: bytes - (row[at]?.expected ?? 0) }));
  const before = known.filter(({ at }) => at < place).toSorted((a, b) => b.at - a.at)[0];
  const after = known.filter(({ at }) => at > place).toSorted((a, b) => a.at - b.at)[0];
  if (before === undefined || after === undefined) return expected + ((before ?? after)?.more ?? beyond);
  const share = (place - before.at) / (after.at - before.at);
  return expected + (1 - share) * before.more + share * after.more;
}
