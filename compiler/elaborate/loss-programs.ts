// The programs that run the model, written once for all models and tasks:
//   micro       the loss of one micro-batch, divided by the batch's learned targets; its gradient is added by later passes
//   evaluate    the summed loss of one micro-batch, not divided
//   logits      on request: the score of every word at every position of one micro-batch
import type { Expression } from "../../grammar/syntax.ts";
import { batchVariables, stateVariable, type BatchVariable } from "./io.ts";
import { functionOf, type Job } from "./job.ts";
import type { Meaning, Passed, RecordMeaning, TensorMeaning } from "./meaning.ts";
import { traceProgram, type Traced } from "./programs.ts";
import { anonymous, asTensor, elementwise, tensor } from "./tensors.ts";
import { reshape } from "./views.ts";
import { fail, read, type Workspace } from "./workspace.ts";

/** The forward part of the step: leaves the micro-batch's share of the loss in "loss". */
export function microProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "micro", () => {
    const total = taskLoss(ws, model, job);
    const share: Meaning = { kind: "scalar", expression: { apply: "divide", to: [1, { name: "targets" }] } };
    const loss = asTensor(ws, elementwise(ws, "multiply", [total, share], job.span), job.span);
    return [{ declared: stateVariable("loss", "io", job.span), value: loss.value }];
  });
}

/** Leaves the sum over the micro-batch's learned targets in "evaluation". */
export function evaluateProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "evaluate", () => {
    const total = asTensor(ws, taskLoss(ws, model, job), job.span);
    return [{ declared: stateVariable("evaluation", "io", job.span), value: total.value }];
  });
}

/** Leaves the scores of a micro-batch in "logits": [rows × tokens, vocabulary]. */
export function logitsProgram(ws: Workspace, model: RecordMeaning, job: Job): Traced {
  return traceProgram(ws, "logits", () => {
    const { span } = job;
    const batch = batchTensors(ws, job);
    const at: Expression = { kind: "missing", span };
    const pass = (meaning: Meaning): Passed => ({ name: undefined, meaning, span });
    const logits = model.fields.get("logits");
    const embed = model.fields.get("embed");
    const embedding = embed?.kind === "record" ? embed.call : embed;
    if (logits?.kind !== "function" || embedding?.kind !== "function" || model.call === undefined) {
      return fail(
        "FTL0719",
        span,
        `${model.label} has no logits(…) and embed(…)`,
        "this model scores no words",
      );
    }
    const x = embedding.call([pass(batch.ids)], at);
    const states = asTensor(ws, model.call.call([x, batch.positions, batch.segments].map(pass), at), span);
    const width = states.dimensions.at(-1) ?? anonymous(1, span);
    const flat = reshape(ws, states, [anonymous(job.rows * job.tokens, span), width], span);
    const scores = asTensor(ws, logits.call([pass(flat)], at), span);
    const declared = { ...stateVariable("logits", "io", span), shape: scores.value.shape };
    return [{ declared, value: scores.value }];
  });
}

function taskLoss(ws: Workspace, model: RecordMeaning, job: Job): Meaning {
  const { span } = job;
  const pass = (meaning: Meaning): Passed => ({ name: undefined, meaning, span });
  const loss = functionOf(ws, job.task, [pass(model)], "loss", span);
  const { ids, targets, positions, segments } = batchTensors(ws, job);
  return loss.call([ids, targets, positions, segments].map(pass), { kind: "missing", span });
}

/** What a micro-batch brings, each [rows, tokens]. */
function batchTensors(ws: Workspace, job: Job): Readonly<Record<BatchVariable, TensorMeaning>> {
  const { rows, tokens, span } = job;
  const batch = batchVariables(rows, tokens, span);
  const dimensions = [anonymous(rows, job.rowsSpan), anonymous(tokens, job.tokensSpan)];
  const make = (name: BatchVariable): TensorMeaning => tensor(read(ws, batch[name]), dimensions);
  return {
    ids: make("ids"),
    targets: make("targets"),
    positions: make("positions"),
    segments: make("segments"),
  };
}
