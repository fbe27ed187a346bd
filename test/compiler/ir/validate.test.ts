// A module that is as `graph.ts` says has no problems; each way to break it is named.
import { expect, test } from "vitest";
import { apply, applyAll, constant, parameter, NOWHERE } from "../../../compiler/ir/build.ts";
import { makeNode } from "../../../compiler/ir/graph.ts";
import type { Module, Program, Region, Value, Variable } from "../../../compiler/ir/graph.ts";
import { validate } from "../../../compiler/ir/validate.ts";
import { small } from "./modules.ts";

const row = { shape: [3], type: "f32" } as const;

function withProgram(change: Partial<Program>): Module {
  const module = small();
  return { ...module, programs: module.programs.map((program) => ({ ...program, ...change })) };
}

function withVariable(name: string, change: Partial<Variable>): Module {
  const module = small();
  return {
    ...module,
    variables: module.variables.map((old) => (old.name === name ? { ...old, ...change } : old)),
  };
}

/** A program that only writes these values to y. */
function writing(...results: readonly Value[]): Module {
  return withProgram({ reads: [], writes: ["y"], region: { parameters: [], results } });
}

test("a sound module has no problems", () => {
  expect(validate(small())).toEqual([]);
});

function cycle(): Value {
  const inputs: Value[] = [];
  const node = makeNode("exp", inputs, {}, [], [row], NOWHERE);
  const [output] = node.outputs;
  if (output === undefined) throw new Error("no output");
  inputs.push(output);
  return output;
}

function forged(type: Value["type"]): Value {
  const [output] = makeNode(
    "exp",
    [constant(0, "f32", [3])],
    {},
    [],
    [{ shape: [3], type }],
    NOWHERE,
  ).outputs;
  if (output === undefined) throw new Error("no output");
  return output;
}

/** A loop whose body's result does not match what it carries, made behind the builder's back. */
function looseLoop(): Value {
  const inner = parameter(row, "x");
  const body: Region = { parameters: [inner], results: [apply("reshape", [inner], { shape: [3, 1] })] };
  const attributes = { count: 2, constants: 0, carried: 1, reverse: false };
  const [output] = makeNode("repeat", [constant(0, "f32", [3])], attributes, [body], [row], NOWHERE).outputs;
  if (output === undefined) throw new Error("no output");
  return output;
}

function leaking(): Value {
  const body: Region = { parameters: [], results: [apply("exp", [parameter(row, "outer")])] };
  const [output] = applyAll("call", [], { function: "f", kernel: "k" }, [body]);
  if (output === undefined) throw new Error("no output");
  return output;
}

const broken: readonly (readonly [string, Module, string])[] = [
  [
    "two variables of a name",
    { ...small(), variables: [...small().variables, ...small().variables] },
    "two variables are called w",
  ],
  [
    "two programs of a name",
    { ...small(), programs: [...small().programs, ...small().programs] },
    "two programs are called step",
  ],
  ["a read of nothing", withProgram({ reads: ["x", "w", "nothing"] }), "reads nothing, which is no variable"],
  ["a write of another type", withProgram({ writes: ["w"] }), "writes w, which is f32[2,3], as f32[3]"],
  ["a missing write", withProgram({ writes: [] }), "writes 0 variables with 1 values"],
  ["a write of nothing", withProgram({ writes: ["nothing"] }), "writes nothing, which is no variable"],
  ["a read twice", withProgram({ reads: ["x", "w", "x"] }), "reads x twice"],
  ["a size of zero", withVariable("x", { shape: [0] }), "size below 1"],
  ["booleans in memory", withVariable("x", { type: "bool" }), "bool never reaches memory"],
  ["names for no parts", withVariable("w", { stack: false }), "2 names for 1 parts"],
  ["a table of another shape", withVariable("table", { shape: [4] }), "its table is f32[3], not f32[4]"],
  ["a cycle", writing(cycle()), "exp needs its own output"],
  ["a forged type", writing(forged("i32")), "its outputs are f32[3]"],
  [
    "an unknown operation",
    writing(makeNode("nonsense", [], {}, [], [row], NOWHERE).outputs[0] ?? cycle()),
    "no operation is called nonsense",
  ],
  [
    "a body that does not match what it carries",
    writing(looseLoop()),
    "result 0 is f32[3,1], carried in as f32[3]",
  ],
  ["a parameter of another region", writing(leaking()), "from outside"],
  ["a parameter that is not listed", writing(parameter(row, "free")), "from outside"],
  [
    "an output that its node does not have",
    writing({ ...constant(0, "f32", [3]), index: 4 }),
    "not output 4",
  ],
  [
    "a parameter that is none",
    withProgram({
      reads: ["x"],
      region: { parameters: [constant(0, "f32", [3])], results: [constant(1, "f32", [3])] },
    }),
    "parameter 0 is constant",
  ],
];

test.each(broken)("%s", (_, module, problem) => {
  expect(validate(module).join("\n")).toContain(problem);
});
