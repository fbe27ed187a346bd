// Methods without backpropagation on the device that is there, against the float64 interpreter: the losses that are measured, and the norms
// of the estimates. The random numbers are the same to rounding, so the steps are.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { compile } from "../../../compiler/compile.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { runJob } from "../../../runtime/train/job.ts";
import type { StepLine } from "../../../runtime/train/lines.ts";
import { filled, modelFolder, tensorsIn } from "../../compiler/parity/reference.ts";
import { stepped, stepping, type Variables } from "../../compiler/parity/stepping.ts";
import { put, temporaryFolder } from "../../runtime/checkpoint/files.ts";

const model = "llama";
const steps = 3;
const seed = 5;

async function onDevice(lines: string): Promise<readonly StepLine[]> {
  const folder = temporaryFolder();
  for (const name of ["base", "adapter_init"])
    cpSync(join(modelFolder(model), name), join(folder, name), { recursive: true });
  const batch = JSON.parse(readFileSync(join(modelFolder(model), "batch.json"), "utf8")) as Record<
    string,
    unknown[]
  >;
  const rows = (batch["input_ids"] ?? []).map((_, row) =>
    JSON.stringify(Object.fromEntries(Object.entries(batch).map(([name, list]) => [name, list[row]]))),
  );
  put(folder, "rows.jsonl", rows.join("\n"));
  const text = `recipe estimates {
  model     "base"
  data      "rows.jsonl" { format: tokens, length: 48, shuffle: false }
  batch     2
  training  ${steps} steps { seed: ${seed} }
  output    "out"
  ${lines}
}`;
  using opened = await openDevice();
  const { plan, settings, facts, diagnostics } = compile(text, {
    path: join(folder, "estimates.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(opened.facts),
  });
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  await runJob({ plan, settings, facts, folder, device: opened.device });
  expect(opened.takeErrors()).toEqual([]);
  const log = readFileSync(join(folder, "out/log.jsonl"), "utf8").trimEnd().split("\n");
  return log.map((line) => JSON.parse(line) as StepLine);
}

async function interpreted(lines: string): Promise<readonly (readonly number[])[]> {
  const job = stepping(model, lines);
  const base = await tensorsIn(`${modelFolder(model)}/base/model.safetensors`);
  const start = await tensorsIn(`${modelFolder(model)}/adapter_init/adapter_model.safetensors`);
  let variables: Variables = filled(job.module, base, start);
  return Array.from({ length: steps }, (_, at) => {
    variables = stepped(job, variables, at + 1, seed);
    return [...(variables.get("report")?.data ?? [])];
  });
}

test.each(["method mezo { eps: 1e-2 }", "method forward_gradient\n  accumulation 2"])(
  "%s",
  async (method) => {
    const lines = `adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }
  optimizer sgd { rate: 1e-3 }
  ${method}`;
    const [found, wanted] = [await onDevice(lines), await interpreted(lines)];
    expect(found).toHaveLength(steps);
    wanted.forEach(([loss = NaN, norm = NaN], at) => {
      expect(Math.abs((found[at]?.loss ?? NaN) / loss - 1)).toBeLessThan(1e-5);
      // Half the difference of two losses, over eps: rounding is a larger part of it.
      expect(Math.abs((found[at]?.grad_norm ?? NaN) / norm - 1)).toBeLessThan(2e-2);
    });
  },
);
