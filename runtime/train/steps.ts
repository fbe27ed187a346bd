// Checkpoints of a run, `step-N`: everything that going on needs. Comes in: a session at rest, and where the run stands. Goes out:
// a folder with the adapters in PEFT layout, `state.safetensors` (every variable that training changes, bit for bit, by its name and
// part), `state.json` (step, seed, hashes) and `manifest.json`, the SHA-256 of each file.
// Holds: the folder is made under another name, synced and renamed, its manifest last: under `step-N` it is whole or not there.
import { createHash, randomUUID } from "node:crypto";
import { createReadStream } from "node:fs";
import { mkdir, readdir, rename, rm, stat } from "node:fs/promises";
import { dirname, join, relative, sep } from "node:path";
import type { Plan } from "../../compiler/plan/plan.ts";
import { syncFolder, writeAside } from "../checkpoint/aside.ts";
import { CheckpointError, systemReason } from "../checkpoint/error.ts";
import { writeSafetensors } from "../checkpoint/safetensors.ts";
import { partCount } from "../launch/extent.ts";
import type { Position } from "./loop.ts";
import { tensorsOf, type Reading } from "./save.ts";

export interface StepToWrite {
  /** OUTPUT: the checkpoint is its folder `step-N`. */
  readonly output: string;
  readonly plan: Plan;
  readonly position: Position;
  readonly seed: number;
  /** How many checkpoints are kept, this one among them. */
  readonly keep: number;
  /** Names of the variables that training changes, beside the optimizer's. */
  readonly trained: readonly string[];
  /** Writes the adapters into a folder. */
  readonly adapters: (folder: string) => Promise<void>;
}

const stepName = /^step-(\d+)$/;
const manifestName = "manifest.json";

/** Returns the checkpoint's folder. */
export async function writeStep(session: Reading, work: StepToWrite): Promise<string> {
  const { output, plan, position } = work;
  const folder = join(output, `step-${position.step}`);
  const partial = join(output, `.step-${position.step}.${randomUUID()}.partial`);
  try {
    await mkdir(partial, { recursive: true });
    await work.adapters(join(partial, "adapter"));
    const names = plan.variables.flatMap(({ name, kind, parts }) => {
      return parts.length > 0 && (kind === "optimizer" || work.trained.includes(name)) ? [name] : [];
    });
    const tensors = names.flatMap((variable) => {
      const found = session.find(variable);
      const count = found === undefined ? 0 : partCount(found);
      const keys = Array.from({ length: count }, (_, part) => `${variable}#${part}`);
      return tensorsOf(session, { variable, keys });
    });
    await writeSafetensors(join(partial, "state.safetensors"), tensors, new Map());
    const state = { format: 1, recipe: plan.recipe, plan: plan.hash, ...position, seed: work.seed };
    await writeAside(join(partial, "state.json"), [textOf(state)]);
    await writeAside(join(partial, manifestName), [textOf({ format: 1, files: await hashes(partial) })]);
    // A checkpoint of this step from an earlier run gives way only now.
    await rm(folder, { recursive: true, force: true });
    await rename(partial, folder);
    await syncFolder(output);
  } catch (cause) {
    await rm(partial, { recursive: true, force: true }).catch(() => undefined);
    if (cause instanceof Error && "code" in cause)
      throw new CheckpointError(folder, `it could not be written: ${systemReason(cause)}`, cause);
    throw cause;
  }
  await removeOlder(output, position.step, work.keep);
  return folder;
}

function textOf(value: unknown): Uint8Array {
  return new TextEncoder().encode(`${JSON.stringify(value, undefined, 2)}\n`);
}

/** SHA-256 of every file below a folder, by its path with "/", in order. */
async function hashes(folder: string): Promise<Record<string, string>> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name));
  const found: [string, string][] = [];
  for (const path of files.sort()) {
    const hash = createHash("sha256");
    for await (const chunk of createReadStream(path)) hash.update(chunk as Buffer);
    found.push([relative(folder, path).split(sep).join("/"), hash.digest("hex")]);
    await syncFolder(dirname(path));
  }
  return Object.fromEntries(found);
}

/** Of the checkpoints up to this step, the newest stay; those of later steps belong to another run and are left alone. */
async function removeOlder(output: string, step: number, keep: number): Promise<void> {
  const steps = (await readdir(output)).flatMap((name) => {
    const found = stepName.exec(name)?.[1];
    return found === undefined || Number(found) > step ? [] : [Number(found)];
  });
  const old = steps.sort((a, b) => b - a).slice(Math.max(1, keep));
  for (const each of old) {
    const folder = join(output, `step-${each}`);
    // Only what this program wrote whole is removed.
    const ours = await stat(join(folder, manifestName)).then(
      (found) => found.isFile(),
      () => false,
    );
    if (ours) await rm(folder, { recursive: true, force: true });
  }
}
