// How the next word is chosen.
import { expect, test } from "vitest";
import { generator } from "../../../runtime/data/random.ts";
import { choose, type Sampling } from "../../../runtime/generate/sampling.ts";

const scores = Float32Array.of(1, 3, 2, 3, -4);

function drawn(sampling: Partial<Sampling>, times = 20_000): number[] {
  const next = generator([5]);
  const counts = scores.reduce<number[]>((all) => [...all, 0], []);
  for (let at = 0; at < times; at += 1) {
    const word = choose(
      scores,
      { temperature: 1, topK: undefined, topP: 1, ...sampling },
      () => next() / 2 ** 32,
    );
    counts[word] = (counts[word] ?? 0) + 1;
  }
  return counts.map((count) => count / times);
}

/** Shares of the softmax of some words. */
function shares(words: readonly number[], temperature = 1): number[] {
  const weights = [...scores].map((score, word) =>
    words.includes(word) ? Math.exp(score / temperature) : 0,
  );
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  return weights.map((weight) => weight / total);
}

function expectNear(found: readonly number[], wanted: readonly number[]): void {
  for (const [word, share] of wanted.entries()) {
    expect(Math.abs((found[word] ?? NaN) - share)).toBeLessThan(0.015);
    if (share === 0) expect(found[word]).toBe(0);
  }
}

test("at temperature 0, or of one word, it is the best, the first of equals", () => {
  expect(drawn({ temperature: 0 }, 10)).toEqual([0, 1, 0, 0, 0]);
  expect(drawn({ topK: 1 }, 10)).toEqual([0, 1, 0, 0, 0]);
});

test("draws follow the softmax, at any temperature", () => {
  expectNear(drawn({}), shares([0, 1, 2, 3, 4]));
  expectNear(drawn({ temperature: 3 }), shares([0, 1, 2, 3, 4], 3));
});

test("top-k and top-p leave out words, and what is left keeps its proportions", () => {
  expectNear(drawn({ topK: 3 }), shares([1, 2, 3]));
  // The best two have 0.79 of the softmax, the third 0.15.
  expectNear(drawn({ topP: 0.7 }), shares([1, 3]));
  expectNear(drawn({ topP: 0.85 }), shares([1, 2, 3]));
  expectNear(drawn({ topK: 2, topP: 0.99 }), shares([1, 3]));
  expectNear(drawn({ topP: 1e-9 }), shares([1]));
});
