// Accuracy and macro F1 as scikit-learn 1.5 computes them of the same pairs.
import { expect, test } from "vitest";
import { countClasses } from "../../../runtime/train/metrics.ts";

function metricsOf(actual: readonly number[], predicted: readonly number[]) {
  const counts = countClasses();
  actual.forEach((label, row) => counts.add(label, predicted[row] ?? NaN));
  return counts.metrics();
}

test("classes count alike in macro F1, rows in accuracy", () => {
  // Precision and recall: class 0: 2/3 and 2/2, class 1: 1/1 and 1/3, class 2: 1/2 and 1/1.
  const found = metricsOf([0, 0, 1, 1, 1, 2], [0, 0, 1, 0, 2, 2]);
  expect(found?.accuracy).toBeCloseTo(4 / 6, 12);
  expect(found?.macroF1).toBeCloseTo((0.8 + 0.5 + 2 / 3) / 3, 12);
});

test("a class that is never predicted right has an F1 of 0, one that nobody speaks of has none", () => {
  expect(metricsOf([0, 0, 5], [0, 0, 7])).toEqual({ accuracy: 2 / 3, macroF1: 1 / 3 });
  expect(metricsOf([], [])).toBeUndefined();
});
