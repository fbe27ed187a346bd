// "Did you mean": the known name that a mistyped one is closest to.

/**
 * The candidate with the fewest slips (a letter added, left out, changed, or two swapped) from `name`, if they are few for
 * its length: one in three letters, at least one. The earlier of two equally close.
 */
export function closest(name: string, candidates: Iterable<string>): string | undefined {
  const written = name.toLowerCase();
  let best: string | undefined;
  let fewest = Math.max(1, Math.floor(name.length / 3)) + 1;
  for (const candidate of candidates) {
    if (candidate === name || Math.abs(candidate.length - name.length) >= fewest) continue;
    const slips = distance(written, candidate.toLowerCase());
    // A letter in the other case alone is the best match there is.
    if (slips < fewest && slips < Math.max(written.length, candidate.length)) {
      fewest = slips;
      best = candidate;
    }
  }
  return best;
}

/** Damerau-Levenshtein distance in its "optimal string alignment" form: no letter is edited twice. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let previous = Array.from({ length: b.length + 1 }, (_, j) => j);
  for (let i = 1; i <= a.length; i += 1) {
    const row = [i];
    for (let j = 1; j <= b.length; j += 1) {
      const changed = (previous[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      let least = Math.min(changed, (previous[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        least = Math.min(least, (before[j - 2] ?? 0) + 1);
      }
      row.push(least);
    }
    before = previous;
    previous = row;
  }
  return previous[b.length] ?? 0;
}
