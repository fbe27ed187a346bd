// `npm run bench:train -- [--steps N] [--set PATH=VALUE]… [RECIPE …]`: what training costs on the device that is there, measured as a user
// meets it. Comes in: recipes with a model's config and random weights, or none for those of bench/recipes, whose data may be
// tokens. Goes out: a line for each with tokens a second (the median step but for the first two), the peak planned for this
// device, and where the system tells it, what the device really held for the process.
// Holds: every run is a whole process of the built program on rows of random tokens; memory is what that process's log says.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { parseArgs } from "node:util";
import type { StepLine } from "../runtime/train/lines.ts";

const root = join(import.meta.dirname, "..");
const program = join(root, "dist", "runtime", "cli", "main.js");

const { values, positionals } = parseArgs({
  options: { steps: { type: "string", default: "12" }, set: { type: "string", multiple: true, default: [] } },
  allowPositionals: true,
});
const steps = Number(values.steps);
if (!Number.isInteger(steps) || steps < 3) throw new RangeError("--steps is a whole number from 3 on");
const own = join(root, "bench", "recipes");
const recipes =
  positionals.length > 0
    ? positionals
    : readdirSync(own).flatMap((name) => (name.endsWith(".ftl") ? [join(own, name)] : []));
const folder = mkdtempSync(join(tmpdir(), "ftl-bench-"));
process.stdout.write("recipe                    tokens/s  planned MiB  on the device MiB  difference\n");
try {
  for (const recipe of recipes) process.stdout.write(`${await lineOf(recipe)}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

async function lineOf(recipe: string): Promise<string> {
  const { batch, length } = rowsOf(recipe);
  const rows = join(folder, "rows.jsonl");
  writeFileSync(rows, randomRows(2 * batch, length));
  const out = join(folder, "out");
  const changes = [...values.set, `data=${JSON.stringify(rows)}`, `output=${JSON.stringify(out)}`];
  const set = changes.flatMap((each) => ["--set", each]);
  const child = spawn(process.execPath, [program, "train", recipe, "--steps", String(steps), ...set], {
    stdio: ["ignore", "ignore", "inherit"],
  });
  const code = await new Promise<number | null>((done) => child.on("close", done));
  if (code !== 0) throw new Error(`${recipe}: ftlc train ended with ${code}`);
  const log = readFileSync(join(out, "log.jsonl"), "utf8").trimEnd().split("\n");
  const lines = log
    .map((line) => JSON.parse(line) as Partial<StepLine>)
    .filter(({ loss }) => loss !== undefined);
  const seconds = lines.flatMap(({ seconds: took }) => took ?? []);
  const held = lines.findLast(({ device_bytes: bytes }) => bytes !== undefined)?.device_bytes;
  // A step's time ends when its report is heard: neighbours are taken together.
  const paired = seconds.slice(2).map((took, at, all) => (took + (all[at + 1] ?? took)) / 2);
  const median = paired.toSorted((a, b) => a - b)[paired.length >> 1] ?? Number.NaN;
  const plan = readFileSync(join(out, "plan", "plan.json"), "utf8");
  const { peakBytes: peak } = JSON.parse(plan) as { readonly peakBytes: number };
  rmSync(out, { recursive: true });
  const mebibytes = peak / 2 ** 20;
  const card =
    held === undefined ? ["–", "–"] : [(held / 2 ** 20).toFixed(0), ((held - peak) / 2 ** 20).toFixed(1)];
  const cells = [((batch * length) / median).toFixed(0), mebibytes.toFixed(1), ...card];
  return [
    basename(recipe).padEnd(24),
    ...cells.map((cell, at) => cell.padStart([10, 13, 19, 12][at] ?? 0)),
  ].join("");
}

/** Rows of a step, and tokens of a row. */
function rowsOf(recipe: string): { readonly batch: number; readonly length: number } {
  const { stdout } = spawnSync(process.execPath, [program, "compile", "--emit", "plan", recipe], {
    encoding: "utf8",
    maxBuffer: 2 ** 30,
  });
  const { job } = JSON.parse(stdout) as { readonly job: { readonly batch: number; readonly tokens: number } };
  return { batch: job.batch, length: job.tokens };
}

function randomRows(count: number, length: number): string {
  let state = 1;
  const token = (): number => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return 3 + ((state >>> 8) % 31_000);
  };
  return Array.from({ length: count }, () =>
    JSON.stringify({ input_ids: Array.from({ length }, token) }),
  ).join("\n");
}
