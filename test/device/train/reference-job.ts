// Jobs on the device that is there with a reference model: its files and batch in a folder of their own, recipes trained in it.
import { cpSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "vitest";
import { compile, type Facts } from "../../../compiler/compile.ts";
import type { DeviceProfile, Plan } from "../../../compiler/plan/plan.ts";
import { profileFromDevice } from "../../../compiler/profile/device.ts";
import { openDevice } from "../../../runtime/device/open.ts";
import { runJob } from "../../../runtime/train/job.ts";
import type { StepLine } from "../../../runtime/train/lines.ts";
import { referenceRows } from "../../reference-recipe.ts";
import { fixtures, put, temporaryFolder } from "../../runtime/checkpoint/files.ts";

/** Where a reference model lies. */
export function referenceModel(model: string): string {
  return join(fixtures, "reference/models", model);
}

/** A folder with the model in `base`, the batch's rows in `rows.jsonl`, and copies of other folders by name. */
export function folderOf(model: string, others: Readonly<Record<string, string>> = {}): string {
  const folder = temporaryFolder();
  const from = referenceModel(model);
  for (const [name, path] of Object.entries({ base: join(from, "base"), ...others }))
    cpSync(path, join(folder, name), { recursive: true });
  put(folder, "rows.jsonl", referenceRows(from));
  return folder;
}

/** Compiles and trains a recipe in a folder, with what is said of the device otherwise; what is left is under `out` there. */
export async function trainIn(
  folder: string,
  text: string,
  set: readonly string[] = [],
  profile: Partial<DeviceProfile> = {},
): Promise<{ readonly facts: Facts; readonly lines: readonly StepLine[]; readonly plan: Plan }> {
  using opened = await openDevice();
  const compiled = compile(text, {
    path: join(folder, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: { ...profileFromDevice(opened.facts), ...profile },
    set,
  });
  const { plan, settings, facts } = compiled;
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(JSON.stringify(compiled.diagnostics.map(({ message }) => message)));
  await runJob({ plan, settings, facts, folder, device: opened.device });
  expect(opened.takeErrors()).toEqual([]);
  const log = readFileSync(join(folder, "out/log.jsonl"), "utf8").trimEnd().split("\n");
  return { facts, plan, lines: log.map((line) => JSON.parse(line) as StepLine) };
}
