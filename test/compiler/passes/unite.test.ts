import { expect, test } from "vitest";
import { apply } from "../../../compiler/ir/build.ts";
import type { Module, Program, Region, Variable } from "../../../compiler/ir/graph.ts";
import { evaluateProgram } from "../../../compiler/ir/interpret.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { unite } from "../../../compiler/passes/unite.ts";
import { input, op } from "./graphs.ts";

const origin = { source: undefined, recipe: undefined, path: "" };

function variable(name: string): Variable {
  const kind = name === "gradient" ? "gradients" : "weights";
  return { name, kind, shape: [3], type: "f32", stack: false, initial: { from: "zero" }, origin };
}

const program = (name: string, reads: string[], writes: string[], region: Region): Program => ({
  name,
  reads,
  writes,
  region,
});

/** micro: loss += w · x, gradient += x; update: w -= gradient · rate, report = loss, loss = 0, gradient = 0. */
function training(): Module {
  const [w, x, gradient, loss] = ["w", "x", "gradient", "loss"].map((name) => input(name, 3));
  const [w2, gradient2, loss2, rate] = ["w", "gradient", "loss", "rate"].map((name) => input(name, 3));
  if (!w || !x || !gradient || !loss || !w2 || !gradient2 || !loss2 || !rate) throw new Error("no inputs");
  const zero = apply("constant", [], { value: 0, type: "f32", shape: [3] });
  const micro = {
    parameters: [w, x, gradient, loss],
    results: [op("add", loss, op("multiply", w, x)), op("add", gradient, x)],
  };
  const update = {
    parameters: [gradient2, w2, loss2, rate],
    results: [op("subtract", w2, op("multiply", gradient2, rate)), loss2, zero, zero],
  };
  return {
    name: "training",
    variables: ["w", "x", "gradient", "loss", "rate", "report"].map(variable),
    scalars: [],
    programs: [
      program("micro", ["w", "x", "gradient", "loss"], ["loss", "gradient"], micro),
      program("update", ["gradient", "w", "loss", "rate"], ["w", "report", "loss", "gradient"], update),
      program("other", ["w"], ["report"], { parameters: [w], results: [w] }),
    ],
  };
}

test("one program does what the two did, and nothing holds gradients", () => {
  const module = training();
  const united = unite(module, { first: "micro", second: "update", gradients: new Set(["gradient"]) });
  expect(validate(united)).toEqual([]);
  expect(united.programs.map(({ name }) => name)).toEqual(["micro", "other"]);
  expect(united.variables.map(({ name }) => name)).toEqual(["w", "x", "loss", "rate", "report"]);
  const [one] = united.programs;
  expect(one?.reads).toEqual(["w", "x", "loss", "rate"]);
  expect(one?.writes.toSorted()).toEqual(["loss", "report", "w"]);

  const tensor = (...data: number[]) => ({ shape: [3], data: Float64Array.from(data) });
  const before = new Map([
    ["w", tensor(1, -2, 3)],
    ["x", tensor(0.5, 4, -1)],
    ["gradient", tensor(0, 0, 0)],
    ["loss", tensor(0, 0, 0)],
    ["rate", tensor(0.1, 0.2, 0.3)],
    ["report", tensor(9, 9, 9)],
  ]);
  const half = new Map([...before, ...evaluateProgram(module, "micro", before)]);
  const wanted = new Map([...half, ...evaluateProgram(module, "update", half)]);
  const found = new Map([...before, ...evaluateProgram(united, "micro", before)]);
  expect(found).toEqual(wanted);
  expect(found.get("w")?.data).toEqual(Float64Array.of(0.95, -2.8, 3.3));
});
