// Logits and gradients on the device against PyTorch's, tensor by tensor.
import { readFileSync, readdirSync } from "node:fs";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { compile, type Compilation } from "../../../compiler/compile.ts";
import { evaluateScalar } from "../../../compiler/plan/scalars.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openCheckpoint } from "../../../runtime/checkpoint/folder.ts";
import { openAdapter } from "../../../runtime/checkpoint/peft.ts";
import { openDevice, type OpenedDevice } from "../../../runtime/device/open.ts";
import { launch, type Session } from "../../../runtime/launch/session.ts";
import { load } from "../../../runtime/train/load.ts";
import {
  batchOf,
  expectedOf,
  learnedTargets,
  modelFolder,
  tensorsIn,
} from "../../compiler/parity/reference.ts";
import { moduleOf, parityRecipe, run } from "../../compiler/parity/train.ts";

const recipe = (what: string): string => `recipe values {
  model "base"${what}
  data "rows.jsonl" { format: tokens, length: 48 }
  batch 2
  optimizer adamw { rate: 3e-3, clip: 1.0 }
  training 20 steps
}`;
const lora = '\n  adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }';

let opened: OpenedDevice;
beforeAll(async () => {
  opened = await openDevice();
});
afterAll(() => opened.close());

/** A plan of the model, loaded, with the reference batch and the first step's scalars written. */
async function ready(
  model: string,
  what: string,
): Promise<{ session: Session; plan: NonNullable<Compilation["plan"]> }> {
  const folder = modelFolder(model);
  const read = (path: string): string | undefined =>
    path.endsWith("config.json") ? readFileSync(path, "utf8") : undefined;
  const options = {
    path: `${folder}/recipe.ftl`,
    read,
    profile: profileFromDevice(opened.facts),
    purposes: ["train", "score"] as const,
  };
  const { plan, facts } = compile(recipe(what), options);
  if (plan === undefined || facts === undefined) throw new Error("no verified plan");
  const session = await launch(plan, opened.device);
  const adapter = await openAdapter(`${folder}/adapter_init`);
  const adapters = facts.adapters.map(({ alias, fields, parts }) => ({ alias, adapter, fields, parts }));
  await load(session, { checkpoint: await openCheckpoint(`${folder}/base`), adapters, seed: 0 });
  for (const [name, { data }] of batchOf(model, 0, 2)) await session.write(name, Int32Array.from(data));
  const numbers = { step: 1, update: 1, steps: 20, targets: learnedTargets(model), seed: 0 };
  const scalars = new Float32Array(64);
  plan.scalars.forEach(({ expression }, slot) => (scalars[slot] = evaluateScalar(expression, numbers)));
  await session.write("scalars", scalars);
  return { session, plan };
}

describe.each(readdirSync(`${modelFolder("llama")}/..`))("%s", (model) => {
  test("logits at positions that are not padding are within 1e-4", { timeout: 120_000 }, async () => {
    const { session } = await ready(model, " { train: all }");
    await session.run("logits");
    const found = await session.read("logits");
    session.close();
    const wanted =
      (await tensorsIn(`${modelFolder(model)}/logits.safetensors`)).get("logits")?.data ?? new Float64Array();
    const segments = batchOf(model, 0, 2).get("segments")?.data ?? new Float64Array();
    const words = wanted.length / segments.length;
    expect(found.length).toBe(wanted.length);
    let off = 0;
    wanted.forEach((value, at) => {
      if (segments[Math.floor(at / words)] !== 0) off = Math.max(off, Math.abs((found[at] ?? NaN) - value));
    });
    expect(off).toBeLessThan(1e-4);
  });

  test("every LoRA gradient is within 1e-4 of its norm", { timeout: 120_000 }, async () => {
    const { session, plan } = await ready(model, lora);
    await session.run("micro");
    const wanted = await tensorsIn(`${modelFolder(model)}/lora_grads.safetensors`);
    let compared = 0;
    for (const { name, initial } of plan.variables) {
      if (initial.from !== "adapter") continue;
      const gradient = await session.read(`gradient of ${name}`);
      const size = gradient.length / initial.names.length;
      for (const [part, key] of initial.names.entries()) {
        const expected = [...(wanted.get(key)?.data ?? [])];
        const off = Math.hypot(...expected.map((value, at) => (gradient[part * size + at] ?? NaN) - value));
        expect(expected.length, key).toBe(size);
        expect(off, key).toBeLessThanOrEqual(1e-4 * Math.hypot(...expected));
        compared += 1;
      }
    }
    session.close();
    expect(compared).toBe(wanted.size);
  });

  test("every gradient of full training has a norm within 1e-4", { timeout: 120_000 }, async () => {
    const { session, plan } = await ready(model, " { train: all }");
    await session.run("micro");
    const wanted = new Map(Object.entries(expectedOf(model).full.grad_norms ?? {}));
    for (const { name, initial } of plan.variables) {
      if (initial.from !== "checkpoint" && initial.from !== "optional") continue;
      const gradient = await session.read(`gradient of ${name}`);
      const size = gradient.length / initial.names.length;
      for (const [part, key] of initial.names.entries()) {
        const norm = Math.hypot(...gradient.subarray(part * size, (part + 1) * size));
        // The file of gpt-neox has a name of its own for its last layer.
        const called = key === "embed_out.weight" ? "lm_head.weight" : key;
        const expected = wanted.get(called) ?? Number.NaN;
        // What adds the same to all scores of a row has no gradient but rounding: the bias of keys.
        expect(Math.abs(norm - expected), key).toBeLessThanOrEqual(1e-4 * expected + 1e-9);
        wanted.delete(called);
      }
    }
    session.close();
    expect([...wanted.keys()]).toEqual([]);
  });

  // PyTorch's file has norms of these alone; the interpreter, whose norms are PyTorch's too, has every element.
  test(
    "every gradient of full training is within 1e-4 of its norm from its float64 meaning",
    { timeout: 120_000 },
    async () => {
      const { session, plan } = await ready(model, " { train: all }");
      await session.run("micro");
      const { module, gradients } = moduleOf(model, parityRecipe(""));
      const { first } = await run(model, module, 1);
      let compared = 0;
      for (const { name, initial } of plan.variables) {
        const meant = first.get(gradients.get(name) ?? "")?.data;
        if (meant === undefined || !("names" in initial)) continue;
        const gradient = await session.read(`gradient of ${name}`);
        expect(meant.length, name).toBe(gradient.length);
        const size = gradient.length / initial.names.length;
        for (const [part, key] of initial.names.entries()) {
          const expected = meant.subarray(part * size, (part + 1) * size);
          const off = Math.hypot(...expected.map((value, at) => (gradient[part * size + at] ?? NaN) - value));
          // What adds the same to all scores of a row has no gradient but rounding: the bias of keys.
          expect(off, key).toBeLessThanOrEqual(1e-4 * Math.hypot(...expected) + 1e-8);
          compared += 1;
        }
      }
      session.close();
      expect(compared).toBe(Object.keys(expectedOf(model).full.grad_norms ?? {}).length);
    },
  );
});
