// Variables in the host's memory, whatever the size of the pieces in which they come and go: read, written, cleared and changed by programs
// as those on the device are.
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import type { Plan } from "../../../compiler/plan/plan.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import type { Verified } from "../../../compiler/verify/verify.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";
import { launch, type Session } from "../../../runtime/launch/session.ts";
import { writeScalars } from "../../../runtime/train/feed.ts";
import { load } from "../../../runtime/train/load.ts";

const config = {
  model_type: "llama",
  vocab_size: 64,
  hidden_size: 32,
  num_attention_heads: 2,
  num_hidden_layers: 3,
  intermediate_size: 64,
  rms_norm_eps: 1e-5,
  hidden_act: "silu",
};
const recipe = `recipe pieces {
  model      "model" { train: all, init: random { seed: 1 } }
  data       "rows.jsonl" { format: tokens, length: 16 }
  batch      2
  optimizer  adamw { rate: 1e-2, clip: 1.0 }
  training   10 steps
}`;

function planOf(opened: OpenedDevice, set: readonly string[]): Verified<Plan> {
  const { plan } = compile(recipe, {
    path: "/pieces.ftl",
    read: (path) => (path.endsWith("config.json") ? JSON.stringify(config) : undefined),
    profile: profileFromDevice(opened.facts),
    set,
  });
  if (plan === undefined) throw new Error("there is a plan");
  return plan;
}

/** All variables in f32 after some steps, the programs run one after the other without a pause. */
async function after(session: Session, steps: number): Promise<ReadonlyMap<string, Float32Array>> {
  await load(session, { checkpoint: undefined, adapters: [], seed: 1 });
  for (let step = 1; step <= steps; step += 1) {
    for (const [name, factor] of [
      ["ids", 7],
      ["targets", 11],
      ["positions", 1],
    ] as const) {
      const size = session.find(name)?.shape.reduce((a, b) => a * b, 1);
      if (size !== undefined)
        await session.write(
          name,
          Int32Array.from({ length: size }, (_, at) =>
            name === "positions" ? at % 16 : (at * factor + step) % 64,
          ),
        );
    }
    await writeScalars(session, { step, update: step, steps, targets: 32, seed: 1 }, {});
    await session.run("micro");
    await session.run("update");
  }
  const found = new Map<string, Float32Array>();
  for (const { name, type, kind } of session.plan.variables)
    if (type === "f32" && kind !== "io") found.set(name, await session.read(name));
  return found;
}

test("in pieces of any size, programs leave what they leave on the device", async () => {
  using opened = await openDevice();
  const sessions = [
    await launch(planOf(opened, []), opened.device),
    ...(await Promise.all(
      [undefined, 252].map((staging) =>
        launch(planOf(opened, ["model.offload=host", "optimizer.offload=host"]), opened.device, {
          ...(staging !== undefined && { staging }),
        }),
      ),
    )),
  ];
  try {
    const results = [];
    for (const session of sessions) results.push(await after(session, 3));
    const [first, ...rest] = results;
    for (const result of rest) expect(result).toEqual(first);
    expect([...(first?.values() ?? [])].some((values) => values.some((value) => value !== 0))).toBe(true);
    expect(opened.takeErrors()).toEqual([]);
  } finally {
    for (const session of sessions) session.close();
  }
});

test("what is written, cleared and read while changes are on their way waits for them", async () => {
  using opened = await openDevice();
  const session = await launch(planOf(opened, ["optimizer.offload=host"]), opened.device);
  try {
    await after(session, 1);
    const state = session.plan.variables.find(({ name, kind, parts }) => {
      const buffer = session.plan.tensors[parts[0] ?? -1]?.buffer ?? -1;
      return (
        kind === "optimizer" && name.startsWith("m of") && session.plan.buffers[buffer]?.memory === "host"
      );
    });
    if (state === undefined) throw new Error("a state lives in the host's memory");
    const before = await session.read(state.name);
    expect(before.some((value) => value !== 0)).toBe(true);
    await session.run("micro");
    await session.run("update");
    session.clear(state.name);
    expect((await session.read(state.name)).every((value) => value === 0)).toBe(true);
    await session.run("update");
    await session.write(state.name, before);
    expect(await session.read(state.name)).toEqual(before);
    const pieces: Uint8Array[] = [];
    for (let part = 0; part < state.parts.length; part += 1)
      for await (const piece of session.readPart(state.name, part)) pieces.push(piece);
    expect(Buffer.concat(pieces).equals(Buffer.from(before.buffer))).toBe(true);
    await session.done();
    expect(session.allocated().bytes).toBe(session.plan.peakBytes);
  } finally {
    session.close();
  }
});
