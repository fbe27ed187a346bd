// Plans survive their JSON, and JSON that is no plan is refused with the place of every fault.
import { describe, expect, test } from "vitest";
import { canonicalJson } from "../../../compiler/plan/canonical.ts";
import { readPlan } from "../../../compiler/plan/read.ts";
import { verify } from "../../../compiler/verify/verify.ts";
import { base64, packTable } from "../../../compiler/plan/tables.ts";
import { hashPlan } from "./hash.ts";
import { training } from "./modules.ts";
import { planOf } from "./plans.ts";

const plan = planOf(
  training({ layers: 2, tokens: 16, width: 16, inner: 32, vocabulary: 64, rank: 4, recompute: false }),
);
const text = canonicalJson(plan);

/** What reading says of the plan with one value replaced; a path such as ["tensors", 3, "offset"]. */
function problemsWith(path: readonly (string | number)[], value: unknown): readonly string[] {
  const json: unknown = JSON.parse(text);
  let at: unknown = json;
  for (const key of path.slice(0, -1)) at = Reflect.get(at as object, key);
  Reflect.set(at as object, path.at(-1) ?? "", value);
  const reading = readPlan(JSON.stringify(json));
  return "problems" in reading ? reading.problems : [];
}

describe("reading", () => {
  test("a plan comes back as it was, and is verified", () => {
    const reading = readPlan(text);
    if ("problems" in reading) throw new Error(reading.problems.join("\n"));
    expect(reading.plan).toEqual(plan);
    expect(canonicalJson(reading.plan)).toBe(text);
    expect(hashPlan(reading.plan)).toBe(plan.hash);
    expect(verify(reading.plan).refusals).toEqual([]);
  });

  test.each([
    [["tensors", 3, "offset"], -1, "tensors[3].offset: expected a whole number from 0, found -1"],
    [["tensors", 0, "offset"], 0.5, "tensors[0].offset: expected a whole number from 0, found 0.5"],
    [
      ["tensors", 0, "size"],
      2 ** 60,
      "tensors[0].size: expected a whole number from 0, found 1152921504606847000",
    ],
    [["tensors", 0, "kind"], "stuff", /^tensors\[0\].kind: expected "weights" or .* found "stuff"$/],
    [["tensors", 0, "lifetime"], null, "tensors[0].lifetime: expected an object, found null"],
    [["kernels", 1, "workgroups"], [1, 1], "kernels[1].workgroups: expected a list of three, found a list"],
    [
      ["kernels", 0, "bindings", 0, "reads"],
      "yes",
      'kernels[0].bindings[0].reads: expected true or false, found "yes"',
    ],
    [["kernels", 0, "wgsl"], 7, "kernels[0].wgsl: expected a text, found 7"],
    [
      ["variables", 0, "initial"],
      { from: "web" },
      /^variables\[0\].initial.from: expected "program" or "held" or "host" or "zero"/,
    ],
    [
      ["scalars", 0, "expression"],
      { apply: "add" },
      "scalars[0].expression.to: expected a list, found nothing",
    ],
    [["format"], 2, "format: expected 1, found 2"],
    [["extra"], 1, "extra: a plan has no such field"],
    [
      ["device", "limits", "maxBufferSize"],
      "2GiB",
      'device.limits.maxBufferSize: expected a whole number from 0, found "2GiB"',
    ],
  ])("%j as %j", (path, value, problem) => {
    const problems = problemsWith(path, value);
    expect(problems).toContainEqual(typeof problem === "string" ? problem : expect.stringMatching(problem));
  });

  test("what is no plan at all", () => {
    expect(readPlan("")).toMatchObject({ problems: [expect.stringMatching(/^the plan is no JSON/)] });
    expect(readPlan("[]")).toMatchObject({ problems: ["the plan: expected an object, found a list"] });
    expect(readPlan("{}")).toMatchObject({
      problems: expect.arrayContaining(["recipe: expected a text, found nothing"]),
    });
  });

  test("an expression nested without end", () => {
    const deep = `${'{"apply":"sqrt","to":['.repeat(5000)}1${"]}".repeat(5000)}`;
    const problems = readPlan(text.replace(/"expression":\{.*?\]\}/, `"expression":${deep}`));
    expect("problems" in problems && problems.problems[0]).toMatch(/nested too deep$/);
  });

  test("a byte changed anywhere is refused by reading or verifying", () => {
    for (let at = 11; at < text.length; at += 997) {
      const changed = `${text.slice(0, at)}${text[at] === "7" ? "8" : "7"}${text.slice(at + 1)}`;
      const reading = readPlan(changed);
      if ("plan" in reading) expect(verify(reading.plan).verified, `byte ${at}`).toBeUndefined();
    }
  });
});

describe("the canonical text", () => {
  test("keys are sorted, nothing undefined, no spaces", () => {
    expect(canonicalJson({ b: [1, { d: undefined, c: "x y" }], a: null })).toBe(
      '{"a":null,"b":[1,{"c":"x y"}]}',
    );
  });

  test("tables are packed as the device reads them", () => {
    const bytes = (data: string): number[] => [...Buffer.from(data, "base64")];
    expect(bytes(packTable(Float64Array.of(1, -2), "f32"))).toEqual([0, 0, 128, 63, 0, 0, 0, 192]);
    expect(bytes(packTable(Float64Array.of(1, -2), "f16"))).toEqual([0, 60, 0, 192]);
    expect(bytes(packTable(Float64Array.of(1, -2), "bf16"))).toEqual([128, 63, 0, 192]);
    expect(bytes(packTable(Float64Array.of(-1), "i32"))).toEqual([255, 255, 255, 255]);
    for (let length = 0; length < 20; length += 1) {
      const data = Uint8Array.from({ length }, (_, at) => (at * 77 + length) % 256);
      expect(base64(data)).toBe(Buffer.from(data).toString("base64"));
    }
  });
});
