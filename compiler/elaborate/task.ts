// The task of a recipe: what is learned, from which scores. Comes in: the task's definition with the recipe's options, and the model.
// Goes out: the task's methods, whose parameters name what they take of a micro-batch, and what it says of files and data.
// Parts that a task declares stand beside the model's, so a head that the architecture lacks can come with the task.
import type { Span } from "../../grammar/source.ts";
import type { Definition } from "../../grammar/syntax.ts";
import type { Learning, Masking } from "../plan/plan.ts";
import { inner } from "./environment.ts";
import { evaluate, evaluateStatements } from "./expressions.ts";
import { bindParameters } from "./functions.ts";
import { isLearned, learned, learnedBy, parametersOf } from "../language/learning.ts";
import { batchVariables, type BatchVariable } from "./io.ts";
import { withoutMethod, type Job } from "./job.ts";
import { describe, number, type Meaning, type Passed, type RecordMeaning } from "./meaning.ts";
import { ownerAt, type ModelChoice } from "./model.ts";
import { anonymous, elementwise, tensor } from "./tensors.ts";
import { fail, read, type Workspace } from "./workspace.ts";

/** A task with its options, before there is a model. */
export interface ChosenTask {
  readonly definition: Definition;
  /** Its name and its options, as an architecture sees them. */
  readonly record: RecordMeaning;
  /** What it says of an adapter's `adapter_config.json`. */
  readonly peft: ReadonlyMap<string, Meaning>;
}

/** A task on its model. */
export interface Task {
  readonly definition: Definition;
  /** What its body declares: methods, parts, values. */
  readonly fields: ReadonlyMap<string, Meaning>;
}

export function chooseTask(
  ws: Workspace,
  definition: Definition,
  options: readonly Passed[],
  span: Span,
): ChosenTask {
  const env = inner(undefined, {});
  bindParameters(ws, env, definition.name.text, definition.parameters, options, span);
  const name: Meaning = { kind: "string", value: definition.name.text };
  const fields = new Map([["name", name], ...env.bindings]);
  const said = definition.body.statements.flatMap((each) => (each.kind === "peft" ? each.options : []));
  const peft = said.map(({ path, value }) => {
    return [path.map(({ text }) => text).join("."), evaluate(ws, env, value)] as const;
  });
  return { definition, record: { kind: "record", label: "task", fields, open: true }, peft: new Map(peft) };
}

export function buildTask(
  ws: Workspace,
  { definition, record }: ChosenTask,
  model: RecordMeaning,
  choice: ModelChoice,
): Task {
  const { peft: _, ...owner } = ownerAt(ws, { path: "", local: "", shown: "", layer: undefined }, choice, {
    adapters: choice.adapters,
    adapted: choice.adapted,
    spared: choice.spared,
    model,
  });
  const env = inner(undefined, owner);
  for (const [name, meaning] of record.fields) if (name !== "name") env.bindings.set(name, meaning);
  env.bindings.set("model", model);
  env.bindings.set("length", { kind: "number", value: ws.length.value, said: ws.length.span });
  evaluateStatements(ws, env, definition.body.statements);
  return { definition, fields: env.bindings };
}

/** Modules that train with every adapter and are saved beside it. */
export function modulesToSave({ peft }: ChosenTask): readonly string[] {
  const said = peft.get("modules_to_save");
  if (said?.kind !== "list") return [];
  return said.elements.flatMap((each) => (each.kind === "string" ? [each.value] : []));
}

/** Calls a method of the task with what its parameters name of the micro-batch, or of what else brings words. */
export function callTask(
  ws: Workspace,
  task: Task,
  name: string,
  job: Job,
  bring: (name: BatchVariable) => Meaning | undefined = (each) => ofMicroBatch(ws, job, each),
): Meaning {
  const method = task.fields.get(name);
  if (method?.kind !== "function") return withoutMethod(task.definition, name);
  const passed = parametersOf(task.definition, name).map(({ text, span }): Passed => {
    const meaning = isBrought(text) ? bring(text) : undefined;
    if (meaning === undefined) {
      const known = ["ids", "positions", "segments", ...learned].join(", ");
      fail("FTL0733", span, `a micro-batch brings no '${text}'`, `it brings ${known}`);
    }
    return { name: text, meaning, span: job.span };
  });
  return method.call(passed, { kind: "missing", span: job.span });
}

function ofMicroBatch(ws: Workspace, job: Job, name: BatchVariable): Meaning {
  const batch = batchVariables(job.rows, job.tokens, job.span);
  const sizes = { rows: anonymous(job.rows, job.rowsSpan), tokens: anonymous(job.tokens, job.tokensSpan) };
  const value = read(ws, batch[name]);
  const plain = tensor(value, value.shape.length === 1 ? [sizes.rows] : [sizes.rows, sizes.tokens]);
  const shifted = name === "positions" && job.front > 0;
  return shifted ? elementwise(ws, "add", [plain, number(job.front)], job.span) : plain;
}

function isBrought(name: string): name is BatchVariable {
  return name === "ids" || name === "positions" || name === "segments" || isLearned(name);
}

/** What the host must know of the task to feed it. */
export function learningOf({ definition, fields }: Task): Learning {
  const kind = learnedBy(definition);
  const bad = (message: string): never => fail("FTL0733", definition.name.span, message, "defined here");
  switch (kind) {
    case "targets":
      return { kind };
    case "labels":
      return { kind, masking: maskingOf(fields.get("masking"), bad) };
    case "classes": {
      const count = fields.get("labels");
      return count?.kind === "number"
        ? { kind, count: count.value }
        : bad(`task '${definition.name.text}' learns classes and has no number 'labels' of them`);
    }
    case undefined:
      return bad(`the loss of a task learns one of ${learned.join(", ")}`);
    default:
      return kind satisfies never;
  }
}

function maskingOf(said: Meaning | undefined, bad: (message: string) => never): Masking | undefined {
  if (said === undefined || said.kind === "none") return undefined;
  const shares =
    said.kind === "list" ? said.elements.flatMap((each) => (each.kind === "number" ? each.value : [])) : [];
  const [share, hidden, exchanged, ...more] = shares;
  const inside = shares.every((each) => each >= 0 && each <= 1) && (hidden ?? 0) + (exchanged ?? 0) <= 1;
  if (share === undefined || hidden === undefined || exchanged === undefined || more.length > 0 || !inside)
    return bad(`'masking' is [share, hidden, exchanged], three shares, not ${describe(said)}`);
  return { share, hidden, exchanged };
}
