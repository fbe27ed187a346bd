// A dynamic loss scale on the device that is there: it falls until nothing overflows, is doubled after clean steps, and a step that
// overflows amid others, by the scale or by a row of the data, leaves parameters, states and updates as they were bit for bit.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { batches } from "../../../runtime/data/batches.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { launch, type Session } from "../../../runtime/launch/session.ts";
import type { StepLine } from "../../../runtime/train/lines.ts";
import { load } from "../../../runtime/train/load.ts";
import { train, type Position, type Trained } from "../../../runtime/train/loop.ts";
import { rowsOf } from "../../runtime/train/rows.ts";
import { folderOf } from "./reference-job.ts";

interface Run {
  readonly precision: string;
  readonly steps: number;
  readonly begin?: (session: Session) => Promise<void>;
  /** Called after each step, when the device has done it. */
  readonly between?: (session: Session, position: Position) => Promise<void>;
  /** Rows of tokens in order, two a step; these two again and again if unsaid. */
  readonly rows?: readonly (readonly number[])[];
}

const words = (of: (at: number) => number): readonly number[] =>
  Array.from({ length: 48 }, (_, at) => of(at));
const plainRows = [words((at) => (at * 7) % 299), words((at) => (at * 7 + 100) % 299)];

/** Trains a small llama from random weights, all of it. */
async function run({ precision, steps, begin, between, rows = plainRows }: Run): Promise<{
  readonly lines: readonly StepLine[];
  readonly trained: Trained;
  readonly kept: ReadonlyMap<string, Float32Array>;
}> {
  const folder = folderOf("llama");
  const text = `
recipe small {
  model "base" { train: all, init: random { seed: 3 } }
  precision mixed { compute: f16, ${precision} }
  data "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch 2
  optimizer adamw { rate: 3e-3, weight_decay: 0.01, clip: 1.0 }
  schedule constant
  training ${steps} steps
  output "out"
}`;
  using opened = await openDevice();
  const { plan } = compile(text, {
    path: join(folder, "recipe.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined) throw new Error("no plan");
  const session = await launch(plan, opened.device);
  const lines: StepLine[] = [];
  try {
    await load(session, { checkpoint: undefined, adapters: [], seed: 3 });
    await begin?.(session);
    const trained = await train(session, {
      batches: batches(rowsOf(...rows.map((row) => [row] as const)), {
        rows: 2,
        length: 48,
        seed: 1,
        shuffle: false,
      }),
      steps,
      seed: 3,
      rate: undefined,
      clock: () => 0,
      onLine: async (line) => void ("loss" in line && lines.push(line)),
      ...(between !== undefined && {
        save: { every: 1, write: async (position) => between(session, position) },
      }),
    });
    return { lines, trained, kept: await keptIn(session) };
  } finally {
    session.close();
    expect(opened.takeErrors()).toEqual([]);
  }
}

/** Everything that a skipped step must leave alone. */
async function keptIn(session: Session): Promise<ReadonlyMap<string, Float32Array>> {
  const kept = new Map<string, Float32Array>();
  for (const { name, kind, parts } of session.plan.variables)
    if ((kind === "weights" || kind === "optimizer") && parts.length > 0 && !scale.includes(name))
      kept.set(name, await session.read(name));
  return kept;
}

const scale = ["loss scale", "clean steps"];
const scaleIn = async (session: Session): Promise<readonly (number | undefined)[]> =>
  (await Promise.all(scale.map((name) => session.read(name)))).map(([value]) => value);

/** The scale of each step by the rule in plain code, of the steps that the device skipped. */
function ruled(lines: readonly StepLine[], first: number, doubling: number): readonly number[] {
  let [held, clean] = [first, 0];
  return lines.map(({ skipped }) => {
    const now = held;
    clean = skipped ? 0 : clean + 1;
    if (skipped) held /= 2;
    if (clean === doubling) [held, clean] = [held * 2, 0];
    return now;
  });
}

test("it falls until nothing overflows, and nothing changes meanwhile", async () => {
  const { lines, trained, kept } = await run({
    precision: "loss_scale: dynamic",
    steps: 40,
    begin: (session) => session.write("loss scale", Float32Array.of(2 ** 40)),
  });
  const falls = lines.findIndex(({ skipped }) => !skipped);
  expect(falls).toBeGreaterThan(5);
  expect(lines.map(({ loss_scale }) => loss_scale)).toEqual(ruled(lines, 2 ** 40, 2000));
  // The same weights have the same loss, bit for bit; then it falls.
  expect(new Set(lines.slice(0, falls + 1).map(({ loss }) => loss)).size).toBe(1);
  expect(lines.at(-1)?.loss).toBeLessThan((lines[0]?.loss ?? 0) - 0.5);
  const updates = lines.filter(({ skipped }) => !skipped).length;
  expect(updates).toBeGreaterThan(10);
  expect(trained.updates).toBe(updates);
  expect(kept.get("updates")).toEqual(Float32Array.of(updates));
});

test("a step that overflows amid others is as if it had not been", async () => {
  const undisturbed = await run({ precision: "loss_scale: dynamic", steps: 9 });
  expect(undisturbed.lines.some(({ skipped }) => skipped)).toBe(false);
  let before: ReadonlyMap<string, Float32Array> = new Map();
  const { lines, trained, kept } = await run({
    precision: "loss_scale: dynamic",
    steps: 10,
    between: async (session, { step, updates }) => {
      if (step === 5) {
        expect(await scaleIn(session)).toEqual([65_536, 5]);
        before = await keptIn(session);
        expect(before.size).toBeGreaterThan(10);
        await session.write("loss scale", Float32Array.of(2 ** 40));
      }
      if (step === 6) {
        expect(updates).toBe(5);
        expect(await scaleIn(session)).toEqual([2 ** 39, 0]);
        expect(await keptIn(session)).toEqual(before);
        await session.write("loss scale", Float32Array.of(65_536));
      }
    },
  });
  expect(lines.map(({ skipped }) => skipped)).toEqual(lines.map((_, at) => at === 5));
  expect(lines.map(({ loss_scale }) => loss_scale)).toEqual(
    lines.map((_, at) => (at === 5 ? 2 ** 40 : 65_536)),
  );
  const counted = lines.filter(({ skipped }) => !skipped);
  expect(counted.map(({ loss }) => loss)).toEqual(undisturbed.lines.map(({ loss }) => loss));
  expect(counted.map(({ grad_norm }) => grad_norm)).toEqual(undisturbed.lines.map((line) => line.grad_norm));
  expect(trained.updates).toBe(9);
  expect(kept).toEqual(undisturbed.kept);
});

test("a row that overflows skips its steps alone", async () => {
  // The word 299 stands in the third of three batches, and its vector is beyond what f16 holds.
  const odd = words((at) => (at === 20 ? 299 : (at * 7) % 299));
  const after: ReadonlyMap<string, Float32Array>[] = [];
  const { lines, trained } = await run({
    precision: "loss_scale: dynamic",
    steps: 7,
    rows: [...plainRows, ...plainRows.toReversed(), odd, odd],
    begin: async (session) => {
      const name = "model.embed_tokens.weight";
      const vectors = await session.read(name);
      const [vocabulary = 1] = session.find(name)?.shape ?? [];
      await session.write(name, vectors.fill(1e6, 299 * (vectors.length / vocabulary)));
    },
    between: async (session) => void after.push(await keptIn(session)),
  });
  expect(lines.map(({ skipped }) => skipped)).toEqual([false, false, true, false, false, true, false]);
  expect(lines.map(({ loss_scale = 0 }) => 65_536 / loss_scale)).toEqual([1, 1, 1, 2, 2, 2, 4]);
  expect(trained.updates).toBe(5);
  expect(after[2]).toEqual(after[1]);
  expect(after[3]).not.toEqual(after[2]);
  expect(after[5]).toEqual(after[4]);
});

test("it is doubled after so many steps in a row as the recipe says", async () => {
  const { lines } = await run({ precision: "doubling: every 3 steps", steps: 16 });
  const scales = lines.map(({ loss_scale }) => loss_scale);
  expect(scales).toEqual(ruled(lines, 65_536, 3));
  expect(scales.slice(0, 4)).toEqual([65_536, 65_536, 65_536, 131_072]);
  // Doubling goes on until something overflows.
  expect(lines.some(({ skipped }) => skipped)).toBe(true);
});
