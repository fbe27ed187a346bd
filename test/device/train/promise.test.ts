// The promise of a plan, kept on the device that is there: all that a run takes stands before its first step, whatever happens on the way,
// by the session's own count and by another that watches the device; and the host's memory does not grow with the steps.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { writeSafetensors, type TensorToWrite } from "../../../runtime/checkpoint/safetensors.ts";
import { batches } from "../../../runtime/data/batches.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { launch } from "../../../runtime/launch/session.ts";
import { runJob, type JobEvent } from "../../../runtime/train/job.ts";
import { train } from "../../../runtime/train/loop.ts";
import { tensorsIn } from "../../compiler/parity/reference.ts";
import { f32 } from "../../runtime/checkpoint/files.ts";
import { trainingPlan, verified } from "../../runtime/launch/tiny.ts";
import { rowsOf } from "../../runtime/train/rows.ts";
import { folderOf } from "./reference-job.ts";

/** Everything that is made on the device from now on but command encoders, by the method that makes it, and the bytes of buffers. */
function watching(device: GPUDevice): () => Readonly<Record<string, number>> {
  const made: Record<string, number> = { bytes: 0 };
  const names = new Set<string>();
  for (let each: object | null = device; each !== null; each = Object.getPrototypeOf(each) as object | null)
    for (const name of Object.getOwnPropertyNames(each)) names.add(name);
  for (const name of names) {
    const method: unknown = Reflect.get(device, name);
    if (!/^create|^import/.test(name) || name === "createCommandEncoder" || typeof method !== "function")
      continue;
    made[name] = 0;
    Object.defineProperty(device, name, {
      value: (descriptor: object) => {
        made[name] = (made[name] ?? 0) + 1;
        if ("size" in descriptor) made["bytes"] = (made["bytes"] ?? 0) + Number(descriptor.size);
        return Reflect.apply(method, device, [descriptor]) as unknown;
      },
    });
  }
  return () => ({ ...made });
}

test("24 steps with overflow, ranks, evaluation and checkpoints allocate nothing", async () => {
  const folder = folderOf("llama");
  // A head this large makes gradients that 16 bits do not hold until the loss's scale has fallen.
  const weights = join(folder, "base/model.safetensors");
  const tensors = [...(await tensorsIn(weights))].map(([name, { shape, data }]): TensorToWrite => {
    const values = name === "lm_head.weight" ? data.map((value) => value * 1000) : data;
    return { name, dtype: "F32", shape, data: f32(...values) };
  });
  await writeSafetensors(weights, tensors);
  const recipe = `recipe promise {
    model      "base"
    adapter    dylora { rank: 1..4, alpha: 8, on: [attention] }
    precision  mixed { compute: f16, loss_scale: dynamic }
    data       "rows.jsonl" { format: tokens, length: 48 }
    evaluation "rows.jsonl" { every: 5 steps, ranks: [1, 4] }
    batch      2
    accumulation 2
    optimizer  adamw { rate: 1e-4, clip: 1.0 }
    training   24 steps { seed: 1 }
    output     "out" { save: every 6 steps, keep: 2 }
  }`;
  using opened = await openDevice();
  const { plan, settings, facts, diagnostics } = compile(recipe, {
    path: join(folder, "promise.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));

  const made = watching(opened.device);
  const kinds = new Set<JobEvent["kind"]>();
  let atStart: ReturnType<typeof made> = {};
  let skipped = 0;
  const onEvent = (event: JobEvent): void => {
    kinds.add(event.kind);
    if (event.kind === "ready") {
      atStart = made();
      const { allocated } = event;
      expect(allocated).toMatchObject({ buffers: plan.buffers.length, bytes: plan.peakBytes });
      const { createBuffer, createComputePipelineAsync, createShaderModule, createBindGroup, bytes } =
        atStart;
      expect(allocated.buffers + allocated.stagingBuffers).toBe(createBuffer);
      expect(allocated.bytes + allocated.stagingBytes).toBe(bytes);
      expect(allocated.pipelines).toBe(createComputePipelineAsync);
      expect(allocated.shaderModules).toBe(createShaderModule);
      expect(allocated.bindGroups).toBe(createBindGroup);
    }
    if (event.kind === "step" && event.line.skipped) skipped += 1;
    if (event.kind === "step" || event.kind === "evaluation" || event.kind === "saved")
      expect(made()).toEqual(atStart);
  };
  const result = await runJob({
    plan,
    settings,
    facts,
    folder,
    device: opened.device,
    evaluateFirst: true,
    onEvent,
  });
  expect(made()).toEqual(atStart);
  expect(result.allocated).toMatchObject({ buffers: plan.buffers.length, bytes: plan.peakBytes });
  expect(result).toMatchObject({ ended: "done", step: 24 });
  expect(result.saved).toHaveLength(5);
  expect(result.evaluations).toHaveLength(2 * (1 + 5));
  expect(skipped).toBeGreaterThan(0);
  expect(result.updates).toBe(24 - skipped);
  expect([...kinds]).toEqual(expect.arrayContaining(["step", "evaluation", "saved"]));
  expect(opened.takeErrors()).toEqual([]);
});

test("1,600 steps leave nothing in the host's memory", async () => {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  const held = (): number => {
    collect();
    collect();
    const { heapUsed, external, arrayBuffers } = process.memoryUsage();
    return heapUsed + external + arrayBuffers;
  };
  using opened = await openDevice();
  const session = await launch(verified(trainingPlan()), opened.device);
  await session.run("initialize");
  const rows = batches(rowsOf([[0, 1, 2, 3]], [[3, 2, 1, 0]]), {
    rows: 2,
    length: 4,
    seed: 1,
    shuffle: true,
  });
  const found = new Map<number, number>();
  await train(session, {
    batches: rows,
    steps: 1800,
    seed: 1,
    rate: undefined,
    clock: () => 0,
    onLine: async (line) => void ([200, 1800].includes(line.step) && found.set(line.step, held())),
  });
  session.close();
  const grown = (found.get(1800) ?? NaN) - (found.get(200) ?? NaN);
  // A step that left anything behind, were it a closure, would leave more than 200 bytes.
  expect(grown).toBeLessThan(200 * 1600);
});
