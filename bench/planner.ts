// `npm run bench:planner -- FILE.csv…`: plans each file of buffers (`id,lower,upper,size`, upper exclusive) and prints
// `FILE buffers lower_bound height seconds`. Here the clock is read; the planners have none.
import { readFileSync } from "node:fs";
import process from "node:process";
import { choosePlacement, hardWork } from "../compiler/plan/memory/planners.ts";
import { fullest, type Interval } from "../compiler/plan/memory/problem.ts";

function readIntervals(text: string): Interval[] {
  const [header = "", ...rows] = text.trim().split(/\r?\n/);
  const names = header.split(",").map((name) => name.trim());
  const column = (name: string): number => {
    const index = names.indexOf(name);
    if (index < 0) throw new Error(`no column '${name}'`);
    return index;
  };
  const [lower, upper, size] = [column("lower"), column("upper"), column("size")];
  return rows.map((row) => {
    const cells = row.split(",").map(Number);
    return { size: cells[size] ?? 0, first: cells[lower] ?? 0, last: (cells[upper] ?? 0) - 1 };
  });
}

for (const file of process.argv.slice(2)) {
  const intervals = readIntervals(readFileSync(file, "utf8"));
  const start = performance.now();
  const { placement } = choosePlacement({ intervals, limit: Number.MAX_SAFE_INTEGER }, undefined, hardWork);
  const seconds = (performance.now() - start) / 1000;
  const { bytes } = fullest(intervals);
  process.stdout.write(`${file} ${intervals.length} ${bytes} ${placement.bytes} ${seconds.toFixed(3)}\n`);
}
