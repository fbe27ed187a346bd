// Change of type, and the end of a gradient's way. A cast to a 16-bit float rounds to nearest even, on the device too, where such
// a value is an f32 in registers that a 16-bit number is equal to.
import type { ElementType } from "../ir/graph.ts";
import { FLOATS, isElementType, misfit, sameType, wrongCount } from "./check.ts";
import type { Operation } from "./operation.ts";
import { round } from "./rounding.ts";
import { linear } from "./tangents.ts";
import { halves, registerType } from "./wgsl.ts";

/**
 * Attribute `type`. To integers: truncated toward zero and clamped. To bool: whether it is not zero. `exact`, where it is there and true:
 * differentiation does not round what flows into the result, so that the gradient of a weight that is read in 16 bits is an f32.
 */
export const cast: Operation = {
  name: "cast",
  about: "the same number in another type",
  infer(inputs, { type }) {
    const [x] = inputs;
    if (x === undefined || inputs.length !== 1) return wrongCount(inputs, 1);
    return isElementType(type) ? [{ shape: x.shape, type }] : misfit(`no element type: ${String(type)}`);
  },
  evaluate([x], _, [output]) {
    if (x === undefined || output === undefined) return [];
    const { type } = output;
    // float64 stands for f32 arithmetic everywhere else, so a cast to f32 keeps what it is given.
    if (type === "f32") return [x];
    const data = new Float64Array(x.data.length);
    for (let i = 0; i < data.length; i++) data[i] = round(x.data[i] as number, type);
    return [{ shape: x.shape, data }];
  },
  gradient({ builder, inputs: [x], outputs: [y], gradients: [g], wants }) {
    if (x === undefined || y === undefined || g === undefined || !wants(0)) return [undefined];
    if (!FLOATS.includes(x.type) || !FLOATS.includes(y.type)) return [undefined];
    return [sameType(g, x) ? g : builder.apply("cast", [g], { type: x.type })];
  },
  tangent: (context) => {
    const { inputs, outputs } = context;
    return [...inputs, ...outputs].every(({ type }) => FLOATS.includes(type)) ? linear(context) : [undefined];
  },
  lowering: {
    kind: "elementwise",
    rounds: true,
    functions: (type, [from]) => (type === from ? [] : isHalf(type) ? halves[type].rounding : []),
    wgsl([x = ""], _, type, [from = "f32"]) {
      const [target, source] = [registerType(type), registerType(from)];
      const register = target === source ? x : `${target}(${x})`;
      return type !== from && isHalf(type) ? `${halves[type].round}(${register})` : register;
    },
  },
  cost: 0,
  samples: [
    { inputs: [{ shape: [4], type: "f32", data: [-1.5, 0.25, 2, 3.75] }], attributes: { type: "i32" } },
    { inputs: [{ shape: [3], type: "i32", data: [-1, 0, 7] }], attributes: { type: "f32" } },
    { inputs: [{ shape: [3], type: "u32", data: [1, 0, 7] }], attributes: { type: "f32" } },
    { inputs: [{ shape: [3], type: "i32", data: [5, 0, 7] }], attributes: { type: "u32" } },
    { inputs: [{ shape: [3], type: "f32", data: [1, 0, -0.5] }], attributes: { type: "bool" } },
    { inputs: [{ shape: [2], type: "bool", data: [1, 0] }], attributes: { type: "f32" } },
    { inputs: [{ shape: [3], type: "f32", data: [1, 0.5, -0.25] }], attributes: { type: "f32" } },
    { inputs: [{ shape: [3], type: "bf16", data: [1, 0.5, -0.25] }], attributes: { type: "f32" } },
  ],
};

function isHalf(type: ElementType): type is "f16" | "bf16" {
  return type === "f16" || type === "bf16";
}

export const stop_gradient: Operation = {
  name: "stop_gradient",
  about: "the same value, taken as a constant by differentiation",
  infer(inputs) {
    const [x] = inputs;
    return x === undefined || inputs.length !== 1
      ? wrongCount(inputs, 1)
      : [{ shape: x.shape, type: x.type }];
  },
  evaluate: ([x]) => (x === undefined ? [] : [x]),
  lowering: { kind: "elementwise", wgsl: ([x = ""]) => x },
  cost: 0,
  samples: [{ inputs: [{ shape: [3], type: "f32", data: [1, 0.5, -0.25] }], attributes: {} }],
};

/** A frozen tensor: nothing flows back. Whoever reads it may compute it again, or have a kernel of its own leave it in memory. */
export const decoded: Operation = {
  ...stop_gradient,
  name: "decoded",
  about: "the same value, made from what a format holds it in",
  lowering: { kind: "elementwise", wgsl: ([x = ""]) => x, decodes: true },
};
