// Devices that bind little at once: values in windows give the numbers that they give in one piece, through loading, training, checkpoints
// and saving, and where they live in the host's memory and come to the device window by window.
import { join } from "node:path";
import { expect, test } from "vitest";
import type { DeviceLimits } from "../../../compiler/plan/plan.ts";
import { software } from "../../../compiler/profile/builtin.ts";
import { openSafetensors, readTensor } from "../../../runtime/checkpoint/safetensors.ts";
import type { StepLine } from "../../../runtime/train/lines.ts";
import { referenceRecipe } from "../../reference-recipe.ts";
import { folderOf, trainIn } from "./reference-job.ts";

/** A tied embedding of 320 × 64 in f32 takes 80 KiB, the layers' largest matrices 64. */
const limits: DeviceLimits = {
  ...software.limits,
  maxStorageBufferBindingSize: 48 * 1024,
  maxBufferSize: 80 * 1024,
};

interface Left {
  readonly lines: readonly StepLine[];
  readonly tensors: ReadonlyMap<string, Uint8Array>;
  readonly windows: number;
}

async function trained(
  what: string,
  file: string,
  own: Partial<{ limits: DeviceLimits }>,
  set: readonly string[] = [],
): Promise<Left> {
  const folder = folderOf("qwen2");
  const text = referenceRecipe(what).replace('output    "out"', 'output    "out" { save: every 3 steps }');
  const { lines, plan } = await trainIn(folder, text, ["training=6 steps", ...set], own);
  const tensors = new Map<string, Uint8Array>();
  for (const path of [join("out", file), "out/step-6/state.safetensors"]) {
    const opened = await openSafetensors(join(folder, path));
    for (const name of opened.tensors.keys()) tensors.set(`${path} ${name}`, await readTensor(opened, name));
  }
  return { lines, tensors, windows: Math.max(...plan.variables.map(({ windows = 1 }) => windows)) };
}

/** The largest difference between two tensors of f32, in units of the larger one's largest number. */
function difference(a: Uint8Array, b: Uint8Array): number {
  const [x, y] = [a, b].map((bytes) => new Float32Array(bytes.slice().buffer));
  if (x === undefined || y === undefined) return NaN;
  const largest = x.reduce((most, value) => Math.max(most, Math.abs(value)), 1e-30);
  return x.reduce((most, value, at) => Math.max(most, Math.abs(value - (y[at] ?? NaN)) / largest), 0);
}

for (const [about, what, file] of [
  [
    "an adapter over a tied embedding",
    `model "base", adapter lora { rank: 4 }`,
    "adapter/adapter_model.safetensors",
  ],
  ["every parameter", `model "base" { train: all }`, "model/model.safetensors"],
] as const) {
  test(`${about}, in windows as in one piece`, async () => {
    const whole = await trained(what, file, {});
    const cut = await trained(what, file, { limits });
    expect(whole.windows).toBe(1);
    expect(cut.windows).toBeGreaterThan(1);
    cut.lines.forEach(({ loss }, at) => {
      expect(Math.abs((loss ?? NaN) / (whole.lines[at]?.loss ?? NaN) - 1)).toBeLessThan(1e-6);
    });
    expect([...cut.tensors.keys()]).toEqual([...whole.tensors.keys()]);
    for (const [name, bytes] of cut.tensors)
      expect(difference(whole.tensors.get(name) ?? new Uint8Array(), bytes), name).toBeLessThan(1e-5);
    const away = await trained(what, file, { limits }, ["model.offload=host", "optimizer.offload=host"]);
    expect(away.windows).toBe(cut.windows);
    expect(away.lines.map(({ loss }) => loss)).toEqual(cut.lines.map(({ loss }) => loss));
    expect(away.tensors).toEqual(cut.tensors);
  });
}
