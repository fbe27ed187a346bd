// The matrix product, in batches. Inputs may be 16-bit floats; products are summed in f32 and the result is f32.
//   a  [..batch, m, k], or [..batch, k, m] with `transpose_a`
//   b  [..batch, k, n], or [..batch, n, k] with `transpose_b`; or of rank 2, and then all batches share it
import type { Attributes, TensorType, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/graph.ts";
import { FLOATS, flag, misfit, sameShape, typeText, wrongCount } from "./check.ts";
import type { Backward, Misfit, Operation, Sample, Tensor } from "./operation.ts";
import { sumOf } from "./tangents.ts";

interface Sizes {
  readonly batch: readonly number[];
  readonly m: number;
  readonly k: number;
  readonly n: number;
  /** b has rank 2 and a more. */
  readonly shared: boolean;
}

function sizes(a: TensorType, b: TensorType, attributes: Attributes): Sizes | Misfit {
  for (const [index, input] of [a, b].entries()) {
    if (!FLOATS.includes(input.type))
      return misfit(`takes ${FLOATS.join(", ")}, not ${typeText(input)}`, index);
    if (input.shape.length < 2) return misfit(`takes matrices, not ${typeText(input)}`, index);
  }
  const [m = 1, k = 1] = matrix(a.shape, flag(attributes, "transpose_a"));
  const [inner, n = 1] = matrix(b.shape, flag(attributes, "transpose_b"));
  const batch = a.shape.slice(0, -2);
  const shared = b.shape.length === 2 && batch.length > 0;
  if (k !== inner) return misfit(`${typeText(b)} has ${inner} rows for ${k} columns of ${typeText(a)}`, 1);
  if (!shared && !sameShape(batch, b.shape.slice(0, -2)))
    return misfit(`the batches of ${typeText(b)} do not match ${typeText(a)}`, 1);
  return { batch, m, k, n, shared };
}

/** The last two sizes, as the product sees them. */
function matrix(shape: readonly number[], transposed: boolean): readonly (number | undefined)[] {
  const last = shape.slice(-2);
  return transposed ? last.toReversed() : last;
}

/** Attributes `transpose_a`, `transpose_b`: both must be there. */
export const matmul: Operation = {
  name: "matmul",
  about: "the matrix product",
  infer(inputs, attributes) {
    const [a, b] = inputs;
    if (a === undefined || b === undefined || inputs.length !== 2) return wrongCount(inputs, 2);
    if (typeof attributes["transpose_a"] !== "boolean" || typeof attributes["transpose_b"] !== "boolean")
      return misfit("needs transpose_a and transpose_b");
    const found = sizes(a, b, attributes);
    return "misfit" in found ? found : [{ shape: [...found.batch, found.m, found.n], type: "f32" }];
  },
  evaluate([a, b], attributes, [output]) {
    if (a === undefined || b === undefined || output === undefined) return [];
    const [m = 1, k = 1] = matrix(a.shape, flag(attributes, "transpose_a"));
    const n = output.shape.at(-1) ?? 1;
    const data = new Float64Array(sizeOf(output.shape));
    const batches = data.length / (m * n);
    const shared = b.data.length === k * n;
    for (let batch = 0; batch < batches; batch++) {
      const left = rows(a, batch * m * k, m, k, flag(attributes, "transpose_a"));
      const right = rows(b, shared ? 0 : batch * k * n, k, n, flag(attributes, "transpose_b"));
      multiply(left, right, data.subarray(batch * m * n, (batch + 1) * m * n), m, k, n);
    }
    return [{ shape: output.shape, data }];
  },
  gradient: (context) => {
    const { inputs, gradients, wants } = context;
    const [a, b] = inputs;
    const [given] = gradients;
    if (a === undefined || b === undefined || given === undefined) return [undefined, undefined];
    // Products of 16-bit operands have products of 16-bit operands as their gradients.
    const g = a.type === b.type && a.type !== "f32" ? typed(context, given, a) : given;
    return [
      wants(0) ? gradientOfA(context, a, b, g) : undefined,
      wants(1) ? gradientOfB(context, a, b, g) : undefined,
    ];
  },
  tangent: (context) => {
    const { builder, operation, inputs, attributes, tangents } = context;
    const parts = tangents.map((moving, index) =>
      moving === undefined ? undefined : builder.apply(operation, inputs.with(index, moving), attributes),
    );
    return [sumOf(context, parts)];
  },
  batch([a, b], attributes, count, builder) {
    if (a === undefined || b === undefined) return undefined;
    if (a.shape.length === b.shape.length) return builder.apply("matmul", [a, b], attributes);
    const batch = a.shape.slice(1, -2);
    const aligned = builder.apply("reshape", [b], {
      shape: [count, ...batch.map(() => 1), ...b.shape.slice(-2)],
    });
    const own = builder.apply("broadcast", [aligned], { shape: [count, ...batch, ...b.shape.slice(-2)] });
    return builder.apply("matmul", [a, own], attributes);
  },
  narrow: { takes: true, gives: "always" },
  lowering: { kind: "product" },
  cost: 2,
  samples: samples(),
};

/** The matrix [height, width] at an offset, row by row: a view where it lies so, else a copy. */
function rows(
  { data }: Tensor,
  offset: number,
  height: number,
  width: number,
  transposed: boolean,
): Float64Array {
  if (!transposed) return data.subarray(offset, offset + height * width);
  const result = new Float64Array(height * width);
  for (let i = 0; i < height; i++)
    for (let j = 0; j < width; j++) result[i * width + j] = data[offset + j * height + i] as number;
  return result;
}

/** result += left · right, by rows of `right`, which the cache likes. */
function multiply(
  left: Float64Array,
  right: Float64Array,
  result: Float64Array,
  m: number,
  k: number,
  n: number,
): void {
  for (let i = 0; i < m; i++) {
    const to = i * n;
    for (let p = 0; p < k; p++) {
      const factor = left[i * k + p] as number;
      const from = p * n;
      for (let j = 0; j < n; j++)
        result[to + j] = (result[to + j] as number) + factor * (right[from + j] as number);
    }
  }
}

function product(
  { builder }: Backward,
  a: Value,
  b: Value,
  transpose_a: boolean,
  transpose_b: boolean,
): Value {
  return builder.apply("matmul", [a, b], { transpose_a, transpose_b });
}

/** A gradient has its value's type. */
function typed({ builder }: Backward, gradient: Value, { type }: TensorType): Value {
  return gradient.type === type ? gradient : builder.apply("cast", [gradient], { type });
}

/** g · bᵀ, or its transpose b · gᵀ where a is stored transposed. */
function gradientOfA(context: Backward, a: Value, b: Value, g: Value): Value {
  const { builder, attributes } = context;
  const transpose_b = flag(attributes, "transpose_b");
  if (!flag(attributes, "transpose_a")) return typed(context, product(context, g, b, false, !transpose_b), a);
  // Only the right-hand side may be shared; here b comes to stand on the left, as a view repeated over the batches.
  const shape = [...a.shape.slice(0, -2), ...b.shape.slice(-2)];
  const left = sameShape(shape, b.shape) ? b : builder.apply("broadcast", [b], { shape });
  return typed(context, product(context, left, g, transpose_b, true), a);
}

/** aᵀ · g, or its transpose gᵀ · a where b is stored transposed; summed over the batches where b is shared. */
function gradientOfB(context: Backward, a: Value, b: Value, g: Value): Value {
  const { builder, attributes } = context;
  const transpose_a = flag(attributes, "transpose_a");
  const transposed = flag(attributes, "transpose_b");
  const shared = b.shape.length === 2 && a.shape.length > 2;
  const flat = (x: Value): Value =>
    builder.apply("reshape", [x], { shape: [sizeOf(x.shape.slice(0, -1)), x.shape.at(-1) ?? 1] });
  // The sum over batches is part of the product when the rows of all batches follow each other.
  const flatten = shared && !transpose_a;
  const [left, right] = flatten ? [flat(a), flat(g)] : [a, g];
  const found = transposed
    ? product(context, right, left, true, transpose_a)
    : product(context, left, right, !transpose_a, false);
  if (!shared || flatten) return typed(context, found, b);
  const axes = [...a.shape.slice(0, -2).keys()];
  const total = builder.apply("sum", [found], { axes });
  return typed(context, builder.apply("reshape", [total], { shape: b.shape }), b);
}

/** Every combination of flags, for plain, batched and shared products. */
function samples(): readonly Sample[] {
  const numbers = (count: number, seed: number): number[] =>
    Array.from({ length: count }, (_, i) => (((i + seed) * 37) % 23) / 7 - 1.5);
  const flags = [false, true];
  return [[], [2], [2, 2]].flatMap((batch) =>
    [false, true].flatMap((shared) =>
      flags.flatMap((transpose_a) =>
        flags.flatMap((transpose_b) => {
          if (shared && batch.length === 0) return [];
          const a = [...batch, ...(transpose_a ? [3, 2] : [2, 3])];
          const b = [...(shared ? [] : batch), ...(transpose_b ? [4, 3] : [3, 4])];
          return [
            {
              inputs: [
                { shape: a, type: "f32" as const, data: numbers(sizeOf(a), 1) },
                { shape: b, type: "f32" as const, data: numbers(sizeOf(b), 5) },
              ],
              attributes: { transpose_a, transpose_b },
            },
          ];
        }),
      ),
    ),
  );
}
