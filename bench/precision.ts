// `npm run bench:precision -- [--starts N] [--models A,B] [--kinds lora,full] [--types f16,bf16]`: how far mixed precision is from f32.
// Comes in: the reference models and PyTorch's losses in f32 beside them. Goes out: a line for each model with the largest relative
// difference of its 20 losses, in percent, on the device that is there.
// Holds: a start beyond the first is the same weights moved by 1e-6 of themselves. In f32 that is nothing; where losses in 16 bits
// move with it, the figure of one start alone is chance, so the median and the largest of all starts are told beside it.
import { cpSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { compile } from "../compiler/compile.ts";
import { profileFromDevice } from "../compiler/profile/device.ts";
import { openDevice, type OpenedDevice } from "../runtime/device/open.ts";
import { runJob } from "../runtime/train/job.ts";
import type { StepLine } from "../runtime/train/lines.ts";
import { referenceRecipe, referenceRows } from "../test/reference-recipe.ts";

const models = join(import.meta.dirname, "..", "test", "fixtures", "reference", "models");
const { values } = parseArgs({
  options: {
    starts: { type: "string", default: "1" },
    models: { type: "string" },
    kinds: { type: "string", default: "lora,full" },
    types: { type: "string", default: "f16,bf16" },
  },
});
const starts = Number(values.starts);
if (!Number.isInteger(starts) || starts < 1) throw new RangeError("--starts is a whole number from 1 on");
const kinds = values.kinds.split(",");
const types = values.types.split(",");
const clauses: Readonly<Record<string, string>> = {
  lora: `model "base", adapter lora { rank: 4, alpha: 8, on: [all_linear], start: "adapter_init" }`,
  full: `model "base" { train: all }`,
};

using opened = await openDevice();
const columns = kinds.flatMap((kind) => types.map((type) => ({ kind, type })));
process.stdout.write(
  `${opened.facts.name}, ${starts} start${starts === 1 ? "" : "s"}: its own, the median and the largest, in percent\n`,
);
process.stdout.write(
  `${"model".padEnd(20)}${columns.map(({ kind, type }) => `${kind} ${type}`.padStart(24)).join("")}\n`,
);
for (const model of values.models?.split(",") ?? readdirSync(models)) {
  const cells: string[] = [];
  for (const { kind, type } of columns) {
    const off: number[] = [];
    for (let start = 0; start < starts; start += 1) off.push(await apart(opened, model, kind, type, start));
    const sorted = off.toSorted((a, b) => a - b);
    const shown = starts > 1 ? [off[0], sorted[starts >> 1], sorted.at(-1)] : off;
    cells.push(shown.map((each) => (100 * (each ?? Number.NaN)).toFixed(3)).join(" / "));
  }
  process.stdout.write(`${model.padEnd(20)}${cells.map((cell) => cell.padStart(24)).join("")}\n`);
}

/** The largest relative difference of a run's losses from PyTorch's in f32. */
async function apart(
  device: OpenedDevice,
  model: string,
  kind: string,
  type: string,
  start: number,
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), "ftl-bench-"));
  try {
    const lines = await trained(device, folder, model, kind, type, start);
    const text = readFileSync(join(models, model, "expected.json"), "utf8");
    const { losses } = (JSON.parse(text) as Record<string, { readonly losses: readonly number[] }>)[kind] ?? {
      losses: [],
    };
    if (losses.length === 0 || losses.length !== lines.length)
      throw new Error(`${model}: ${lines.length} losses`);
    return Math.max(...losses.map((loss, at) => Math.abs((lines[at]?.loss ?? Number.NaN) / loss - 1)));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

async function trained(
  { facts: device, device: gpu }: OpenedDevice,
  folder: string,
  model: string,
  kind: string,
  type: string,
  start: number,
): Promise<readonly StepLine[]> {
  for (const name of ["base", "adapter_init"]) {
    mkdirSync(join(folder, name));
    cpSync(join(models, model, name), join(folder, name), { recursive: true });
  }
  const weights = join(folder, "base", "model.safetensors");
  if (start > 0) writeFileSync(weights, moved(readFileSync(weights), start));
  writeFileSync(join(folder, "rows.jsonl"), referenceRows(join(models, model)));
  const text = referenceRecipe(clauses[kind] ?? "", type === "f32" ? type : `mixed { compute: ${type} }`);
  const { plan, settings, facts, diagnostics } = compile(text, {
    path: join(folder, "parity.ftl"),
    read: (path) => readFileSync(path, "utf8"),
    profile: profileFromDevice(device),
  });
  if (plan === undefined || settings === undefined || facts === undefined)
    throw new Error(diagnostics.map(({ message }) => message).join("\n"));
  await runJob({ plan, settings, facts, folder, device: gpu });
  const log = readFileSync(join(folder, "out", "log.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  return log.map((line) => JSON.parse(line) as StepLine);
}

/** A safetensors file of f32 with every number moved by up to 1e-6 of itself, another way for each start. */
function moved(file: Uint8Array, start: number): Uint8Array {
  const bytes = Uint8Array.from(file);
  const data = 8 + Number(new DataView(bytes.buffer).getBigUint64(0, true));
  const view = new DataView(bytes.buffer, data);
  let state = start;
  for (let at = 0; at < view.byteLength; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    view.setFloat32(at, view.getFloat32(at, true) * (1 + 1e-6 * (state / 2 ** 31 - 1)), true);
  }
  return bytes;
}
