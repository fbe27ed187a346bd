// Goes in: what is wrong in a data file, place by place. Comes out: one error that carries all of it, as data.
// Always: every problem names the file, and the line and field where there is one; not more than `mostProblems` are kept.

export interface DataProblem {
  readonly file: string;
  /** From 1. */
  readonly line?: number;
  readonly field?: string;
  readonly reason: string;
}

/** Enough to see a pattern; a file with a wrong format is wrong on every line. */
export const mostProblems = 20;

export class DataError extends Error {
  readonly problems: readonly DataProblem[];

  constructor(problems: readonly DataProblem[]) {
    super(problems.map(problemText).join("\n"));
    this.name = "DataError";
    this.problems = problems;
  }
}

export function problemText(problem: DataProblem): string {
  const place = problem.line === undefined ? problem.file : `${problem.file}:${problem.line}`;
  return `${place}: ${problem.field === undefined ? "" : `field "${problem.field}" `}${problem.reason}`;
}
