// PiSSA's first values, interpreted in float64, against a singular value decomposition of the test's own.
import { expect, test } from "vitest";
import { sizeOf } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { dot, product, rowsOf, singularValues, type Matrix } from "../library/singular-values.ts";
import { elaborated, tiny } from "./small.ts";

/** A layer's part of a stack as rows. */
function layerOf({ shape, data }: Tensor, layer: number): Matrix {
  const [, rows = 0, columns = 0] = shape;
  return rowsOf(data.subarray(layer * rows * columns, (layer + 1) * rows * columns), columns);
}

const largest = (matrix: Matrix): number => Math.max(...matrix.flat().map(Math.abs));

const parts = ["self_attn.q_proj", "self_attn.k_proj", "mlp.up_proj", "mlp.down_proj"];

test.each([
  { options: "rank: 2", scale: 1 },
  { options: "rank: 3, alpha: 12", scale: 4 },
  { options: "rank: 4, alpha: 6, rslora: true", scale: 3 },
  { options: "rank: 8, alpha: 2", scale: 0.25 },
])("the principal part of every weight: $options", ({ options, scale }) => {
  const adapter = `adapter lora { ${options}, init: pissa, on: [all_linear] }`;
  const { module } = elaborated(tiny({ adapter, layers: 2 }));
  const zero = module.variables.map(({ name, shape }): [string, Tensor] => [
    name,
    { shape, data: new Float64Array(sizeOf(shape)) },
  ]);
  const given = new Map([...zero, ["keys", { shape: [1], data: Float64Array.of(7) }]]);
  const variables = new Map([...given, ...evaluateProgram(module, "initialize", given)]);
  const of = (name: string, layer: number): Matrix => {
    const tensor = variables.get(name);
    if (tensor === undefined) throw new Error(`no variable ${name}`);
    return layerOf(tensor, layer);
  };
  for (const part of parts) {
    for (const layer of [0, 1]) {
      const path = `model.layers.{i}.${part}`;
      const [W, allA, allB] = [
        of(`${path}.weight`, layer),
        of(`lora.${path}.lora_A.weight`, layer),
        of(`lora.${path}.lora_B.weight`, layer),
      ];
      const rank = allA.length / 2;
      const [A, stillA] = [allA.slice(0, rank), allA.slice(rank)];
      const [B, stillB] = [0, rank].map((start) => allB.map((row) => row.slice(start, start + rank)));
      if (B === undefined || stillB === undefined) throw new Error("no B");

      // What stays is what moves, with the other sign: at first the model is what it was.
      expect(stillA).toEqual(A);
      expect(stillB).toEqual(B.map((row) => row.map((x) => -x)));

      const exact = singularValues(W);
      const principal = product(B, A).map((row) => row.map((x) => scale * x));
      const found = singularValues(principal);
      exact.slice(0, rank).forEach((value, at) => {
        expect(Math.abs((found[at] ?? 0) / value - 1)).toBeLessThan(1e-6);
        // The root of a singular value over the scale is the length of a row of A and of a column of B.
        expect(dot(A[at] ?? [], A[at] ?? []) * scale).toBeCloseTo(value, 6);
        const column = B.map((row) => row[at] ?? 0);
        expect(dot(column, column) * scale).toBeCloseTo(value, 6);
      });
      expect(found[rank] ?? 0).toBeLessThan(1e-6);

      // The rest has the other singular values, and with the principal part it is the weight.
      const rest = W.map((row, y) => row.map((x, at) => x - (principal[y]?.[at] ?? 0)));
      singularValues(rest)
        .slice(0, exact.length - rank)
        .forEach((value, at) => expect(value).toBeCloseTo(exact[rank + at] ?? 0, 5));
      const whole = product(stillB, stillA).map((row, y) =>
        row.map((x, at) => (W[y]?.[at] ?? 0) + scale * x - (rest[y]?.[at] ?? 0)),
      );
      expect(largest(whole)).toBeLessThan(1e-12);
    }
  }
});
