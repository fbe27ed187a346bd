import { expect, it } from "vitest";
import { apply, parameter } from "../../../compiler/ir/build.ts";
import type { Program } from "../../../compiler/ir/graph.ts";
import { accumulate } from "../../../compiler/passes/accumulate.ts";
import { input, matmul, op, run, total } from "./graphs.ts";

const [x, w, frozen] = [input("x", 2, 3), input("w", 3, 2), input("frozen", 2, 2)];
const hidden = op("sin", matmul(x, w));
const program: Program = {
  name: "micro",
  reads: ["x", "w", "frozen"],
  writes: ["seen", "loss"],
  region: { parameters: [x, w, frozen], results: [hidden, total(matmul(hidden, frozen))] },
};
const trained = [
  { weight: "w", gradient: "gradient of w" },
  { weight: "unused", gradient: "gradient of unused" },
];

it("adds the loss and the gradients to what the variables hold", () => {
  const { reads, writes, region } = accumulate(program, { loss: "loss", trained });
  expect(reads).toEqual(["x", "w", "frozen", "loss", "gradient of w"]);
  expect(writes).toEqual(["seen", "loss", "gradient of w"]);
  const tensor = (shape: number[], from: number): { shape: number[]; data: Float64Array } => ({
    shape,
    data: Float64Array.from({ length: shape.reduce((a, b) => a * b, 1) }, (_, i) => Math.sin(from + i)),
  });
  const batch = [tensor([2, 3], 1), tensor([3, 2], 2), tensor([2, 2], 3)];
  const zero = run(region, [
    ...batch,
    { shape: [], data: Float64Array.of(0) },
    { shape: [3, 2], data: new Float64Array(6) },
  ]);
  const held = run(region, [...batch, { shape: [], data: Float64Array.of(5) }, tensor([3, 2], 7)]);
  expect((held[1]?.data[0] ?? 0) - (zero[1]?.data[0] ?? 0)).toBeCloseTo(5, 12);
  zero[2]?.data.forEach((value, at) => expect(held[2]?.data[at]).toBeCloseTo(value + Math.sin(7 + at), 12));
});

it("adds a 16-bit weight's gradient before it is rounded", () => {
  const narrow = parameter({ shape: [3, 2], type: "bf16" }, "w");
  const loss = total(matmul(x, apply("cast", [narrow], { type: "f32" })));
  const { region } = accumulate(
    {
      name: "micro",
      reads: ["x", "w"],
      writes: ["loss"],
      region: { parameters: [x, narrow], results: [loss] },
    },
    { loss: "loss", trained },
  );
  expect(region.results[1]?.node.inputs.map(({ type }) => type)).toEqual(["f32", "f32"]);
  expect(region.results[1]?.node.inputs[1]?.node.operation).toBe("matmul");
});
