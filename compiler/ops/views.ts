// The same elements under another shape or order: nothing is computed, and kernels read through them. Any element type.
import type { ElementType, TensorType, Value } from "../ir/graph.ts";
import { sizeOf } from "../ir/graph.ts";
import {
  broadcastShapes,
  misfit,
  numbers,
  readNumbers,
  readShape,
  sameShape,
  typeText,
  wrongCount,
} from "./check.ts";
import type { Operation } from "./operation.ts";
import { load, stridesOf } from "./strides.ts";
import { linear } from "./tangents.ts";

const six = { shape: [2, 3], type: "f32", data: [1, -2, 3, 0.5, -1, 4] } as const;

/** Attribute `shape`. */
export const reshape: Operation = {
  name: "reshape",
  about: "the same elements in the same order under another shape",
  infer(inputs, attributes) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    const shape = readShape(attributes);
    if (shape === undefined) return misfit("needs a shape of sizes of at least 1");
    if (sizeOf(shape) !== sizeOf(x.shape))
      return misfit(
        `${typeText(x)} has ${sizeOf(x.shape)} elements, [${shape.join(",")}] has ${sizeOf(shape)}`,
        0,
      );
    return [{ shape, type: x.type }];
  },
  evaluate: ([x], attributes) =>
    x === undefined ? [] : [{ shape: numbers(attributes, "shape"), data: x.data }],
  gradient({ builder, inputs: [x], gradients: [g], wants }) {
    if (x === undefined || g === undefined || !wants(0)) return [undefined];
    return [builder.apply("reshape", [g], { shape: x.shape })];
  },
  tangent: linear,
  batch: ([x], attributes, count, builder) =>
    x && builder.apply("reshape", [x], { shape: [count, ...numbers(attributes, "shape")] }),
  lowering: { kind: "view", index: (indices, _, input, output) => reindex(indices, output, input) },
  cost: 0,
  samples: [
    { inputs: [six], attributes: { shape: [3, 1, 2] } },
    { inputs: [six], attributes: { shape: [6] } },
  ],
};

/**
 * Coordinates in shape `to` of the element at `indices` of shape `from`, as WGSL. Axes are taken in the smallest groups of
 * equal sizes, so that an axis which both shapes share stays as it is.
 */
function reindex(indices: readonly string[], from: readonly number[], to: readonly number[]): string[] {
  const result: string[] = [];
  let [i, j] = [0, 0];
  while (i < from.length || j < to.length) {
    let linear = "";
    let count = 1;
    const group: number[] = [];
    let wanted = 1;
    // Grow the group on the smaller side until both sides hold as many elements. Sizes of 1 at the end join the last group.
    do {
      if (j < to.length && (wanted <= count || i >= from.length)) {
        const size = to[j] ?? 1;
        group.push(size);
        wanted *= size;
        j += 1;
      } else {
        const size = from[i] ?? 1;
        const index = indices[i] ?? "0u";
        if (size !== 1) linear = linear === "" ? index : `(${linear} * ${size}u + ${index})`;
        count *= size;
        i += 1;
      }
    } while (wanted !== count);
    result.push(...split(linear === "" ? "0u" : linear, group));
  }
  return result;
}

/** A linear index as coordinates in a shape. */
function split(linear: string, shape: readonly number[]): string[] {
  const coordinates: string[] = [];
  let run = 1;
  const total = sizeOf(shape);
  for (let axis = shape.length - 1; axis >= 0; axis--) {
    const size = shape[axis] ?? 1;
    const above = run === 1 ? linear : `(${linear} / ${run}u)`;
    coordinates.unshift(size === 1 ? "0u" : run * size === total ? above : `(${above} % ${size}u)`);
    run *= size;
  }
  return coordinates;
}

/** Attribute `permutation`: axis i of the output is axis permutation[i] of the input. */
export const permute: Operation = {
  name: "permute",
  about: "the axes in another order",
  infer(inputs, attributes) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    const permutation = readNumbers(attributes, "permutation");
    if (permutation === undefined) return misfit("needs a permutation");
    if (
      !sameShape(
        permutation.toSorted((a, b) => a - b),
        [...x.shape.keys()],
      )
    )
      return misfit(`[${permutation.join(",")}] does not order the axes of ${typeText(x)}`, 0);
    return [{ shape: permutation.map((axis) => x.shape[axis] ?? 1), type: x.type }];
  },
  evaluate([x], attributes, [output]) {
    if (x === undefined || output === undefined) return [];
    const strides = stridesOf(x.shape);
    const order = numbers(attributes, "permutation").map((axis) => strides[axis] ?? 0);
    return [{ shape: output.shape, data: load(output.shape, x.data, order) }];
  },
  gradient({ builder, attributes, gradients: [g], wants }) {
    if (g === undefined || !wants(0)) return [undefined];
    return [builder.apply("permute", [g], { permutation: inverse(numbers(attributes, "permutation")) })];
  },
  tangent: linear,
  batch([x], attributes, _count, builder) {
    const permutation = [0, ...numbers(attributes, "permutation").map((axis) => axis + 1)];
    return x && builder.apply("permute", [x], { permutation });
  },
  lowering: {
    kind: "view",
    index: (indices, attributes) =>
      inverse(numbers(attributes, "permutation")).map((axis) => indices[axis] ?? "0u"),
  },
  cost: 0,
  samples: [
    { inputs: [six], attributes: { permutation: [1, 0] } },
    {
      inputs: [{ shape: [2, 1, 3, 2], type: "f32", data: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12] }],
      attributes: { permutation: [2, 0, 3, 1] },
    },
  ],
};

function inverse(permutation: readonly number[]): number[] {
  const result = permutation.map(() => 0);
  permutation.forEach((axis, at) => (result[axis] = at));
  return result;
}

/** Attribute `shape`. Axes are aligned at the last one, as in numpy; sizes of 1 and missing axes are repeated. */
export const broadcast: Operation = {
  name: "broadcast",
  about: "repeated along axes of size 1 and new axes in front",
  infer(inputs, attributes) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    const shape = readShape(attributes);
    if (shape === undefined) return misfit("needs a shape of sizes of at least 1");
    const together = broadcastShapes([x.shape, shape]);
    if (together === undefined || !sameShape(together, shape))
      return misfit(`${typeText(x)} does not broadcast to [${shape.join(",")}]`, 0);
    return [{ shape, type: x.type }];
  },
  evaluate([x], _, [output]) {
    if (x === undefined || output === undefined) return [];
    const strides = stridesOf(x.shape);
    const lead = output.shape.length - x.shape.length;
    const steps = output.shape.map((_size, axis) =>
      x.shape[axis - lead] === 1 ? 0 : (strides[axis - lead] ?? 0),
    );
    return [{ shape: output.shape, data: load(output.shape, x.data, steps) }];
  },
  gradient({ builder, inputs: [x], gradients: [g], wants }) {
    if (x === undefined || g === undefined || !wants(0)) return [undefined];
    const axes = repeatedAxes(x, g);
    const sum = (terms: Value): Value => builder.apply("sum", [terms], { axes });
    const to = (value: Value, type: ElementType): Value => builder.apply("cast", [value], { type });
    // 16-bit sums lose too much: they are made in f32.
    const total = axes.length === 0 ? g : g.type === "f32" ? sum(g) : to(sum(to(g, "f32")), g.type);
    return [sameShape(total.shape, x.shape) ? total : builder.apply("reshape", [total], { shape: x.shape })];
  },
  tangent: linear,
  batch([x], attributes, count, builder) {
    if (x === undefined) return undefined;
    const shape = [count, ...numbers(attributes, "shape")];
    const ones = Array.from({ length: shape.length - x.shape.length }, () => 1);
    const aligned = [count, ...ones, ...x.shape.slice(1)];
    const spread = ones.length === 0 ? x : builder.apply("reshape", [x], { shape: aligned });
    return builder.apply("broadcast", [spread], { shape });
  },
  lowering: {
    kind: "view",
    index: (indices, _, input, output) =>
      input.map((size, axis) => (size === 1 ? "0u" : (indices[axis + output.length - input.length] ?? "0u"))),
  },
  cost: 0,
  samples: [
    { inputs: [{ shape: [3], type: "f32", data: [1, -2, 0.5] }], attributes: { shape: [2, 3] } },
    {
      inputs: [{ shape: [2, 1, 2], type: "f32", data: [1, -2, 0.5, 3] }],
      attributes: { shape: [3, 2, 2, 2] },
    },
    { inputs: [{ shape: [], type: "f32", data: [1.5] }], attributes: { shape: [2, 2] } },
  ],
};

function repeatedAxes(small: TensorType, large: TensorType): number[] {
  const lead = large.shape.length - small.shape.length;
  return [...large.shape.entries()].flatMap(([axis, size]) =>
    axis < lead || (small.shape[axis - lead] === 1 && size !== 1) ? [axis] : [],
  );
}
