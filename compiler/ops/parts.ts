// Taking a part of a tensor, putting zeros around one, and putting several side by side. Any element type.
import type { Attributes } from "../ir/graph.ts";
import { isShape, misfit, numbers, readNumbers, readWhole, typeText, whole, wrongCount } from "./check.ts";
import type { Operation } from "./operation.ts";
import { copy, load, stridesOf } from "./strides.ts";
import { linear, linearInAll } from "./tangents.ts";

const six = { shape: [2, 3], type: "f32", data: [1, -2, 3, 0.5, -1, 4] } as const;

/** Attributes `starts` and `sizes`, one for each axis. */
export const slice: Operation = {
  name: "slice",
  about: "a box of elements",
  infer(inputs, attributes) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    const starts = readNumbers(attributes, "starts");
    const sizes = readNumbers(attributes, "sizes");
    if (starts?.length !== x.shape.length || sizes?.length !== x.shape.length)
      return misfit(`needs a start and a size for each axis of ${typeText(x)}`);
    for (const [axis, size] of x.shape.entries()) {
      const [start = 0, taken = 0] = [starts[axis], sizes[axis]];
      if (start < 0 || taken < 1 || start + taken > size)
        return misfit(`axis ${axis} of ${typeText(x)} has no ${taken} elements from ${start}`, 0);
    }
    return [{ shape: sizes, type: x.type }];
  },
  evaluate([x], attributes, [output]) {
    if (x === undefined || output === undefined) return [];
    const strides = stridesOf(x.shape);
    return [
      {
        shape: output.shape,
        data: load(output.shape, x.data, strides, place(numbers(attributes, "starts"), strides)),
      },
    ];
  },
  gradient({ builder, inputs: [x], attributes, gradients: [g], wants }) {
    if (x === undefined || g === undefined || !wants(0)) return [undefined];
    const before = numbers(attributes, "starts");
    const after = x.shape.map((size, axis) => size - (before[axis] ?? 0) - (g.shape[axis] ?? 0));
    return [builder.apply("pad", [g], { before, after })];
  },
  tangent: linear,
  batch: ([x], attributes, count, builder) =>
    x &&
    builder.apply("slice", [x], {
      starts: [0, ...numbers(attributes, "starts")],
      sizes: [count, ...numbers(attributes, "sizes")],
    }),
  lowering: {
    kind: "view",
    index: (indices, attributes) => shifted(indices, numbers(attributes, "starts"), "+"),
  },
  cost: 0,
  samples: [
    { inputs: [six], attributes: { starts: [0, 1], sizes: [2, 2] } },
    { inputs: [six], attributes: { starts: [1, 0], sizes: [1, 3] } },
  ],
};

/** Attributes `before` and `after`: how many zeros at each end of each axis. */
export const pad: Operation = {
  name: "pad",
  about: "zeros put around",
  infer(inputs, attributes) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    const before = readNumbers(attributes, "before");
    const after = readNumbers(attributes, "after");
    if (before?.length !== x.shape.length || after?.length !== x.shape.length)
      return misfit(`needs a width before and after each axis of ${typeText(x)}`);
    if ([...before, ...after].some((width) => width < 0)) return misfit("widths are not negative");
    const shape = x.shape.map((size, axis) => size + (before[axis] ?? 0) + (after[axis] ?? 0));
    return isShape(shape) ? [{ shape, type: x.type }] : misfit("too large", 0);
  },
  evaluate([x], attributes, [output]) {
    if (x === undefined || output === undefined) return [];
    const strides = stridesOf(output.shape);
    const data = new Float64Array(output.shape.reduce((product, size) => product * size, 1));
    copy("store", x.data, x.shape, data, strides, place(numbers(attributes, "before"), strides));
    return [{ shape: output.shape, data }];
  },
  gradient({ builder, inputs: [x], attributes, gradients: [g], wants }) {
    if (x === undefined || g === undefined || !wants(0)) return [undefined];
    return [builder.apply("slice", [g], { starts: numbers(attributes, "before"), sizes: x.shape })];
  },
  tangent: linear,
  batch: ([x], attributes, _count, builder) =>
    x &&
    builder.apply("pad", [x], {
      before: [0, ...numbers(attributes, "before")],
      after: [0, ...numbers(attributes, "after")],
    }),
  lowering: {
    kind: "view",
    index: (indices, attributes) => shifted(indices, numbers(attributes, "before"), "-"),
    inside: insidePad,
  },
  cost: 0,
  samples: [
    { inputs: [six], attributes: { before: [0, 1], after: [2, 0] } },
    { inputs: [six], attributes: { before: [1, 2], after: [0, 3] } },
  ],
};

/** The offset of the element at these coordinates. */
function place(coordinates: readonly number[], strides: readonly number[]): number {
  return coordinates.reduce((sum, at, axis) => sum + at * (strides[axis] ?? 0), 0);
}

function shifted(indices: readonly string[], by: readonly number[], sign: "+" | "-"): string[] {
  return indices.map((index, axis) => ((by[axis] ?? 0) === 0 ? index : `(${index} ${sign} ${by[axis]}u)`));
}

function insidePad(indices: readonly string[], attributes: Attributes, input: readonly number[]): string {
  const before = numbers(attributes, "before");
  const after = numbers(attributes, "after");
  const conditions = indices.flatMap((index, axis) => {
    const [low = 0, high = 0] = [before[axis], after[axis]];
    const from = low > 0 ? [`${index} >= ${low}u`] : [];
    return high > 0 ? [...from, `${index} < ${low + (input[axis] ?? 0)}u`] : from;
  });
  return conditions.length === 0 ? "true" : `(${conditions.join(" && ")})`;
}

/** Attribute `axis`. One input or more, alike but for that axis. */
export const concat: Operation = {
  name: "concat",
  about: "side by side along one axis",
  infer(inputs, attributes) {
    const [first] = inputs;
    if (first === undefined) return misfit("needs at least one input");
    const axis = readWhole(attributes, "axis");
    if (axis === undefined || axis >= first.shape.length)
      return misfit(`${typeText(first)} has no such axis`, 0);
    for (const [index, input] of inputs.entries()) {
      const same = input.shape.every((size, at) => at === axis || size === first.shape[at]);
      if (input.type !== first.type || input.shape.length !== first.shape.length || !same)
        return misfit(`${typeText(input)} does not lie beside ${typeText(first)} along axis ${axis}`, index);
    }
    const size = inputs.reduce((sum, { shape }) => sum + (shape[axis] ?? 0), 0);
    const shape = first.shape.with(axis, size);
    return isShape(shape) ? [{ shape, type: first.type }] : misfit("too large");
  },
  evaluate(inputs, attributes, [output]) {
    if (output === undefined) return [];
    const axis = whole(attributes, "axis");
    const run = output.shape.slice(axis).reduce((product, size) => product * size, 1);
    const data = new Float64Array(output.shape.reduce((product, size) => product * size, 1));
    let start = 0;
    for (const input of inputs) {
      const part = input.shape.slice(axis).reduce((product, size) => product * size, 1);
      for (let from = 0, to = start; from < input.data.length; from += part, to += run)
        data.set(input.data.subarray(from, from + part), to);
      start += part;
    }
    return [{ shape: output.shape, data }];
  },
  gradient({ builder, inputs, attributes, gradients: [g], wants }) {
    const axis = whole(attributes, "axis");
    let start = 0;
    return inputs.map((input, index) => {
      const starts = input.shape.map((_, at) => (at === axis ? start : 0));
      start += input.shape[axis] ?? 0;
      return g !== undefined && wants(index)
        ? builder.apply("slice", [g], { starts, sizes: input.shape })
        : undefined;
    });
  },
  tangent: linearInAll,
  batch: (stacks, attributes, _count, builder) =>
    builder.apply("concat", stacks, { axis: whole(attributes, "axis") + 1 }),
  lowering: { kind: "join", axis: (attributes) => whole(attributes, "axis") },
  cost: 0,
  samples: [
    { inputs: [six, { shape: [2, 1], type: "f32", data: [7, 8] }], attributes: { axis: 1 } },
    { inputs: [six, { shape: [1, 3], type: "f32", data: [7, 8, 9] }, six], attributes: { axis: 0 } },
  ],
};
