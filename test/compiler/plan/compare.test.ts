// Two plans side by side: differences are B less A, settings are those of the recipes' texts, and the text stays within 80 columns.
import { describe, expect, test } from "vitest";
import { compare, compareText, type Compared } from "../../../compiler/plan/compare.ts";
import { reportJson } from "../../../compiler/plan/report.ts";
import { samplePlans } from "./samples.ts";

const [first, second] = samplePlans().map(({ plan }) => reportJson(plan));
if (first === undefined || second === undefined) throw new Error("plans");

function compared(name: string, report: Compared["report"], clauses: string): Compared {
  return { name, report, source: { path: name, text: `recipe r {\n${clauses}\n}` } };
}

const a = compared("a.ftl", first, `batch 4\noptimizer adamw { rate: 1e-3, clip: 1.0 }\nmemory 8GiB`);
const b = compared("b.ftl", second, `batch 8\noptimizer adamw { rate: 1e-3 }\nadapter lora { rank: 4 }`);

describe("a comparison", () => {
  test("differences are B less A", () => {
    const { differences, ...both } = compare(a, b);
    expect(both).toMatchObject({ format: 1, a: { hash: first.hash }, b: { hash: second.hash } });
    expect(differences.peak_bytes).toBe(second.memory.peak_bytes - first.memory.peak_bytes);
    expect(Object.values(differences.by_kind).reduce((sum, bytes) => sum + bytes, 0)).toBe(
      differences.peak_bytes,
    );
    expect(differences.work["kernels"]).toBe(second.work.kernels - first.work.kernels);
  });

  test("settings differ where one says what the other does not, or another value", () => {
    expect(compare(a, b).differences.settings).toEqual([
      { what: "batch", a: "4", b: "8" },
      { what: "optimizer.clip", a: "1.0", b: undefined },
      { what: "memory", a: "8GiB", b: undefined },
      { what: "adapter", a: undefined, b: "lora" },
      { what: "adapter.rank", a: undefined, b: "4" },
    ]);
  });

  test("a plan does not differ from itself", () => {
    const { differences } = compare(a, a);
    expect(differences).toMatchObject({ peak_bytes: 0, decisions: [], settings: [] });
    expect(compareText(a, a)).toContain("Settings that differ: none");
  });

  test("the text stays within 80 columns, whatever the names", () => {
    const long = { ...a, name: `${"folder/".repeat(20)}a.ftl` };
    const lines = compareText(long, b).split("\n");
    expect(lines.filter((line) => line.length > 80)).toEqual([]);
    expect(lines.join("\n")).toMatch(/^ {2}peak .*B .*B .*B$/m);
  });
});
