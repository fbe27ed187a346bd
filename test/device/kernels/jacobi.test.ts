// The kernel of eigenvectors on the device, in a small workgroup and in a large one, against the library function's meaning in float64.
import { afterAll, expect, test } from "vitest";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { plainLayouts } from "../../../compiler/kernels/kernel.ts";
import { libraryKernels } from "../../../compiler/kernels/library.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { desktopTiles, softwareTiles } from "../../../compiler/profile/builtin.ts";
import { numbersFrom } from "../../compiler/kernels/tensors.ts";
import { openBench, runKernels } from "./harness.ts";
import { given, libraryCall } from "./library-call.ts";

const bench = await openBench();
afterAll(() => bench[Symbol.dispose]());

/** A symmetric matrix with eigenvalues of both signs. */
function symmetric(size: number): Tensor {
  const random = numbersFrom(size);
  const data = new Float64Array(size * size);
  for (let row = 0; row < size; row += 1)
    for (let column = row; column < size; column += 1) {
      const value = Math.fround(random());
      data[row * size + column] = value;
      data[column * size + row] = value;
    }
  return { shape: [size, size], data };
}

const off = (a: Tensor | undefined, b: Tensor | undefined): number =>
  Math.max(...[...(a?.data ?? [NaN])].map((value, at) => Math.abs(value - (b?.data[at] ?? NaN))));

test.each([
  [2, "direct"],
  [5, "direct"],
  [16, "direct"],
  [5, "shared"],
  [16, "shared"],
  [33, "shared"],
] as const)("a matrix of %i rows, %s", async (size, kind) => {
  const call = libraryCall("diagonalized", [given("matrix", [size, size])]);
  const matrix = symmetric(size);
  const [region] = call.regions;
  if (region === undefined) throw new Error("a call without a region");
  const [vectors, diagonal] = interpret(region, [matrix]);
  // The meaning itself: rows of length one, orthogonal, that turn the matrix into its eigenvalues.
  const rows = Array.from({ length: size }, (_, row) => vectors?.data.subarray(row * size, (row + 1) * size));
  const dot = (a: Float64Array = new Float64Array(), b: Float64Array = new Float64Array()): number =>
    a.reduce((sum, value, at) => sum + value * (b[at] ?? NaN), 0);
  rows.forEach((row, at) => {
    const image = Float64Array.from({ length: size }, (_, each) =>
      dot(matrix.data.subarray(each * size, (each + 1) * size), row),
    );
    rows.forEach((other, to) => {
      expect(Math.abs(dot(row, other) - (at === to ? 1 : 0))).toBeLessThan(1e-12);
      expect(Math.abs(dot(image, other) - (diagonal?.data[at * size + to] ?? NaN))).toBeLessThan(1e-7);
      if (at !== to) expect(Math.abs(dot(image, other))).toBeLessThan(1e-7);
    });
  });
  const profile = { ...bench.profile, tiles: kind === "direct" ? softwareTiles : desktopTiles };
  const kernels = libraryKernels.get("jacobi")?.choose(call, plainLayouts, profile) ?? [];
  const found = await runKernels(bench, kernels, call, [matrix], plainLayouts);
  expect(kernels.map(({ workgroupSize }) => workgroupSize[0])).toEqual(
    kind === "direct" ? [16, 16] : [256, 256],
  );
  expect(off(found[0], vectors)).toBeLessThan(1e-4);
  expect(off(found[1], diagonal)).toBeLessThan(1e-4);
});
