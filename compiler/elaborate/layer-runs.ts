// How a model's layers repeat. In: a key for each layer, equal where layers do the same. Out: runs of turns, each turn the same few
// layers in the same order, such as one kind of layer thirty-two times, or two kinds that alternate. Together the runs have as few
// different layers as possible, so that neither work nor text grows with depth; among equals, the fewest runs.
import { numbered } from "../ir/place.ts";

export interface Run {
  readonly first: number;
  /** Layers of one turn. */
  readonly period: number;
  readonly turns: number;
}

/** Runs from some layer to the last, and how many layers' bodies they take. */
interface Division {
  readonly bodies: number;
  readonly runs: readonly Run[];
}

export function runsOf(keys: readonly string[]): readonly Run[] {
  const best: Division[] = [];
  best[keys.length] = { bodies: 0, runs: [] };
  for (let first = keys.length - 1; first >= 0; first -= 1) {
    let found: Division | undefined;
    for (let period = 1; first + period <= keys.length; period += 1) {
      for (let turns = turnsFrom(keys, first, period); turns >= (period === 1 ? 1 : 2); turns -= 1) {
        const rest = best[first + period * turns];
        if (rest === undefined) continue;
        const division = { bodies: period + rest.bodies, runs: [{ first, period, turns }, ...rest.runs] };
        if (found === undefined || compare(division, found) < 0) found = division;
      }
    }
    if (found !== undefined) best[first] = found;
  }
  return best[0]?.runs ?? [];
}

/** Below zero where the first is better: fewer bodies, then fewer runs, then a longer first run. */
function compare(one: Division, other: Division): number {
  const length = ({ runs: [first] }: Division): number => (first?.period ?? 0) * (first?.turns ?? 0);
  return one.bodies - other.bodies || one.runs.length - other.runs.length || length(other) - length(one);
}

/** How often the `period` layers from `first` stand one after another. */
function turnsFrom(keys: readonly string[], first: number, period: number): number {
  let same = first + period;
  while (same < keys.length && keys[same] === keys[same - period]) same += 1;
  return Math.floor((same - first) / period);
}

/** The layers at a place of the turns, in order. */
export function layersAt<T>(
  layers: readonly T[],
  { first, period, turns }: Run,
  place: number,
): readonly T[] {
  return layers.slice(first, first + period * turns).filter((_, index) => index % period === place);
}

/** The number of the layer at a place of a run, as names write it: "{i}", "{2i+1}", or of a run of one turn the number itself. */
export function layerNumber({ first, period, turns }: Run, place: number): string {
  return turns === 1 ? String(first + place) : numbered(period, first + place);
}
