// `npm run bench:compile -- [--runs N] [RECIPE …]`: what planning costs, measured as a user meets it. Comes in: recipes, or none for those of
// test/fixtures and examples and Llama-3-70B. Goes out: a line for each with the wall and processor time and the peak memory of
// `ftlc compile --plan=json`, the least time of the verifier alone in a fresh process, and what was planned. Holds: every run is a whole process of the built program, one at a time.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import type { Plan } from "../compiler/plan/plan.ts";

const root = join(import.meta.dirname, "..");
const program = join(root, "dist", "runtime", "cli", "main.js");
const builtIn = [
  "test/fixtures/recipes/gpt2-full.ftl",
  "examples/quickstart.ftl",
  "examples/ranks.ftl",
  "bench/recipes/planned/llama-3-70b.ftl",
];

interface Usage {
  /** Seconds. */
  readonly wall: number;
  readonly user: number;
  /** KiB. */
  readonly peak: number;
}

interface Row {
  readonly recipe: string;
  readonly "median s": string;
  readonly "min s": string;
  readonly "user s": string;
  readonly "peak MiB": string;
  readonly "verify s": string;
  readonly dispatches: number;
  readonly kernels: number;
  readonly "plan bytes": number;
}

/** Loaded into the measured process: as it ends, it leaves what it used in the file that the environment names. */
const probe = `import { writeFileSync } from "node:fs";
process.on("exit", () => {
  const { userCPUTime, maxRSS } = process.resourceUsage();
  writeFileSync(process.env.FTL_BENCH_USAGE, JSON.stringify({ user: userCPUTime / 1e6, peak: maxRSS }));
});
`;

const { values, positionals } = parseArgs({
  options: { runs: { type: "string", default: "5" } },
  allowPositionals: true,
});
const runs = Number(values.runs);
if (!Number.isInteger(runs) || runs < 1) throw new RangeError("--runs is a whole number from 1 on");
const folder = mkdtempSync(join(tmpdir(), "ftl-bench-"));
try {
  const recipes = positionals.length > 0 ? positionals : builtIn.map((path) => join(root, path));
  process.stdout.write(`${tableText(recipes.map(measured))}\n`);
} finally {
  rmSync(folder, { recursive: true });
}

/** A heading and a line for each row, in columns. */
function tableText(rows: readonly Row[]): string {
  const lines = [Object.keys(rows[0] ?? {}), ...rows.map((row) => Object.values(row).map(String))];
  const widths = (lines[0] ?? []).map((_, column) =>
    Math.max(...lines.map((cells) => (cells[column] ?? "").length)),
  );
  const padded = (cell: string, column: number): string =>
    column === 0 ? cell.padEnd(at(widths, 0)) : cell.padStart(at(widths, column));
  return lines.map((cells) => cells.map(padded).join("  ")).join("\n");
}

function measured(recipe: string): Row {
  const { programs, kernels, bytes, verifying } = planOf(recipe);
  const used = Array.from({ length: runs }, () => usageOf(recipe));
  const walls = used.map(({ wall }) => wall).toSorted((a, b) => a - b);
  return {
    recipe: recipe.startsWith(root) ? recipe.slice(root.length + 1) : recipe,
    "median s": ((at(walls, (runs - 1) >> 1) + at(walls, runs >> 1)) / 2).toFixed(2),
    "min s": at(walls, 0).toFixed(2),
    "user s": Math.min(...used.map(({ user }) => user)).toFixed(2),
    "peak MiB": (Math.max(...used.map(({ peak }) => peak)) / 1024).toFixed(0),
    "verify s": verifying.toFixed(2),
    dispatches: programs.reduce((sum, { dispatches }) => sum + dispatches.length, 0),
    kernels: kernels.length,
    "plan bytes": bytes,
  };
}

/** The plan itself; making it also leaves the program's bytecode for the runs that are measured. */
function planOf(recipe: string): Pick<Plan, "programs" | "kernels"> & {
  readonly bytes: number;
  readonly verifying: number;
} {
  const text = run(recipe, ["--emit", "plan"]);
  const { programs, kernels } = JSON.parse(text) as Plan;
  const verifying = Math.min(...Array.from({ length: runs }, () => verifyingOf(text)));
  return { programs, kernels, bytes: Buffer.byteLength(text.trimEnd()), verifying };
}

/** Seconds in which a process that has done nothing else checks every rule of a plan. */
function verifyingOf(text: string): number {
  const verifier = join(root, "dist", "compiler", "verify", "verify.js");
  const script = `import { readFileSync } from "node:fs";
import { verify } from ${JSON.stringify(verifier)};
const plan = JSON.parse(readFileSync(0, "utf8"));
const started = performance.now();
const { refusals } = verify(plan);
if (refusals.length > 0) throw new Error(refusals[0].message);
process.stdout.write(String((performance.now() - started) / 1e3));`;
  const { status, stdout, stderr } = spawnSync(process.execPath, ["--input-type=module", "--eval", script], {
    encoding: "utf8",
    input: text,
    maxBuffer: 2 ** 30,
  });
  if (status !== 0) throw new Error(`the plan cannot be verified:\n${stderr}`);
  return Number(stdout);
}

function usageOf(recipe: string): Usage {
  const started = performance.now();
  run(recipe, ["--plan=json"]);
  const wall = (performance.now() - started) / 1e3;
  const used = JSON.parse(readFileSync(join(folder, "usage.json"), "utf8")) as Omit<Usage, "wall">;
  return { wall, ...used };
}

/** Standard output of `ftlc compile`. A plan that does not fit its budget, exit code 3, is planned all the same. */
function run(recipe: string, options: readonly string[]): string {
  const hook = join(folder, "probe.mjs");
  writeFileSync(hook, probe);
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    ["--import", hook, program, "compile", ...options, recipe],
    {
      encoding: "utf8",
      env: { ...process.env, FTL_BENCH_USAGE: join(folder, "usage.json") },
      maxBuffer: 2 ** 30,
    },
  );
  if (status !== 0 && !(status === 3 && stdout !== ""))
    throw new Error(`${recipe} cannot be planned:\n${stderr}${stdout}`);
  return stdout;
}

function at(list: readonly number[], index: number): number {
  return list[index] ?? Number.NaN;
}
