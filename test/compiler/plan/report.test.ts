// The report's keys and sums, and its text in 80 columns.
import { describe, expect, test } from "vitest";
import { bytesText, reportJson, reportText } from "../../../compiler/plan/report.ts";
import { verify } from "../../../compiler/verify/verify.ts";
import { samplePlans } from "./samples.ts";

const samples = samplePlans();

describe("the report as data", () => {
  test.each(samples)("$name: kinds sum to the peak, programs and checks are there", ({ plan }) => {
    const report = reportJson(plan);
    const { memory, work, checks } = report;
    expect(Object.values(memory.by_kind).reduce((sum, bytes) => sum + bytes, 0)).toBe(memory.peak_bytes);
    expect(memory.by_kind.free).toBeGreaterThanOrEqual(0);
    const held = Object.values(memory.by_type).reduce((sum, bytes) => sum + bytes, 0);
    expect(held).toBe(memory.peak_bytes - memory.by_kind.free);
    const bytesIn = (where: "device" | "host"): number =>
      plan.buffers.reduce((sum, buffer) => (buffer.memory === where ? sum + buffer.size : sum), 0);
    expect(memory.peak_bytes).toBe(bytesIn("device"));
    expect(memory.host.held_bytes).toBe(bytesIn("host"));
    expect(memory.host.peak_bytes).toBeGreaterThanOrEqual(bytesIn("host"));
    expect(Math.max(...Object.values(memory.programs).map(({ peak_bytes }) => peak_bytes))).toBe(
      memory.lower_bound_bytes,
    );
    expect(memory.top.map(({ bytes }) => bytes)).toEqual(
      memory.top.map(({ bytes }) => bytes).toSorted((a, b) => b - a),
    );
    expect(report).toMatchObject({ format: 1, verified: true, fits: true, hash: plan.hash });
    expect(report).not.toHaveProperty("repairs");
    expect(checks.every(({ passed, examined }) => passed && examined > 0)).toBe(true);
    expect(work.kernels).toBe(plan.kernels.length);
  });

  test.each(samples)(
    "$name: the curve of a step comes from what is held to the peak, without gaps",
    ({ plan }) => {
      const { memory } = reportJson(plan);
      const { held_bytes: held, stretches } = memory.timeline;
      const said = plan.step.map(({ program }) => program);
      const steps = new Set(said.length > 0 ? said : plan.programs.map(({ name }) => name));
      expect(new Set(stretches.map(({ program }) => program))).toEqual(steps);
      for (const name of steps) {
        const own = stretches.filter(({ program }) => program === name);
        const program = memory.programs[name];
        expect(Math.max(...own.map(({ bytes }) => bytes))).toBe(program?.peak_bytes);
        expect(own.every(({ bytes }) => bytes >= held)).toBe(true);
        expect(own[0]?.first).toBe(0);
        expect(own.at(-1)?.last).toBe((program?.dispatches ?? 0) - 1);
        own.slice(1).forEach(({ first }, at) => expect(first).toBe((own[at]?.last ?? NaN) + 1));
      }
    },
  );

  test("a step counts programs as often as it runs them", () => {
    const plan = samples[0]?.plan;
    if (plan === undefined) throw new Error("a plan");
    const [micro, update] = plan.programs;
    const { work } = reportJson(plan);
    expect(work.dispatches_per_step).toBe(
      2 * (micro?.dispatches.length ?? 0) + (update?.dispatches.length ?? 0),
    );
  });

  test("adapters are counted one by one", () => {
    const plan = samples[0]?.plan;
    const [variable] = plan?.variables ?? [];
    if (plan === undefined || variable === undefined) throw new Error("a plan with variables");
    const made = (name: string, shape: readonly number[]) =>
      ({ ...variable, name, shape, kind: "adapter" }) as const;
    const variables = [made("style.a.lora_A", [2, 3]), made("style.a.lora_B", [4]), made("words.b", [5])];
    const report = reportJson({ ...plan, variables: [...plan.variables, ...variables] }, verify(plan));
    expect(report.parameters.adapters).toMatchObject({ style: 10, words: 5 });
    expect(reportText(plan)).not.toContain(" in style");
  });

  test("what does not fit has repairs", () => {
    const plan = { ...samples[0]?.plan, budget: 1 } as NonNullable<(typeof samples)[0]>["plan"];
    const report = reportJson(plan, { ...verify(plan), fits: false }, [{ edit: "batch 1", peak_bytes: 1 }]);
    expect(report.fits).toBe(false);
    expect(report.repairs).toEqual([{ edit: "batch 1", peak_bytes: 1 }]);
  });
});

describe("the report as text", () => {
  test.each(samples)("$name: in 80 columns", ({ plan }) => {
    const text = reportText(plan);
    expect(text.split("\n").filter((line) => line.length > 80)).toEqual([]);
    expect(text).toMatch(/^\w+ on \w+: fits\n/);
    for (const title of [
      "Device memory at the peak",
      "Memory over a step",
      "Programs",
      "A step",
      "Largest at the peak",
      "Decisions",
      "Checks, and how much each examined",
    ]) {
      expect(text).toContain(`\n${title}\n`);
    }
  });

  test("sizes are in binary units", () => {
    expect([0, 1023, 1024, 1536, 2 ** 30, 2.5 * 2 ** 40].map(bytesText)).toEqual([
      "0 B",
      "1023 B",
      "1.00 KiB",
      "1.50 KiB",
      "1.00 GiB",
      "2.50 TiB",
    ]);
  });
});
