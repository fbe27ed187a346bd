// `npm run bench:published`: plans the jobs whose memory was published, and writes README.md's table of them anew. Needs no GPU.
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { jobs } from "./published-jobs.ts";
import { lineOf, withTable } from "./published-table.ts";

const readme = join(import.meta.dirname, "..", "README.md");
const lines = jobs.map((job) => {
  const line = lineOf(job);
  process.stdout.write(`${line}\n`);
  return line;
});
const text = withTable(readFileSync(readme, "utf8"), lines);
if (text === undefined) throw new Error("README.md has no markers for the table");
writeFileSync(readme, text);
