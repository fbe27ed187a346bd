// Running graphs: programs over variables, deep graphs, and what a graph was not given.
import { expect, test } from "vitest";
import { apply, parameter } from "../../../compiler/ir/build.ts";
import { evaluateProgram, interpret } from "../../../compiler/ir/interpret.ts";
import { tensor } from "../ops/samples.ts";
import { small } from "./modules.ts";

test("a program gives what it writes", () => {
  const variables = new Map([
    ["x", tensor([3], [1, 1, 2])],
    ["w", tensor([2, 3], [1, 2, 3, 4, 5, 6])],
    ["table", tensor([3], [0, 1, 2])],
  ]);
  // x1 = x·w0 + t, x2 = x1·w1 + t; y = x2 + x·w0 + x1·w1.
  const [x1, w1] = [
    [1, 3, 8],
    [4, 5, 6],
  ];
  const wanted = x1.map((value, i) => 2 * value * (w1[i] ?? 0) + i + value - i);
  expect([...(evaluateProgram(small(), "step", variables).get("y")?.data ?? [])]).toEqual(wanted);
  expect(() => evaluateProgram(small(), "step", new Map())).toThrow("reads x, which has no value");
  expect(() => evaluateProgram(small(), "nothing", variables)).toThrow("no program nothing");
});

test("depth is no matter", () => {
  const x = parameter({ shape: [2], type: "f32" }, "x");
  let value = x;
  for (let i = 0; i < 50000; i++) value = apply("add", [value, x]);
  const [result] = interpret({ parameters: [x], results: [value] }, [tensor([2], [1, 2])]);
  expect([...(result?.data ?? [])]).toEqual([50001, 100002]);
});

test("values of the wrong shape are refused", () => {
  const x = parameter({ shape: [2], type: "f32" }, "x");
  expect(() => interpret({ parameters: [x], results: [x] }, [tensor([3], [1, 2, 3])])).toThrow(
    "parameter 0 is f32[2]",
  );
  expect(() => interpret({ parameters: [x], results: [x] }, [])).toThrow("was given 0 values");
});
