// What the tests of passes are written with: graphs by short names, their meaning, and gradients by central differences.
import {
  apply,
  NOWHERE,
  broadcastTo,
  broadcastTogether,
  constant,
  parameter,
} from "../../../compiler/ir/build.ts";
import { sizeOf, type Attributes, type Region, type Value } from "../../../compiler/ir/graph.ts";
import { interpret } from "../../../compiler/ir/interpret.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { buildRepeat, type LoopOutputs } from "../../../compiler/passes/rebuild-repeat.ts";

export const input = (name: string, ...shape: number[]): Value => parameter({ shape, type: "f32" }, name);

/** An elementwise operation; numbers and smaller shapes are broadcast. */
export function op(name: string, ...inputs: (Value | number)[]): Value {
  const values = inputs.map((item) => (typeof item === "number" ? constant(item) : item));
  return apply(name, broadcastTogether(values));
}

export const matmul = (a: Value, b: Value, transpose_a = false, transpose_b = false): Value =>
  apply("matmul", [a, b], { transpose_a, transpose_b });

export const view = (name: string, value: Value, attributes: Attributes): Value =>
  apply(name, [value], attributes);

export const reshape = (value: Value, ...shape: number[]): Value => view("reshape", value, { shape });

export const stretch = (value: Value, ...shape: number[]): Value => broadcastTo(value, shape);

export const sum = (value: Value, ...axes: number[]): Value => view("sum", value, { axes });

/** The sum over everything, a scalar. */
export const total = (value: Value): Value =>
  value.shape.length === 0 ? value : reshape(sum(value, ...value.shape.keys()));

interface RepeatParts {
  readonly count: number;
  readonly reverse?: boolean;
  readonly constants?: readonly Value[];
  readonly carried?: readonly Value[];
  readonly stacked?: readonly Value[];
  readonly body: (
    constants: readonly Value[],
    carried: readonly Value[],
    slices: readonly Value[],
  ) => { readonly next?: readonly Value[]; readonly collected?: readonly Value[] };
}

export function repeat({
  count,
  reverse = false,
  constants = [],
  carried = [],
  stacked = [],
  body,
}: RepeatParts): LoopOutputs {
  const inner = (prefix: string, values: readonly Value[], from = 0): Value[] =>
    values.map(({ shape, type }, index) =>
      parameter({ shape: shape.slice(from), type }, `${prefix}${index}`),
    );
  const [c, k, s] = [inner("c", constants), inner("k", carried), inner("s", stacked, 1)];
  const { next = [], collected = [] } = body(c, k, s);
  const pick = <T>(list: readonly T[], index: number): T => list[index] as T;
  return buildRepeat({
    count,
    reverse,
    constants: constants.map((outer, i) => ({ outer, inner: pick(c, i) })),
    carried: carried.map((initial, i) => ({ initial, inner: pick(k, i), next: pick(next, i) })),
    stacked: stacked.map((outer, i) => ({ outer, inner: pick(s, i) })),
    collected,
    origin: NOWHERE,
  });
}

export const run = interpret;

/** Numbers around zero, the same for the same seed. */
export function numbers(region: Region, seed = 1): Tensor[] {
  let state = seed * 2654435761;
  const next = (): number => {
    state = (Math.imul(state ^ (state >>> 15), 2246822519) + 0x9e3779b9) | 0;
    return (state >>> 0) / 2 ** 32 - 0.5;
  };
  return region.parameters.map(({ shape }) => ({
    shape,
    data: Float64Array.from({ length: sizeOf(shape) }, next),
  }));
}

/** The derivative of result `of` in every element of parameter `index`. */
export function centralDifferences(
  region: Region,
  inputs: readonly Tensor[],
  of: number,
  index: number,
): number[] {
  const epsilon = 1e-6;
  const loss = (at: number, by: number): number => {
    const moved = inputs.map(({ shape, data }, i) => ({
      shape,
      data: i === index ? data.with(at, (data[at] as number) + by) : data,
    }));
    return (run(region, moved)[of] as Tensor).data[0] as number;
  };
  return Array.from(
    inputs[index]?.data ?? [],
    (_, at) => (loss(at, epsilon) - loss(at, -epsilon)) / (2 * epsilon),
  );
}
