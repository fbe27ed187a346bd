// A module with one of everything that a module can hold, for tests of its text and its checks.
import { NOWHERE, apply, applyAll, parameter } from "../../../compiler/ir/build.ts";
import type { Module, Origin, Region } from "../../../compiler/ir/graph.ts";

function at(path: string): Origin {
  return { source: undefined, recipe: undefined, path };
}

export function small(): Module {
  const row = { shape: [3], type: "f32" } as const;
  const [x, w, table] = [
    parameter(row, "x"),
    parameter({ ...row, shape: [2, 3] }, "weights"),
    parameter(row, "table"),
  ];
  const [innerTable, innerX, innerW] = [parameter(row, "table"), parameter(row, "x"), parameter(row, "w")];
  const product = apply("multiply", [innerX, innerW], {}, [], at("layers.{i}"));
  const body: Region = {
    parameters: [innerTable, innerX, innerW],
    results: [apply("add", [product, innerTable]), product],
  };
  const attributes = { count: 2, constants: 1, carried: 1, reverse: false };
  const outputs = applyAll("repeat", [table, x, w], attributes, [body], at("layers"));
  const [last = x, all = x] = outputs;
  const total = apply("reshape", [apply("sum", [all], { axes: [0] })], { shape: [3] });
  const region: Region = { parameters: [x, w, table], results: [apply("add", [last, total])] };
  const counted = apply("iota", [], { shape: [3], axis: 0, type: "f32" });
  return {
    name: "small",
    variables: [
      {
        name: "w",
        shape: [2, 3],
        type: "f32",
        kind: "weights",
        stack: true,
        initial: { from: "checkpoint", names: ["layers.0.w", "layers.1.w"] },
        home: "host",
        origin: at("layers.{i}"),
      },
      {
        name: "table",
        ...row,
        kind: "constants",
        stack: false,
        initial: { from: "table", region: { parameters: [], results: [counted] } },
        origin: NOWHERE,
      },
      { name: "x", ...row, kind: "io", stack: false, initial: { from: "host" }, origin: NOWHERE },
      { name: "y", ...row, kind: "io", stack: false, initial: { from: "zero" }, origin: NOWHERE },
    ],
    scalars: [
      {
        name: "rate",
        expression: {
          apply: "multiply",
          to: [0.0001, { apply: "min", to: [1, { apply: "divide", to: [{ name: "step" }, 10] }] }],
        },
      },
    ],
    programs: [{ name: "step", reads: ["x", "w", "table"], writes: ["y"], region }],
  };
}
