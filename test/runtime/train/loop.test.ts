// The loop without a device: what it writes, runs and reads, what it tells, and how it ends.
import { expect, test } from "vitest";
import { batches } from "../../../runtime/data/batches.ts";
import type { Rows } from "../../../runtime/data/rows.ts";
import type { LogLine, TrainEvent } from "../../../runtime/train/lines.ts";
import { train, TrainingError, type TrainOptions } from "../../../runtime/train/loop.ts";
import { trainingSession, type FakeSession } from "./fake.ts";
import { none, rowsOf } from "./rows.ts";

interface Watched {
  readonly lines: LogLine[];
  readonly events: TrainEvent[];
  readonly options: TrainOptions;
}

/** A clock that goes on by half a second each time it is looked at. */
function clock(): () => number {
  let now = 0;
  return () => (now += 0.5);
}

function watched(session: FakeSession, rows: Rows, more: Partial<TrainOptions> = {}): Watched {
  const { batch, tokens } = session.plan.job;
  const lines: LogLine[] = [];
  const events: TrainEvent[] = [];
  const options: TrainOptions = {
    batches: batches(rows, { rows: batch, length: tokens, seed: 1, shuffle: false }),
    steps: 3,
    seed: 1,
    rate: { apply: "divide", to: [{ name: "step" }, { name: "steps" }] },
    clock: clock(),
    onLine: async (line) => void lines.push(line),
    onEvent: (event) => void events.push(event),
    ...more,
  };
  return { lines, events, options };
}

const two = rowsOf([[0, 1, 2, 3]], [[3, 2, 1, 0]]);

test("each step writes its batch and scalars, runs its programs, and is told with the device's numbers", async () => {
  const session = trainingSession();
  const { lines, options } = watched(session, two);
  const trained = await train(session, options);
  expect(session.calls.slice(0, 8)).toEqual([
    ...["scalars", "ids", "positions", "segments", "targets"].map((name) => `write ${name}`),
    "run micro",
    "run update",
    "read report",
  ]);
  expect(session.floats("scalars")[0]).toBe(6);
  expect(trained).toMatchObject({ ended: "done", step: 3, updates: 3, steps: 3, last: lines[2] });
  // Learned: 0 1 2 | 3 2 1, where targets are; each ids' distance to 1 squared: (1 + 4 + 9 + 16 + 9 + 4) / 6.
  expect(lines[0]).toEqual({
    step: 1,
    epoch: 1,
    loss: Math.fround(43 / 6),
    lr: 1 / 3,
    grad_norm: expect.closeTo(Math.hypot(2, 8, 12, 8) / 6, 5),
    tokens: 8,
    trained_tokens: 6,
    tokens_per_second: 16,
    seconds: 0.5,
    skipped: false,
  });
  expect(lines.map((line) => line.step)).toEqual([1, 2, 3]);
  expect(Object.keys(lines[1] ?? {})).toEqual(Object.keys(lines[0] ?? {}));
});

test("the report of a step is read after the next one is under way", async () => {
  const session = trainingSession();
  const told: string[] = [];
  const { options } = watched(session, two, {
    onLine: async ({ step }) =>
      void told.push(`${step} after ${session.calls.filter((call) => call === "run update").length}`),
  });
  await train(session, options);
  expect(told).toEqual(["1 after 2", "2 after 3", "3 after 3"]);
});

test("micro-batches give the same step as the whole batch, and those that learn nothing are not computed", async () => {
  const whole = trainingSession({ batch: 4, rows: 4 });
  const parts = trainingSession({ batch: 4, rows: 1, accumulation: 4 });
  const rows = rowsOf(
    [[0, 1, 2]],
    [
      [3, 2, 1, 0],
      [none, none, none, 0],
    ],
    [
      [1, 1],
      [none, none],
    ],
  );
  const [one, four] = [watched(whole, rows), watched(parts, rows)];
  await train(whole, one.options);
  await train(parts, four.options);
  expect(four.lines.map((line) => ("loss" in line ? line.loss : 0))).toEqual(
    one.lines.map((line) => ("loss" in line ? expect.closeTo(line.loss ?? 0, 6) : 0)),
  );
  // Of the four rows of each step the third learns nothing and the fourth is a filling row.
  expect(parts.calls.filter((call) => call === "run micro")).toHaveLength(6);
});

test("a plan that draws masks is told the number of each micro-batch's first row in the run", async () => {
  const parts = trainingSession({ batch: 4, rows: 2, accumulation: 2 });
  const told: number[] = [];
  const session: FakeSession = {
    ...parts,
    find: (name) => parts.find(name === "samples" ? "loss" : name),
    write: async (name, data) => {
      if (name !== "samples") return parts.write(name, data);
      if (data instanceof Uint32Array) told.push(...data);
    },
  };
  const { options } = watched(session, rowsOf(...Array.from({ length: 4 }, () => [[0, 1, 2]] as const)));
  await train(session, options);
  expect(told).toEqual([0, 2, 4, 6, 8, 10]);
});

test("a step without a learned position is skipped with a warning and counts no update", async () => {
  const session = trainingSession();
  const rows = rowsOf(
    [[0, 1]],
    [[1, 2]],
    [
      [2, 3],
      [none, none],
    ],
    [
      [3, 3],
      [none, none],
    ],
  );
  const { lines, events, options } = watched(session, rows, { steps: 4 });
  const trained = await train(session, options);
  expect(trained.updates).toBe(2);
  expect(lines.map((line) => "skipped" in line && line.skipped)).toEqual([false, true, false, true]);
  expect(lines[1]).toMatchObject({
    step: 2,
    loss: null,
    lr: null,
    grad_norm: null,
    trained_tokens: 0,
    tokens: 4,
  });
  expect(events.filter(({ kind }) => kind === "warning")).toHaveLength(2);
  expect(session.calls.filter((call) => call === "run update")).toHaveLength(2);
});

test("an update that the device did not count stops the run", async () => {
  const session = trainingSession();
  const dropped: FakeSession = {
    ...session,
    run: async (name) => {
      const isThird = session.calls.filter((call) => call === "run update").length === 2;
      if (name === "update" && isThird) session.calls.push("run update");
      else await session.run(name);
    },
  };
  const { lines, options } = watched(dropped, two, { steps: 9 });
  const failed = await train(dropped, options).catch((cause: unknown) => cause);
  expect(failed).toBeInstanceOf(TrainingError);
  expect(failed).toMatchObject({ step: 3, message: expect.stringContaining("counts 2 updates where 3") });
  expect(lines).toHaveLength(2);
});

test("numbers that are none stop the run", async () => {
  const session = trainingSession();
  session.floats("w")[0] = Infinity;
  await expect(train(session, watched(session, two).options)).rejects.toThrow("step 1: the loss is Infinity");
});

test("evaluation divides the whole loss by all targets, in the order of the file", async () => {
  const session = trainingSession({ rows: 2 });
  const held = rowsOf(
    [[0, 1, 2]],
    [
      [3, 3],
      [none, none],
    ],
    [[3, 2, 1]],
  );
  const evaluation = {
    batches: batches(held, { rows: 2, length: 4, seed: 1, shuffle: false }),
    every: 2,
    first: true,
  };
  const { lines, events, options } = watched(session, two, { evaluation, steps: 5 });
  const trained = await train(session, options);
  const found = lines.filter((line) => "eval_loss" in line);
  expect(found.map(({ step }) => step)).toEqual([0, 2, 4, 5]);
  // (0, 1) and (3, 2) are learned: (1 + 4 + 16 + 9) / 4.
  expect(found[0]).toEqual({ step: 0, eval_loss: 7.5, perplexity: Math.exp(7.5), eval_tokens: 4 });
  expect(trained.evaluations).toEqual(found);
  expect(found[3]?.eval_loss).toBeLessThan(3);
  expect(events.filter(({ kind }) => kind === "evaluating").slice(0, 2)).toEqual([
    { kind: "evaluating", done: 1, total: 2 },
    { kind: "evaluating", done: 2, total: 2 },
  ]);
  // Lines come in the order of the steps, each evaluation after its step.
  expect(lines.map((line) => line.step)).toEqual([0, 1, 2, 2, 3, 4, 4, 5, 5]);
});

test("an interrupted run finishes its step, saves, and says so", async () => {
  const session = trainingSession();
  const controller = new AbortController();
  const saved: unknown[] = [];
  const { lines, options } = watched(session, two, {
    steps: 9,
    signal: controller.signal,
    save: {
      every: 2,
      write: async (position) => {
        saved.push({ ...position, told: lines.length });
        if (position.step === 4) controller.abort();
      },
    },
  });
  const trained = await train(session, options);
  expect(trained).toMatchObject({ ended: "interrupted", step: 5, updates: 5, steps: 9 });
  expect(saved).toEqual([2, 4, 5].map((step) => ({ step, updates: step, told: step })));
});

test("an interruption gives up an evaluation, and before the first step the run", async () => {
  const controller = new AbortController();
  const evaluation = { batches: batches(two, { rows: 2, length: 4, seed: 1 }), every: 2, first: false };
  const session = trainingSession();
  const { lines, options } = watched(session, two, {
    evaluation,
    steps: 9,
    signal: controller.signal,
    onEvent: ({ kind }) => {
      if (kind === "evaluating") controller.abort();
    },
  });
  const held = { ...evaluation, batches: { ...evaluation.batches, stepsPerEpoch: 2 } };
  expect(await train(session, { ...options, evaluation: held })).toMatchObject({
    ended: "interrupted",
    step: 2,
  });
  expect(lines.map(({ step }) => step)).toEqual([1, 2]);
  const stopped = train(trainingSession(), { ...options, signal: AbortSignal.abort(new Error("early")) });
  await expect(stopped).rejects.toThrow("early");
});

test("two runs tell the same", async () => {
  const [first, second] = [trainingSession(), trainingSession()];
  const [one, other] = [watched(first, two, { steps: 7 }), watched(second, two, { steps: 7 })];
  await train(first, one.options);
  await train(second, other.options);
  expect(other.lines).toEqual(one.lines);
  expect(second.bytes("w")).toEqual(first.bytes("w"));
});

/** The tiny job with a loss scale: in the listed steps gradients overflow. `dropped`: a step of which the device does nothing. */
function scaledSession(
  skipped: readonly number[],
  scaleOf: (step: number) => number,
  dropped = 0,
): FakeSession {
  const session = trainingSession();
  const report = new Float32Array(5);
  let [step, updates] = [0, 0];
  return {
    ...session,
    find: (name) => {
      const found = session.find(name);
      return name === "report" && found !== undefined ? { ...found, shape: [5] } : found;
    },
    run: async (name) => {
      if (name !== "update") return await session.run(name);
      step += 1;
      if (step === dropped) return undefined;
      const isSkipped = skipped.includes(step);
      updates += isSkipped ? 0 : 1;
      report.set(
        isSkipped
          ? [Infinity, Number.NaN, updates, scaleOf(step), step]
          : [1, 2, updates, scaleOf(step), step],
      );
      session.calls.push("run update");
    },
    read: async (name) => {
      const held = report.slice();
      return name === "report" ? held : session.read(name);
    },
  };
}

test("steps whose gradients overflow are skipped, told with their scale, and are no updates", async () => {
  const told: number[] = [];
  const session = scaledSession([1, 3, 4], (step) => 2 ** (10 - step));
  const plan = { ...session.plan, scalars: [{ name: "update", expression: { name: "update" } }] };
  const watching: FakeSession = {
    ...session,
    plan,
    write: async (name, data) => {
      if (name === "scalars" && data instanceof Float32Array) told.push(data[0] ?? Number.NaN);
      return session.write(name, data);
    },
  };
  const { lines, options } = watched(watching, two, { steps: 6 });
  const trained = await train(watching, options);
  expect(trained).toMatchObject({ ended: "done", step: 6, updates: 3 });
  const seen = lines.map((line) =>
    "loss" in line ? [line.skipped, line.loss, line.grad_norm, line.loss_scale] : [],
  );
  expect(seen).toEqual([
    [true, null, null, 512],
    [false, 1, 2, 256],
    [true, null, null, 128],
    [true, null, null, 64],
    [false, 1, 2, 32],
    [false, 1, 2, 16],
  ]);
  // The number of the next update, as far as reports have told: that of the step before is still to come.
  expect(told).toEqual([1, 1, 1, 2, 2, 2]);
});

test("a scale that falls no further stops the run", async () => {
  const always = Array.from({ length: 40 }, (_, index) => index + 1);
  const session = scaledSession(always, (step) => 2 ** Math.max(0, 4 - step));
  const failed = await train(session, watched(session, two, { steps: 40 }).options).catch(
    (cause: unknown) => cause,
  );
  expect(failed).toMatchObject({
    step: 13,
    message: expect.stringContaining("10 steps in a row overflowed with a loss scale of 1,"),
  });
});

test("a step that leaves no report is no skipped step", async () => {
  const session = scaledSession([2], () => 4, 3);
  const failed = await train(session, watched(session, two, { steps: 9 }).options).catch(
    (cause: unknown) => cause,
  );
  expect(failed).toBeInstanceOf(TrainingError);
  expect(failed).toMatchObject({ step: 3 });
});
