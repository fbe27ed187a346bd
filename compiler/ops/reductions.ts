// Folding axes into one number each; a folded axis stays, with size 1. Order within a fold is fixed on each device.
import type { Attributes, ElementType, TensorType, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/graph.ts";
import { ARITHMETIC, misfit, numbers, readNumbers, typeText, wrongCount } from "./check.ts";
import type { Builder, Misfit, Operation, Sample, Tensor } from "./operation.ts";
import { stridesOf } from "./strides.ts";
import { linear } from "./tangents.ts";

function infer(inputs: readonly TensorType[], attributes: Attributes): readonly TensorType[] | Misfit {
  const [x] = inputs;
  if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
  if (!ARITHMETIC.includes(x.type)) return misfit(`takes ${ARITHMETIC.join(", ")}, not ${typeText(x)}`, 0);
  const axes = readNumbers(attributes, "axes");
  if (axes === undefined || axes.length === 0) return misfit("needs axes");
  if (axes.some((axis, at) => axis < 0 || axis >= x.shape.length || axis <= (axes[at - 1] ?? -1)))
    return misfit(`[${axes.join(",")}] are no rising axes of ${typeText(x)}`, 0);
  return [{ shape: x.shape.map((size, axis) => (axes.includes(axis) ? 1 : size)), type: x.type }];
}

/** Folds in ascending order of position; written out for both, because a call for each element costs more than the fold. */
function fold(kind: "sum" | "max", x: Tensor, output: TensorType): Tensor {
  const data = new Float64Array(sizeOf(output.shape)).fill(kind === "sum" ? 0 : -Infinity);
  const last = x.shape.length - 1;
  const run = x.shape[last] ?? 1;
  const strides = stridesOf(output.shape).map((stride, axis) => (output.shape[axis] === 1 ? 0 : stride));
  const step = strides[last] ?? 0;
  const index = new Int32Array(Math.max(0, last));
  const source = x.data;
  let base = 0;
  for (let start = 0; start < source.length; start += run) {
    for (let i = 0; i < run; i++) {
      const at = base + i * step;
      const [held, next] = [data[at] as number, source[start + i] as number];
      data[at] = kind === "sum" ? held + next : next > held || Number.isNaN(next) ? next : held;
    }
    for (let axis = last - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      base += strides[axis] as number;
      if (next < (x.shape[axis] as number)) {
        index[axis] = next;
        break;
      }
      base -= next * (strides[axis] as number);
      index[axis] = 0;
    }
  }
  return { shape: output.shape, data };
}

const batch =
  (name: string): NonNullable<Operation["batch"]> =>
  ([x], attributes, _count, builder) =>
    x && builder.apply(name, [x], { axes: numbers(attributes, "axes").map((axis) => axis + 1) });

const box = { shape: [2, 3, 2], type: "f32", data: [1, -2, 3, 0.5, -1, 4, 2.5, 7, -3, 0.25, 6, -5] } as const;
const samples: readonly Sample[] = [
  { inputs: [box], attributes: { axes: [2] } },
  { inputs: [box], attributes: { axes: [0, 2] } },
  { inputs: [box], attributes: { axes: [0, 1, 2] } },
  { inputs: [{ shape: [4], type: "i32", data: [1, -2, 3, 9] }], attributes: { axes: [0] } },
  { inputs: [{ shape: [2, 2], type: "u32", data: [1, 2, 3, 9] }], attributes: { axes: [1] } },
];

/** Attribute `axes`, rising. */
export const sum: Operation = {
  name: "sum",
  about: "the sum over some axes",
  infer,
  evaluate([x], _, [output]) {
    if (x === undefined || output === undefined) return [];
    const result = fold("sum", x, output);
    if (output.type === "i32") result.data.forEach((value, i) => (result.data[i] = value | 0));
    if (output.type === "u32") result.data.forEach((value, i) => (result.data[i] = value >>> 0));
    return [result];
  },
  gradient({ builder, inputs: [x], gradients: [g], wants }) {
    if (x === undefined || g === undefined || !wants(0)) return [undefined];
    return [builder.apply("broadcast", [g], { shape: x.shape })];
  },
  tangent: linear,
  batch: batch("sum"),
  lowering: {
    kind: "reduce",
    axes: (attributes) => numbers(attributes, "axes"),
    identity: (type) => ZERO[type],
    combine: (a, b) => `(${a} + ${b})`,
  },
  cost: 1,
  samples,
};

/** Attribute `axes`, rising. The gradient is shared equally among the largest, and the tangent is their mean. */
export const max: Operation = {
  name: "max",
  about: "the largest over some axes",
  infer,
  evaluate: ([x], _, [output]) => (x === undefined || output === undefined ? [] : [fold("max", x, output)]),
  gradient({ builder, inputs: [x], outputs: [y], attributes, gradients: [g], wants }) {
    if (x === undefined || y === undefined || g === undefined || !wants(0)) return [undefined];
    const { ones, count } = largest(builder, x, y, attributes);
    const share = builder.apply("broadcast", [builder.apply("divide", [g, count])], { shape: x.shape });
    return [builder.apply("multiply", [ones, share])];
  },
  tangent({ builder, inputs: [x], outputs: [y], attributes, tangents: [moving] }) {
    if (x === undefined || y === undefined || moving === undefined) return [undefined];
    const { ones, count } = largest(builder, x, y, attributes);
    const moved = builder.apply("sum", [builder.apply("multiply", [ones, moving])], attributes);
    return [builder.apply("divide", [moved, count])];
  },
  batch: batch("max"),
  lowering: {
    kind: "reduce",
    axes: (attributes) => numbers(attributes, "axes"),
    identity: (type) => LOWEST[type],
    combine: (a, b) => `max(${a}, ${b})`,
  },
  cost: 1,
  samples,
};

/** One where an element is the largest, zero elsewhere, and how many there are. */
function largest(
  builder: Builder,
  x: Value,
  y: Value,
  attributes: Attributes,
): { readonly ones: Value; readonly count: Value } {
  const hit = builder.apply("equal", [x, builder.apply("broadcast", [y], { shape: x.shape })]);
  const ones = builder.apply("cast", [hit], { type: x.type });
  return { ones, count: builder.apply("sum", [ones], { axes: numbers(attributes, "axes") }) };
}

const ZERO: Readonly<Record<ElementType, string>> = {
  f32: "0.0f",
  f16: "0.0f",
  bf16: "0.0f",
  i32: "0i",
  u32: "0u",
  bool: "false",
};

const LOWEST: Readonly<Record<ElementType, string>> = {
  ...ZERO,
  f32: "-3.4028234663852886e+38f",
  i32: "i32(-2147483648)",
};
