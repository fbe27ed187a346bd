// How well classes are predicted. Comes in: pairs of a row's class and the one predicted. Goes out: accuracy and macro F1.
// Holds: a class that no row has and nobody predicted counts for nothing, one that is never predicted right has an F1 of 0: as
// scikit-learn's f1_score with average="macro" and zero_division=0.

export interface ClassMetrics {
  /** Share of rows whose class is the predicted one. */
  readonly accuracy: number;
  /** Mean over the classes of F1, the harmonic mean of precision and recall. */
  readonly macroF1: number;
}

export interface ClassCounts {
  readonly add: (actual: number, predicted: number) => void;
  /** Undefined without a row. */
  readonly metrics: () => ClassMetrics | undefined;
}

interface Count {
  right: number;
  actual: number;
  predicted: number;
}

export function countClasses(): ClassCounts {
  const counts = new Map<number, Count>();
  const of = (label: number): Count => {
    const found = counts.get(label) ?? { right: 0, actual: 0, predicted: 0 };
    counts.set(label, found);
    return found;
  };
  return {
    add: (actual, predicted) => {
      of(actual).actual += 1;
      of(predicted).predicted += 1;
      if (actual === predicted) of(actual).right += 1;
    },
    metrics: () => {
      const all = [...counts.values()];
      const total = all.reduce((sum, { actual }) => sum + actual, 0);
      if (total === 0) return undefined;
      const right = all.reduce((sum, count) => sum + count.right, 0);
      const f1 = all.map((count) => (2 * count.right) / (count.actual + count.predicted));
      return { accuracy: right / total, macroF1: f1.reduce((sum, each) => sum + each, 0) / f1.length };
    },
  };
}
