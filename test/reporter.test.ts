import { expect, test } from "vitest";
import { closingLine, countTests } from "./reporter.ts";
import type { FinishedModule } from "./reporter.ts";

function finished(state: "passed" | "failed" | "skipped", ...results: string[]): FinishedModule {
  const tests = results.map((result) => ({ result: () => ({ state: result }) }));
  return { state: () => state, children: { allTests: () => tests } };
}

test("every test is counted once, by its outcome", () => {
  const modules = [
    finished("failed", "passed", "failed", "skipped"),
    finished("passed", "passed", "passed"),
    finished("skipped", "skipped"),
  ];
  expect(countTests(modules, 0)).toEqual({ passed: 3, failed: 1, skipped: 2 });
});

test("a test that never ended counts as failed", () => {
  expect(countTests([finished("failed", "pending")], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test("a module that could not be loaded counts as one failure", () => {
  expect(countTests([finished("failed")], 0)).toEqual({ passed: 0, failed: 1, skipped: 0 });
});

test("failed stages and errors outside tests are failures", () => {
  expect(countTests([finished("passed", "passed")], 2)).toEqual({ passed: 1, failed: 2, skipped: 0 });
});

test("the closing line has the fixed form", () => {
  expect(closingLine({ passed: 12, failed: 0, skipped: 3 })).toBe("12 passed, 0 failed, 3 skipped");
});
