// The programs that run the model, written once for all models and tasks:
//   micro       the loss of one micro-batch, divided by what the batch learns; its gradient is added by later passes
//   evaluate    the summed loss of one micro-batch, not divided; where the task predicts classes, those of the rows
//   logits      the task's scores of one micro-batch, for those who want to see them
import { stateVariable } from "./io.ts";
import type { Job } from "./job.ts";
import type { Meaning } from "./meaning.ts";
import { traceProgram, type Traced, type Write } from "./programs.ts";
import { callTask, type Task } from "./task.ts";
import { asTensor, casted, elementwise } from "./tensors.ts";
import { drawing, type Draws, type Workspace } from "./workspace.ts";

/** The forward part of the step: leaves the micro-batch's share of the loss in "loss", and what `more` says. */
export function microProgram(
  ws: Workspace,
  task: Task,
  job: Job,
  more: () => readonly Write[] = () => [],
): Traced {
  return traceProgram(ws, "micro", () => {
    const draws: Draws = { rows: job.rows, adapter: "", layer: undefined, drawn: new Map() };
    const total = drawing(ws, draws, () => callTask(ws, task, "loss", job));
    const share: Meaning = { kind: "scalar", expression: { apply: "divide", to: [1, { name: "targets" }] } };
    const loss = asTensor(ws, elementwise(ws, "multiply", [total, share], job.span), job.span);
    return [{ declared: stateVariable("loss", "io", job.span), value: loss.value }, ...more()];
  });
}

/** Leaves the sum over what the micro-batch learns in "evaluation", and in "predictions" what the task's method of that name gives. */
export function evaluateProgram(ws: Workspace, task: Task, job: Job): Traced {
  return traceProgram(ws, "evaluate", () => {
    const { span } = job;
    const total = asTensor(ws, callTask(ws, task, "loss", job), span);
    const loss = { declared: stateVariable("evaluation", "io", span), value: total.value };
    return task.fields.has("predictions")
      ? [loss, left(ws, task, "predictions", "predictions", job)]
      : [loss];
  });
}

/** Leaves what the task's method `scores` gives in "logits". */
export function logitsProgram(ws: Workspace, task: Task, job: Job): Traced {
  return traceProgram(ws, "logits", () => [left(ws, task, "scores", "logits", job)]);
}

function left(ws: Workspace, task: Task, method: string, variable: string, job: Job): Write {
  const { span } = job;
  const value = casted(ws, asTensor(ws, callTask(ws, task, method, job), span).value, "f32", span);
  return { declared: { ...stateVariable(variable, "io", span), shape: value.shape }, value };
}
