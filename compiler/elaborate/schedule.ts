// The learning rate of a step: the optimizer's own rate times what the schedule makes of the step's number, computed by the host.
import type { ScalarExpression } from "../ir/graph.ts";
import { functionOf, type Job } from "./job.ts";
import { number, type Meaning, type Passed } from "./meaning.ts";
import { elementwise } from "./tensors.ts";
import type { Workspace } from "./workspace.ts";

/** The rate of a step as the log shows it: the optimizer's option `rate` times the schedule's factor. */
export function rateOf(ws: Workspace, job: Job): ScalarExpression {
  const base = job.optimizerOptions.find(({ name }) => name === "rate")?.meaning ?? number(0);
  const rate = elementwise(ws, "multiply", [base, scheduleFactor(ws, job)], job.span);
  if (rate.kind === "scalar") return rate.expression;
  return rate.kind === "number" ? rate.value : 0;
}

/** The schedule's share of the rate at this step, a host scalar. */
export function scheduleFactor(ws: Workspace, job: Job): Meaning {
  const { schedule, span } = job;
  const passed = ["step", "steps"].map((name): Passed => ({
    name: undefined,
    meaning: { kind: "scalar", expression: { name } },
    span,
  }));
  return functionOf(ws, schedule, job.scheduleOptions, "factor", span).call(passed, {
    kind: "missing",
    span,
  });
}
