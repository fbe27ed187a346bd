// The next word from the scores of all words. Comes in: scores, how to choose, and random numbers. Goes out: a word's number.
// Holds: at temperature 0 the best word, the first of equals; else a draw from the softmax of what is kept: the `topK` best, and of these
// the fewest whose shares reach `topP` (Holtzman et al., 2020). Sums are in float64, so that a seed gives the same text everywhere that
// gives the same scores.

export interface Sampling {
  /** What scores are divided by before the softmax; 0: the best word, always. */
  readonly temperature: number;
  /** How many of the best words may be drawn; all if undefined. */
  readonly topK: number | undefined;
  /** The share of the softmax that the drawn words are to have together, above 0; 1: all words. */
  readonly topP: number;
}

/** `uniform`: the next random number from 0 up to 1, exclusive. */
export function choose(scores: Float32Array, sampling: Sampling, uniform: () => number): number {
  const best = bestOf(scores);
  const { temperature, topK = scores.length, topP } = sampling;
  if (temperature === 0 || topK === 1) return best;
  const top = scores[best] ?? 0;
  const order = Uint32Array.from(scores.keys()).sort((a, b) => (scores[b] ?? 0) - (scores[a] ?? 0) || a - b);
  const kept = order.subarray(0, topK);
  const weights = Float64Array.from(kept, (word) => Math.exp(((scores[word] ?? 0) - top) / temperature));
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  let [count, mass] = [0, 0];
  while (count < kept.length && (count === 0 || mass < topP * total)) {
    mass += weights[count] ?? 0;
    count += 1;
  }
  let left = uniform() * mass;
  for (let at = 0; at < count - 1; at += 1) {
    left -= weights[at] ?? 0;
    if (left < 0) return kept[at] ?? best;
  }
  return kept[count - 1] ?? best;
}

function bestOf(scores: Float32Array): number {
  let best = 0;
  for (let at = 1; at < scores.length; at += 1) if ((scores[at] ?? 0) > (scores[best] ?? 0)) best = at;
  return best;
}
