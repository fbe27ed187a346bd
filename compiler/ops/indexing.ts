// Rows of a table picked by number, and rows added up by number: each is the other's gradient. `rest` is the shape of a row.
// An index outside the table is a fault of the program: `evaluate` throws; on the device `take` reads the last row
// and `scatter_add` leaves the row out.
import { sizeOf } from "../ir/graph.ts";
import { INTEGERS, isShape, misfit, readWhole, sameShape, typeText, wrongCount } from "./check.ts";
import type { Operation, Tensor } from "./operation.ts";
import { linear } from "./tangents.ts";

/** Inputs: the table [n, ..rest] and i32 or u32 indices [..]. */
export const take: Operation = {
  name: "take",
  about: "for each index, that row of a table: [..indices, ..rest]",
  infer(inputs) {
    const [table, indices] = inputs;
    if (table === undefined || indices === undefined || inputs.length !== 2) return wrongCount(inputs, 2);
    if (table.shape.length === 0) return misfit("a scalar has no rows", 0);
    if (!INTEGERS.includes(indices.type))
      return misfit(`indices are i32 or u32, not ${typeText(indices)}`, 1);
    const shape = [...indices.shape, ...table.shape.slice(1)];
    return isShape(shape) ? [{ shape, type: table.type }] : misfit("too large", 1);
  },
  evaluate([table, indices], _, [output]) {
    if (table === undefined || indices === undefined || output === undefined) return [];
    const row = sizeOf(table.shape.slice(1));
    const data = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < indices.data.length; i++) {
      const from = checked(indices, i, table.shape[0] ?? 0) * row;
      data.set(table.data.subarray(from, from + row), i * row);
    }
    return [{ shape: output.shape, data }];
  },
  gradient({ builder, inputs: [table, indices], gradients: [g], wants }) {
    if (table === undefined || indices === undefined || g === undefined || !wants(0))
      return [undefined, undefined];
    // 16-bit sums lose too much: they are made in f32.
    const exact = g.type === "f32" ? g : builder.apply("cast", [g], { type: "f32" });
    const total = builder.apply("scatter_add", [exact, indices], { count: table.shape[0] ?? 1 });
    return [table.type === "f32" ? total : builder.apply("cast", [total], { type: table.type }), undefined];
  },
  tangent: linear,
  lowering: { kind: "gather" },
  cost: 0,
  samples: [
    {
      inputs: [
        { shape: [3, 2], type: "f32", data: [1, 2, 3, 4, 5, 6] },
        { shape: [2, 2], type: "u32", data: [2, 0, 2, 1] },
      ],
      attributes: {},
    },
    {
      inputs: [
        { shape: [4], type: "f32", data: [1, 2, 3, 4] },
        { shape: [], type: "i32", data: [3] },
      ],
      attributes: {},
    },
  ],
};

/** Attribute `count`. Inputs: updates [..i, ..rest] and indices [..i]. Rows with one index are added in rising position. */
export const scatter_add: Operation = {
  name: "scatter_add",
  about: "rows added up by their index: [count, ..rest]",
  infer(inputs, attributes) {
    const [updates, indices] = inputs;
    if (updates === undefined || indices === undefined || inputs.length !== 2) return wrongCount(inputs, 2);
    if (updates.type !== "f32") return misfit(`adds up f32, not ${typeText(updates)}`, 0);
    if (!INTEGERS.includes(indices.type))
      return misfit(`indices are i32 or u32, not ${typeText(indices)}`, 1);
    if (!sameShape(updates.shape.slice(0, indices.shape.length), indices.shape))
      return misfit(`${typeText(indices)} does not number the rows of ${typeText(updates)}`, 1);
    const count = readWhole(attributes, "count", 1);
    if (count === undefined) return misfit("needs a count of at least 1");
    const shape = [count, ...updates.shape.slice(indices.shape.length)];
    return isShape(shape) ? [{ shape, type: updates.type }] : misfit("too large", 0);
  },
  evaluate([updates, indices], _, [output]) {
    if (updates === undefined || indices === undefined || output === undefined) return [];
    const row = sizeOf(output.shape.slice(1));
    const data = new Float64Array(sizeOf(output.shape));
    for (let i = 0; i < indices.data.length; i++) {
      const to = checked(indices, i, output.shape[0] ?? 0) * row;
      for (let j = 0; j < row; j++)
        data[to + j] = (data[to + j] as number) + (updates.data[i * row + j] as number);
    }
    return [{ shape: output.shape, data }];
  },
  gradient({ builder, inputs: [, indices], gradients: [g], wants }) {
    if (indices === undefined || g === undefined || !wants(0)) return [undefined, undefined];
    return [builder.apply("take", [g, indices]), undefined];
  },
  tangent: linear,
  lowering: { kind: "scatter" },
  cost: 1,
  samples: [
    {
      inputs: [
        { shape: [2, 2, 2], type: "f32", data: [1, 2, 3, 4, 5, 6, 7, 8] },
        { shape: [2, 2], type: "u32", data: [2, 0, 2, 1] },
      ],
      attributes: { count: 4 },
    },
    {
      inputs: [
        { shape: [3], type: "f32", data: [1, 2, 3] },
        { shape: [3], type: "i32", data: [1, 1, 0] },
      ],
      attributes: { count: 2 },
    },
  ],
};

function checked(indices: Tensor, position: number, count: number): number {
  const index = indices.data[position] as number;
  if (index < 0 || index >= count)
    throw new RangeError(`index ${index} at position ${position} is outside a table of ${count} rows`);
  return index;
}
