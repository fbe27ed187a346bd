// The gradient of every function of the library against central differences in float64, and its tangent against the gradient. A function that takes or gives a
// tensor and has no sample here fails the test: nothing enters the library unproved.
import { describe, expect, test } from "vitest";
import { callDefinition } from "../../../compiler/elaborate/functions.ts";
import type { Meaning, Passed } from "../../../compiler/elaborate/meaning.ts";
import { anonymous, asTensor, tensor } from "../../../compiler/elaborate/tensors.ts";
import { emit, Problem, type Workspace } from "../../../compiler/elaborate/workspace.ts";
import { parameter } from "../../../compiler/ir/build.ts";
import { sizeOf, type ElementType, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import { libraryIndex, resolve } from "../../../compiler/language/resolve.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { differentiate } from "../../../compiler/passes/differentiate.ts";
import { moveAlong } from "../../../compiler/passes/tangent.ts";
import type { Span } from "../../../grammar/source.ts";

const { scope } = resolve({ path: "test.ftl", text: "" }, () => undefined);
const span: Span = { source: { path: "test.ftl", text: "" }, start: 0, end: 0 };

function workspace(): Workspace {
  const library: Workspace["library"] = {
    lookup: (what, name, from) => scope.lookup(what, name, from.source.path) ?? scope.inLibrary(what, name),
  };
  const origin = { source: span, recipe: undefined, path: "" };
  return {
    diagnostics: [],
    library,
    callDefinition,
    length: { value: 4, span },
    scalars: [],
    frame: { reads: new Map() },
    origin,
  };
}

/** Numbers in (-1, 1) that look random and are the same each time. */
function spread(count: number, seed: number): number[] {
  return Array.from(
    { length: count },
    (_, at) => ((((at + 1) * 0.618034 + seed * 0.414214) % 1) - 0.5) * 1.8,
  );
}

interface TensorInput {
  readonly shape: readonly number[];
  readonly data?: readonly number[];
  readonly type?: ElementType;
}
type Plain = number | string | boolean | readonly number[];
type Input = TensorInput | Plain | { readonly config: Readonly<Record<string, Plain>> };

function meaningOf(input: Exclude<Input, TensorInput>): Meaning {
  if (typeof input === "number") return { kind: "number", value: input };
  if (typeof input === "string") return { kind: "string", value: input };
  if (typeof input === "boolean") return { kind: "boolean", value: input };
  if (!("config" in input)) return { kind: "list", elements: input.map(meaningOf) };
  const fields = Object.entries(input.config).map(([name, value]) => [name, meaningOf(value)] as const);
  return { kind: "record", label: "config", fields: new Map(fields), open: true };
}

/** What a config says of longer texts, for any of the ways. */
const scaling: Input = {
  config: {
    low_freq_factor: 1,
    high_freq_factor: 4,
    factor: 8,
    truncate: false,
    mscale: 0.7,
    mscale_all_dim: 0.3,
    long_factor: [1, 2, 3, 4],
  },
};

/** Arguments to try each function on. Whole-number tensors have no gradient. */
const samples: Readonly<Record<string, readonly Input[]>> = {
  sigmoid: [{ shape: [2, 3] }],
  silu: [{ shape: [2, 3] }],
  gelu: [{ shape: [2, 3] }],
  gelu_tanh: [{ shape: [2, 3] }],
  relu: [{ shape: [2, 3] }],
  activation: ["silu", { shape: [2, 3] }],
  attention_with_statistics: [
    { shape: [2, 5, 4, 3] },
    { shape: [2, 5, 2, 3] },
    { shape: [2, 5, 2, 3] },
    { shape: [2, 5], type: "i32", data: [1, 1, 1, 2, 2, 1, 1, 1, 0, 0] },
    0.6,
    3,
  ],
  attention_so_far: [
    { shape: [2, 2, 4, 3] },
    { shape: [2, 6, 2, 3] },
    { shape: [2, 6, 2, 3] },
    2,
    0.6,
    3,
    0.7,
    1,
  ],
  attention_of_group_so_far: [
    { shape: [2, 2, 2, 2] },
    { shape: [2, 5, 2] },
    { shape: [2, 5, 2] },
    { shape: [], type: "i32", data: [1] },
    0.6,
    2,
    0.8,
    1,
  ],
  put: [{ shape: [2, 5, 1, 2] }, { shape: [2, 2, 1, 2] }, { shape: [], type: "i32", data: [4] }],
  cross_attention: [{ shape: [2, 3, 4, 3] }, { shape: [1, 5, 2, 3] }, { shape: [1, 5, 2, 3] }, 0.6],
  attention_of_group: [
    { shape: [2, 2, 3, 2] },
    { shape: [2, 4, 2] },
    { shape: [2, 4, 2] },
    { shape: [2, 3], type: "i32", data: [1, 1, 2, 1, 1, 0] },
    0.6,
    2,
    0.8,
    true,
    1,
  ],
  logsumexp: [{ shape: [3, 4] }],
  cross_entropy: [{ shape: [3, 4] }, { shape: [3], type: "i32", data: [2, -100, 0] }],
  last_position: [{ shape: [2, 4, 3] }, { shape: [2, 4], type: "i32", data: [1, 1, 2, 0, 1, 1, 1, 1] }],
  soft_cap: [{ shape: [2, 3] }, 0.8],
  llama3_frequencies: [{ shape: [4], data: [1, 0.3, 0.09, 0.02] }, scaling, 64],
  yarn_frequencies: [{ shape: [4], data: [1, 0.3, 0.09, 0.02] }, 50, scaling, 64, 8],
  longrope_frequencies: [{ shape: [4], data: [1, 0.3, 0.09, 0.02] }, scaling, 64, 8, 65],
  newton_schulz: [{ shape: [2, 3] }],
  orthogonal: [{ shape: [2, 3] }, 2],
  rsqrt_factored: [
    { shape: [2, 3, 1], data: [0.5, 1, 2, 0.25, 0.75, 1.5] },
    { shape: [2, 1, 2], data: [0.5, 1, 2, 0.25] },
  ],
  in_rows: [{ shape: [3, 5] }, 15, 4],
  out_of_rows: [{ shape: [4, 4] }, 15, [3, 5]],
  parts_of: [{ shape: [2, 3] }, { shape: [2, 1], data: [1.5, 0.5] }],
  in_steps: [{ shape: [2, 3] }, { shape: [2, 1], data: [1.5, 0.5] }],
  spread: [{ shape: [2, 3] }, 4],
  low_rank_lengths: [{ shape: [3, 4] }, { shape: [2, 4] }, { shape: [3, 2] }, 1.5],
  rotary: [
    { shape: [1, 2, 2, 4] },
    { shape: [1, 2], type: "i32", data: [0, 2] },
    { shape: [3, 2] },
    { shape: [3, 2] },
  ],
};

/** More arguments to try a function on, where one sample does not go through all of its body. */
const variants: Readonly<Record<string, readonly (readonly Input[])[]>> = {
  orthogonal: [[{ shape: [3, 2] }, 3]],
  put: [[{ shape: [1, 3, 2, 2] }, { shape: [1, 1, 2, 2] }, 1]],
  attention_with_statistics: [
    [{ shape: [1, 3, 2, 2] }, { shape: [1, 3, 1, 2] }, { shape: [1, 3, 1, 2] }, inOneRow(1, 1, 2), 1, 9, 0.7],
    [
      { shape: [1, 4, 1, 2] },
      { shape: [1, 4, 1, 2] },
      { shape: [1, 4, 1, 2] },
      inOneRow(1, 1, 1, 2),
      1,
      2,
      0,
      false,
    ],
    [
      { shape: [1, 2, 1, 2] },
      { shape: [1, 5, 1, 2] },
      { shape: [1, 5, 1, 2] },
      inOneRow(1, 2),
      1,
      1,
      0,
      true,
      3,
    ],
  ],
};

/** A row of whole numbers. */
function inOneRow(...data: readonly number[]): Input {
  return { shape: [1, data.length], type: "i32", data };
}

/** Functions of sizes, configs and steps only. */
const withoutTensors = new Set([
  "is_sliding",
  "rotary_width",
  "rotary_angles",
  "rotary_frequencies",
  "dynamic_base",
  "kaiming_uniform",
  "low_rank_initial",
  "low_rank_scale",
  "warm",
  "progress",
  "curve",
  "places4",
  "places8",
  "dynamic_map",
  "decade",
  "falling",
  "negative_decades",
]);

/**
 * Functions that decide by comparing, those of codes, which are whole numbers, and those that first values are made with: nothing is
 * propagated through them.
 */
const decisions = new Set([
  "diagonalized",
  "jacobi_turn",
  "identity",
  "eigenvectors",
  "orthonormal_rows",
  "exact_directions",
  "principal_directions",
  "pissa_inputs",
  "pissa_outputs",
  "quantile",
  "halved",
  "halfway",
  "above15",
  "nearest256",
  "largest_columns",
  "rows_of",
  "pack4",
  "unpack4",
  "pack8",
  "unpack8",
  "signed8",
  "signed8_of",
  "runs_of_two",
  "two_runs",
  "of_sixes",
  "sixes",
]);

/** The function's outputs, each weighted and summed, as a region over its float tensors. */
function lossOf(
  name: string,
  inputs: readonly Input[],
): { region: Region; given: Tensor[]; floats: number[] } {
  const ws = workspace();
  const definition = scope.inLibrary("function", name);
  if (definition === undefined) throw new Error(`no function ${name}`);
  const parameters: Value[] = [];
  const given: Tensor[] = [];
  const passed = inputs.map((input, at): Passed => {
    if (typeof input !== "object" || !("shape" in input))
      return { name: undefined, meaning: meaningOf(input), span };
    const { shape, type = "f32" } = input;
    const count = shape.reduce((product, size) => product * size, 1);
    const value = parameter({ shape, type }, `x${at}`);
    parameters.push(value);
    given.push({ shape, data: Float64Array.from(input.data ?? spread(count, at)) });
    return {
      name: undefined,
      meaning: tensor(
        value,
        shape.map((size) => anonymous(size, span)),
      ),
      span,
    };
  });
  const result = callDefinition(ws, definition, passed, span);
  const outputs = (result.kind === "tuple" ? result.elements.slice(0, 1) : [result]).map(
    (each) => asTensor(ws, each, span).value,
  );
  const terms = outputs.map((value, at) => {
    const count = value.shape.reduce((product, size) => product * size, 1);
    const flat = emit(ws, span, "reshape", [value], { shape: [count] });
    const place = emit(
      ws,
      span,
      "cast",
      [emit(ws, span, "iota", [], { shape: [count], axis: 0, type: "i32" })],
      { type: "f32" },
    );
    const weights = emit(ws, span, "sin", [place]);
    const sum = emit(ws, span, "sum", [emit(ws, span, "multiply", [flat, weights])], { axes: [0] });
    return { at, value: emit(ws, span, "reshape", [sum], { shape: [] }) };
  });
  const [first] = terms;
  if (first === undefined) throw new Error("no output");
  const floats = parameters.flatMap(({ type }, at) => (type === "f32" ? [at] : []));
  return { region: { parameters, results: [first.value] }, given, floats };
}

const functions = [...(libraryIndex.get("function")?.keys() ?? [])].filter(
  (name) => !withoutTensors.has(name) && !decisions.has(name),
);

describe("library functions", () => {
  const tried = functions.flatMap((name) =>
    [samples[name], ...(variants[name] ?? [])].map((inputs, at) => ({ name, at, inputs })),
  );
  test.each(tried)("$name: its gradient is the slope ($at)", ({ name, inputs }) => {
    if (inputs === undefined) throw new Error(`the library's function ${name} has no sample`);
    const { region, given, floats } = lossOf(name, inputs);
    expect(floats.length).toBeGreaterThan(0);
    const [, ...gradients] = interpret(differentiate(region, { of: 0, withRespectTo: floats }), given);
    const step = 1e-6;
    floats.forEach((at, place) => {
      const { shape, data } = given[at] ?? { shape: [], data: new Float64Array() };
      data.forEach((value, element) => {
        const moved = (by: number): number => {
          const changed = Float64Array.from(data);
          changed[element] = value + by;
          return (
            interpret(
              region,
              given.map((each, index) => (index === at ? { shape, data: changed } : each)),
            )[0]?.data[0] ?? NaN
          );
        };
        const slope = (moved(step) - moved(-step)) / (2 * step);
        const found = gradients[place]?.data[element] ?? NaN;
        expect(Math.abs(found - slope), `${name}, input ${at}, element ${element}`).toBeLessThan(
          1e-5 + 1e-3 * Math.abs(slope),
        );
      });
    });
  });

  test.each(functions)("%s: its tangent is the gradient's product with the direction", (name) => {
    const { region, given, floats } = lossOf(name, samples[name] ?? []);
    const moving = floats.map((at) => region.parameters[at]).filter((value) => value !== undefined);
    const directions = moving.map((value) => parameter(value, "direction"));
    const { results } = moveAlong(
      region,
      new Map(moving.map((value, at) => [value, directions[at] ?? value])),
    );
    const along = moving.map(({ shape }, at) => ({
      shape,
      data: Float64Array.from(spread(sizeOf(shape), at + 7)),
    }));
    const parameters = [...region.parameters, ...directions];
    const [, tangent] = interpret({ parameters, results }, [...given, ...along]);
    const [, ...gradients] = interpret(differentiate(region, { of: 0, withRespectTo: floats }), given);
    const expected = gradients.reduce(
      (sum, { data }, at) => sum + data.reduce((part, x, i) => part + x * (along[at]?.data[i] ?? NaN), 0),
      0,
    );
    expect(tangent?.data[0]).toBeCloseTo(expected, 9);
  });

  test("a sample that does not fit is refused", () => {
    expect(() =>
      lossOf("cross_entropy", [{ shape: [3, 4] }, { shape: [2], type: "i32", data: [1, 1] }]),
    ).toThrow(Problem);
  });
});
