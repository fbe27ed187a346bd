// The textual form: one golden module a person can read, round trips of random graphs, and texts that are not graphs.
import fc from "fast-check";
import { expect, test } from "vitest";
import { apply, applyAll, constant, parameter } from "../../../compiler/ir/build.ts";
import type { Module, Region, Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { parseModule, parseRegion } from "../../../compiler/ir/text-read.ts";
import { printModule, printRegion } from "../../../compiler/ir/text.ts";
import { trials, tensors } from "../ops/samples.ts";
import { small } from "./modules.ts";

test("a module reads as its text", () => {
  expect(printModule(small())).toBe(`module "small"

variable "w" : f32[2,3] weights stack home host checkpoint("layers.0.w", "layers.1.w") @"layers.{i}"
variable "table" : f32[3] constants table {
  %0 = iota {axis: 0, shape: [3], type: "f32"} : f32[3]
  yield %0
}
variable "x" : f32[3] io host
variable "y" : f32[3] io zero
scalar "rate" = multiply(0.0001, min(1, divide(step, 10)))

program "step" {
  %0 = read "x" : f32[3]
  %1 = read "w" as "weights" : f32[2,3]
  %2 = read "table" : f32[3]
  %3, %4 = repeat %2, %0, %1 {carried: 1, constants: 1, count: 2, reverse: false} : f32[3], f32[2,3] @"layers" {
    %5 = parameter "table" : f32[3]
    %6 = parameter "x" : f32[3]
    %7 = parameter "w" : f32[3]
    %8 = multiply %6, %7 : f32[3] @"layers.{i}"
    %9 = add %8, %5 : f32[3]
    yield %9, %8
  }
  %10 = sum %4 {axes: [0]} : f32[1,3]
  %11 = reshape %10 {shape: [3]} : f32[3]
  %12 = add %3, %11 : f32[3]
  write "y" = %12
}
`);
});

test("reading a text back gives the same module", () => {
  const module = small();
  const { value, problem } = parseModule(printModule(module));
  expect(problem).toBeUndefined();
  expect(value).toEqual(module);
});

/** Random graphs of the records' samples, several deep: outputs of one are added to, or stand beside, those of others. */
const regions = fc
  .array(fc.record({ trial: fc.nat(trials.length - 1), path: fc.string(), twice: fc.boolean() }), {
    minLength: 1,
    maxLength: 8,
  })
  .map((choices) => {
    const parameters: Value[] = [];
    const results: Value[] = [];
    const inputs = choices.flatMap(({ trial, path, twice }) => {
      const chosen = trials[trial];
      if (chosen === undefined) return [];
      const given = chosen.sample.inputs.map((type, i) => parameter(type, `${path}${i}`));
      const origin = { source: undefined, recipe: undefined, path };
      const outputs = applyAll(chosen.record.name, given, chosen.sample.attributes, [], origin);
      parameters.push(...given);
      for (const output of outputs) {
        const inner = parameter(output, path);
        const body = { parameters: [inner], results: [inner, constant(-0, "f32", [1])] };
        const called = applyAll("call", [output], { function: path, kernel: "k" }, [body], origin);
        results.push(...(twice ? called : [apply("stop_gradient", [output], {}, [], origin)]));
      }
      return tensors(chosen.sample);
    });
    return { region: { parameters, results } satisfies Region, inputs };
  });

test("print then read is the identity on random graphs", () => {
  fc.assert(
    fc.property(regions, ({ region, inputs }) => {
      const text = printRegion(region);
      const { value, problem } = parseRegion(text);
      expect(problem).toBeUndefined();
      if (value === undefined) return;
      expect(printRegion(value)).toBe(text);
      expect(value).toEqual(region);
      expect(interpret(value, inputs)).toEqual(interpret(region, inputs));
    }),
    { numRuns: 200 },
  );
});

test("any names, paths and numbers survive", () => {
  fc.assert(
    fc.property(
      fc.string({ unit: "binary" }),
      fc.double({ noNaN: false }),
      fc.string(),
      (name, number, other) => {
        const base = small();
        const [variable] = base.variables;
        if (variable === undefined) throw new Error("no variable");
        const module: Module = {
          ...base,
          name,
          variables: [{ ...variable, name, initial: { from: "adapter", names: [other] } }],
          scalars: [
            {
              name: other,
              expression: { apply: name, to: [number, { name: other }, { apply: other, to: [] }] },
            },
          ],
          programs: [],
        };
        const { value } = parseModule(printModule(module));
        expect(value).toEqual(module);
      },
    ),
  );
});

test.each([
  ["", 1, 1, "expected module"],
  ["module", 1, 7, "expected a string"],
  ['module "a" nonsense', 1, 12, "expected variable, scalar, held or program"],
  ['module "a\n', 1, 8, "unexpected end of a string"],
  ['module "a"\nvariable "v" : f64[2] io zero', 2, 16, "f64 is no element type"],
  ['module "a"\nvariable "v" : f32[0] io zero', 2, 20, "whole number of at least 1"],
  ['module "a"\nvariable "v" : f32[2] io nowhere', 2, 26, "expected checkpoint"],
  ['module "a"\nprogram "p" {\n  write "y" = %3\n}', 3, 15, "%3 is not defined"],
  [
    'module "a"\nprogram "p" {\n  %0 = read "x" : f32[2]\n  %1 = exp %0 : f32[3]\n}',
    4,
    17,
    "exp gives f32[2]",
  ],
  ['module "a"\nprogram "p" {\n  %0 = nonsense : f32[3]\n}', 3, 19, "no operation is called nonsense"],
  [
    'module "a"\nprogram "p" {\n  %0, %1 = iota {axis: 0, shape: [3], type: "f32"} : f32[3]\n}',
    3,
    59,
    "2 names for 1 outputs",
  ],
  ['module "a" ~', 1, 12, 'unexpected "~"'],
])("a faulty text is located: %j", (text, line, column, message) => {
  const { problem } = parseModule(text);
  expect(problem?.message).toContain(message);
  expect([problem?.line, problem?.column]).toEqual([line, column]);
});

test("no text crashes the reader", () => {
  const text = printModule(small());
  const cut = fc.tuple(fc.nat(text.length), fc.nat(20), fc.string());
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        cut.map(([at, length, put]) => text.slice(0, at) + put + text.slice(at + length)),
      ),
      (garbage) => {
        const { value, problem } = parseModule(garbage);
        expect((value === undefined) !== (problem === undefined)).toBe(true);
      },
    ),
    { numRuns: 500 },
  );
  expect(parseModule(`module "a" scalar "s" = ${"f(".repeat(100000)}`).problem?.message).toBe(
    "nested too deeply",
  );
  expect(parseRegion("{ %0 = call {a: " + "[".repeat(100000)).problem?.message).toBe("nested too deeply");
});
