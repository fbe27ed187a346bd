// Closes a test run with one line: "N passed, N failed, N skipped".
// Comes in: the finished test modules, errors outside any test, and FTL_FAILED_STAGES, the number of stages that
// failed before the tests (types, lint, format). Holds: whatever makes the run fail counts as at least one failure.
import { writeFileSync } from "node:fs";
import type { Reporter, TestModule } from "vitest/node";

/** What a run came to; the sum counts every test once. */
export type Totals = { readonly passed: number; readonly failed: number; readonly skipped: number };

/** The part of a finished test module that the totals depend on. */
export type FinishedModule = Pick<TestModule, "state"> & {
  readonly children: { allTests(): Iterable<{ result(): { readonly state: string } }> };
};

/** Counts tests by outcome; a module that failed without a failed test (it could not be loaded) counts as one. */
export function countTests(modules: Iterable<FinishedModule>, failuresElsewhere: number): Totals {
  let passed = 0;
  let failed = failuresElsewhere;
  let skipped = 0;
  for (const module of modules) {
    const before = failed;
    for (const test of module.children.allTests()) {
      const { state } = test.result();
      if (state === "passed") passed += 1;
      else if (state === "skipped") skipped += 1;
      else failed += 1;
    }
    if (module.state() === "failed" && failed === before) failed += 1;
  }
  return { passed, failed, skipped };
}

/** The closing line, without its newline. */
export function closingLine({ passed, failed, skipped }: Totals): string {
  return `${passed} passed, ${failed} failed, ${skipped} skipped`;
}

export default class ClosingLine implements Reporter {
  /** Goes to the file FTL_CLOSING_LINE, or else out when the process leaves: nothing of Vitest's may come after it. */
  onTestRunEnd(
    modules: readonly TestModule[],
    unhandledErrors: readonly unknown[],
    reason: "passed" | "failed" | "interrupted",
  ): void {
    const failedStages = Number(process.env["FTL_FAILED_STAGES"] ?? 0);
    const totals = countTests(modules, failedStages + unhandledErrors.length);
    const unexplained = reason !== "passed" && totals.failed === 0;
    const line = closingLine(unexplained ? { ...totals, failed: 1 } : totals);
    const file = process.env["FTL_CLOSING_LINE"];
    if (file !== undefined) writeFileSync(file, `${line}\n`);
    else process.once("exit", () => process.stdout.write(`${line}\n`));
  }
}
