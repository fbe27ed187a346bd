// Products whose operands end at a bound that the device reads: the same as in float64 for every bound, along every axis, on both
// kinds of tiles; what is behind a bound is not even looked at.
import { afterAll, beforeAll, expect, test } from "vitest";
import { apply, parameter } from "../../../compiler/ir/build.ts";
import type { Value } from "../../../compiler/ir/graph.ts";
import { plainLayouts } from "../../../compiler/kernels/kernel.ts";
import type { DeviceProfile } from "../../../compiler/plan/plan.ts";
import { desktopTiles } from "../../../compiler/profile/builtin.ts";
import { numbersFrom, randomTensor } from "../../compiler/kernels/tensors.ts";
import { input, op } from "../../compiler/passes/graphs.ts";
import { errorsOf, fuseRegion, openBench, runNode, type Bench } from "./harness.ts";

let bench: Bench;
beforeAll(async () => {
  bench = await openBench();
});
afterAll(() => bench[Symbol.dispose]());

const profiles = (): readonly DeviceProfile[] => [
  bench.profile,
  { ...bench.profile, name: "as GPU", tiles: desktopTiles },
];

/** m × n products over k steps, some of which end at a bound; `flips`: which operands are stored transposed. */
function product(
  [m, n, k]: readonly [number, number, number],
  axes: string,
  [transpose_a, transpose_b]: readonly [boolean, boolean],
) {
  const bound = parameter({ shape: [], type: "u32" }, "bound");
  const a = transpose_a ? input("a", k, m) : input("a", m, k);
  const b = transpose_b ? input("b", n, k) : input("b", k, n);
  const old = input("old", m, n);
  const until = (x: Value, axis: number): Value => apply("until", [x, bound], { axis });
  const left = axes.includes("m") ? until(a, transpose_a ? 1 : 0) : a;
  const right = axes.includes("n") ? until(b, transpose_b ? 0 : 1) : b;
  const inner = axes.includes("k") ? until(left, transpose_a ? 0 : 1) : left;
  const made = apply("matmul", [inner, right], { transpose_a, transpose_b });
  return fuseRegion("matmul", { parameters: [a, b, old, bound], results: [op("add", old, made)] });
}

const flips = [
  [false, false],
  [true, false],
  [false, true],
  [true, true],
] as const;

/** Sizes that fit tiles, in all ways of storing operands; and odd ones, in one of them. */
const sizes = [
  { size: [68, 12, 24], ways: flips },
  { size: [9, 70, 7], ways: flips.slice(1, 2) },
] as const;

test.each(["m", "n", "k", "mk", "nk", "mn"])("products that end along %s", async (axes) => {
  for (const { size, ways } of axes.length === 1 ? sizes : sizes.slice(1)) {
    for (const flip of ways) {
      const node = product(size, axes, flip);
      const random = numbersFrom(7);
      const inputs = node.inputs.slice(0, 3).map((value) => randomTensor(value, random));
      for (const profile of profiles()) {
        for (const bound of [0, 1, 5, 8, 23, 100]) {
          const given = [...inputs, { shape: [], data: Float64Array.of(bound) }];
          const [error] = await errorsOf(bench, node, given, plainLayouts, profile);
          expect(error, `${size.join(" × ")} ${profile.name} ends at ${bound}`).toBeLessThan(2e-5);
        }
      }
    }
  }
});

test("numbers behind the bound do not matter, whatever they are", async () => {
  const node = product([16, 16, 16], "k", [false, true]);
  const random = numbersFrom(3);
  const [a, b, old] = node.inputs.slice(0, 3).map((value) => randomTensor(value, random));
  if (a === undefined || b === undefined || old === undefined) throw new Error("no inputs");
  // From the fourth step on the left side holds nothing that could be multiplied; up to the next step of a loop the right side is finite.
  const spoilt = { shape: a.shape, data: a.data.map((value, at) => (at % 16 >= 4 ? Number.NaN : value)) };
  const beyond = { shape: b.shape, data: b.data.map((value, at) => (at % 16 >= 4 ? Number.NaN : value)) };
  const bound = { shape: [], data: Float64Array.of(4) };
  for (const profile of profiles()) {
    const [whole] = await runNode(bench, node, [a, b, old, bound], plainLayouts, profile);
    const [found] = await runNode(bench, node, [spoilt, beyond, old, bound], plainLayouts, profile);
    expect(found).toEqual(whole);
  }
});
