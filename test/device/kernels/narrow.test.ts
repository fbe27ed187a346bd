// 16 bits on the device: every rounding is that of the meaning, bit for bit, where a value is stored and where it stays in a register;
// and a whole training step in mixed precision computes what its graph means.
import { afterAll, beforeAll, expect, test } from "vitest";
import { apply, parameter } from "../../../compiler/ir/build.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { round } from "../../../compiler/ops/rounding.ts";
import { numbersFrom, randomTensor } from "../../compiler/kernels/tensors.ts";
import { in16Bits, lora, moduleOf, recipe } from "../../compiler/plan/recipes.ts";
import { fuseRegion, openBench, runNode, type Bench } from "./harness.ts";
import { runFused } from "./run-fused.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench[Symbol.dispose]());

/** Ties and their neighbours, the smallest and largest of both types, what overflows, and no numbers. */
function edges(): number[] {
  const random = numbersFrom(3);
  const small = [0, 2 ** -24, 2 ** -25, 1.5 * 2 ** -25, 3 * 2 ** -25, 5.5 * 2 ** -24, 2 ** -14];
  const middle = [2 ** -14 - 2 ** -25, 1, 1 + 2 ** -11, 1 + 3 * 2 ** -11, 1 + 2 ** -8, 1 + 3 * 2 ** -8];
  const large = [1 + 2 ** -11 + 2 ** -20, 65_504, 65_519, 65_520, 65_536, 1e30, 3.3895e38, 3.4e38];
  const drawn = Array.from({ length: 40 }, () => Math.exp(random() * 30));
  const sizes = [...small, ...middle, ...large, ...drawn, Infinity, Number.NaN];
  return sizes.flatMap((size) => [size, -size]).map(Math.fround);
}

test.each(["f16", "bf16"] as const)(
  "%s is rounded to, stored or not, to nearest and ties to even",
  async (type) => {
    const data = Float64Array.from(edges());
    const x = parameter({ shape: [data.length / 2, 2], type: "f32" }, "x");
    const narrow = apply("cast", [x], { type });
    // The addition keeps the second result in registers until it is an f32.
    const wide = apply("add", [
      apply("cast", [narrow], { type: "f32" }),
      apply("constant", [], { value: 0, type: "f32", shape: x.shape }),
    ]);
    const node = fuseRegion("map", { parameters: [x], results: [narrow, wide] });
    const results = await runNode(bench, node, [{ shape: x.shape, data }]);
    const wanted = [...data].map((value) => round(value, type));
    // A zero's sign does not matter.
    for (const { data: found } of results)
      expect([...found].map((value) => value + 0)).toEqual(wanted.map((value) => value + 0));
  },
);

test("what is not finite is told by its bits", async () => {
  const data = Float64Array.from(edges());
  const x = parameter({ shape: [data.length], type: "f32" }, "x");
  const told = apply("cast", [apply("is_finite", [x])], { type: "u32" });
  const node = fuseRegion("map", { parameters: [x], results: [told] });
  const [found] = await runNode(bench, node, [{ shape: x.shape, data }]);
  expect([...(found?.data ?? [])]).toEqual([...data].map((value) => Number(Number.isFinite(value))));
});

test.each(["f16", "bf16"])(
  "a step in %s computes what it means",
  async (type) => {
    const module = moduleOf(
      in16Bits(recipe(lora.replace("all_linear", "q_proj, down_proj")), `compute: ${type}, loss_scale: 8`),
      bench.profile,
    );
    const micro = module.programs.find(({ name }) => name === "micro");
    if (micro === undefined) throw new Error("no program micro");
    const random = numbersFrom(5);
    const inputs = micro.region.parameters.map((value, index) => {
      const { data } = randomTensor(value, random);
      const set = (give: (before: number, at: number) => number): Tensor => ({
        ...value,
        data: data.map(give),
      });
      if (value.type !== "i32") return set((before) => Math.fround(before / 4));
      return set((_, at) => (micro.reads[index] === "segments" ? 1 : (at * 7) % 16));
    });
    const expected = interpret(micro.region, inputs);
    const found = await runFused(bench, micro.region, inputs);
    const within = type === "f16" ? 4e-3 : 3e-2;
    micro.writes.forEach((name, index) => {
      const [own, wanted] = [
        found[index]?.data ?? new Float64Array(),
        expected[index]?.data ?? new Float64Array(),
      ];
      const off = Math.hypot(...wanted.map((value, at) => value - (own[at] ?? Number.NaN)));
      expect(off / Math.hypot(...wanted), name).toBeLessThan(within);
    });
  },
  600_000,
);
