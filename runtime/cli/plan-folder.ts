// A plan on disk: `plan.json`, the canonical text that its hash is of, and beside it each kernel's text for the reader.
// Comes in: a verified plan. Goes out: files by their path in the folder. Holds: each file is whole or as it was before; the folder
// holds no kernel of an earlier plan.
import { readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { canonicalJson } from "../../compiler/plan/canonical.ts";
import type { Plan } from "../../compiler/plan/plan.ts";
import { writeAside } from "../checkpoint/aside.ts";

export function planFiles(plan: Plan): ReadonlyMap<string, string> {
  return new Map([
    ["plan.json", `${canonicalJson(plan)}\n`],
    ...plan.kernels.map(({ name, wgsl }) => [kernelPath(name), wgsl] as const),
  ]);
}

export async function writePlan(folder: string, plan: Plan): Promise<void> {
  const files = planFiles(plan);
  for (const [path, text] of files) await writeAside(join(folder, path), [new TextEncoder().encode(text)]);
  const kernels = await readdir(join(folder, "kernels")).catch(() => []);
  for (const name of kernels.filter((each) => each.endsWith(".wgsl") && !files.has(`kernels/${each}`))) {
    await rm(join(folder, "kernels", name), { force: true });
  }
}

function kernelPath(name: string): string {
  return `kernels/${name}.wgsl`;
}
