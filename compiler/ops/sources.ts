// Values without inputs: a number everywhere, counting along an axis, and the parameters of a region.
import { sizeOf } from "../ir/graph.ts";
import { FLOATS, isElementType, misfit, readShape, readWhole, whole, wrongCount } from "./check.ts";
import type { Operation } from "./operation.ts";
import { round } from "./rounding.ts";
import { literal, registerType } from "./wgsl.ts";

/** Attributes `value`, `type`, `shape`. */
export const constant: Operation = {
  name: "constant",
  about: "one number everywhere",
  infer(inputs, attributes) {
    if (inputs.length > 0) return wrongCount(inputs, 0);
    const { value, type } = attributes;
    const shape = readShape(attributes);
    if (shape === undefined) return misfit("needs a shape of sizes of at least 1");
    if (!isElementType(type)) return misfit(`no element type: ${String(type)}`);
    // WGSL has no infinity, and an integer that does not fit would be another number.
    const held = typeof value === "number" ? round(value, type) : NaN;
    if (!Number.isFinite(held)) return misfit(`${String(value)} is no finite ${type}`);
    if (!FLOATS.includes(type) && held !== value) return misfit(`${String(value)} is no ${type}`);
    return [{ shape, type }];
  },
  evaluate(_, { value }, [output]) {
    if (output === undefined) return [];
    const number = typeof value === "number" ? value : 0;
    // As with `cast`, float64 stands for f32; narrower types are what they round to.
    const held = output.type === "f32" ? number : round(number, output.type);
    return [{ shape: output.shape, data: new Float64Array(sizeOf(output.shape)).fill(held) }];
  },
  lowering: {
    kind: "source",
    wgsl: (_, { value }, { type }) => literal(typeof value === "number" ? value : 0, type),
  },
  cost: 0,
  samples: [
    { inputs: [], attributes: { value: -0.1, type: "f32", shape: [2, 3] } },
    { inputs: [], attributes: { value: 1e-8, type: "bf16", shape: [2] } },
    { inputs: [], attributes: { value: -2147483648, type: "i32", shape: [] } },
    { inputs: [], attributes: { value: 4294967295, type: "u32", shape: [1] } },
    { inputs: [], attributes: { value: 1, type: "bool", shape: [2] } },
  ],
};

/** Attributes `shape`, `axis`, `type`. */
export const iota: Operation = {
  name: "iota",
  about: "0, 1, 2, … along one axis",
  infer(inputs, attributes) {
    if (inputs.length > 0) return wrongCount(inputs, 0);
    const shape = readShape(attributes);
    const axis = readWhole(attributes, "axis");
    const { type } = attributes;
    if (shape === undefined) return misfit("needs a shape of sizes of at least 1");
    if (axis === undefined || axis >= shape.length) return misfit(`[${shape.join(",")}] has no such axis`);
    if (type !== "f32" && type !== "i32" && type !== "u32")
      return misfit(`counts in f32, i32, u32, not ${String(type)}`);
    return [{ shape, type }];
  },
  evaluate(_, attributes, [output]) {
    if (output === undefined) return [];
    const { shape } = output;
    const axis = whole(attributes, "axis");
    const size = shape[axis] ?? 1;
    const run = sizeOf(shape.slice(axis + 1));
    const data = new Float64Array(sizeOf(shape));
    for (let i = 0; i < data.length; i++) data[i] = Math.floor(i / run) % size;
    return [{ shape, data }];
  },
  lowering: {
    kind: "source",
    wgsl: (indices, attributes, { type }) =>
      `${registerType(type)}(${indices[whole(attributes, "axis")] ?? "0u"})`,
  },
  cost: 0,
  samples: [
    { inputs: [], attributes: { shape: [5], axis: 0, type: "f32" } },
    { inputs: [], attributes: { shape: [2, 3, 4], axis: 1, type: "u32" } },
  ],
};

/** Attributes `name`, `type`, `shape`. Only a region's list of parameters gives it a value. */
export const parameter: Operation = {
  name: "parameter",
  about: "what a region is given",
  infer(inputs, attributes) {
    if (inputs.length > 0) return wrongCount(inputs, 0);
    const shape = readShape(attributes);
    const { type, name } = attributes;
    if (typeof name !== "string") return misfit("needs a name");
    if (shape === undefined) return misfit("needs a shape of sizes of at least 1");
    return isElementType(type) ? [{ shape, type }] : misfit(`no element type: ${String(type)}`);
  },
  evaluate() {
    throw new Error("a parameter has no value of its own");
  },
  lowering: { kind: "parameter" },
  cost: 0,
  samples: [],
};
