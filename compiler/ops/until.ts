// A tensor up to a bound that is known only on the device, such as a drawn rank: behind it there is nothing. The size of the axis stays,
// so shapes and memory are those of the largest bound; products look for this operation in what they read and do no work behind it.
import { misfit, readWhole, sameShape, typeText, whole, wrongCount } from "./check.ts";
import { stridesOf } from "./strides.ts";
import type { Operation } from "./operation.ts";
import { linear } from "./tangents.ts";

const six = { shape: [2, 3], type: "f32", data: [1, -2, 3, 0.5, -1, 4] } as const;

/**
 * Attribute `axis`. Inputs: x and the bound in u32, a scalar, or one for each of x's first axes, which then stand before `axis`. At or above
 * the axis's size it changes nothing.
 */
export const until: Operation = {
  name: "until",
  about: "x along an axis up to a bound, and zeros from there on",
  infer(inputs, attributes) {
    const [x, bound] = inputs;
    if (x === undefined || bound === undefined || inputs.length !== 2) return wrongCount(inputs, 2);
    if (bound.type !== "u32") return misfit(`the bound is u32, not ${typeText(bound)}`, 1);
    const axis = readWhole(attributes, "axis");
    if (axis === undefined || axis >= x.shape.length) return misfit(`${typeText(x)} has no such axis`, 0);
    const lead = x.shape.slice(0, bound.shape.length);
    if (bound.shape.length > axis || !sameShape(bound.shape, lead))
      return misfit(`${typeText(bound)} has no bound for each slice of ${typeText(x)}`, 1);
    return [{ shape: x.shape, type: x.type }];
  },
  evaluate([x, bound], attributes) {
    if (x === undefined || bound === undefined) return [];
    const axis = whole(attributes, "axis");
    const [stride = 1, size = 1] = [stridesOf(x.shape)[axis], x.shape[axis]];
    const each = x.data.length / bound.data.length;
    const limit = (i: number): number => bound.data[Math.floor(i / each)] as number;
    const data = x.data.map((value, i) => (Math.floor(i / stride) % size < limit(i) ? value : 0));
    return [{ shape: x.shape, data }];
  },
  gradient({ builder, inputs: [, bound], attributes, gradients: [g], wants }) {
    if (bound === undefined || g === undefined || !wants(0)) return [undefined, undefined];
    return [builder.apply("until", [g, bound], attributes), undefined];
  },
  tangent: linear,
  batch([x, bounds], attributes, _count, builder) {
    if (x === undefined || bounds === undefined) return undefined;
    return builder.apply("until", [x, bounds], { axis: whole(attributes, "axis") + 1 });
  },
  lowering: { kind: "until", axis: (attributes) => whole(attributes, "axis") },
  cost: 0,
  samples: [
    { inputs: [six, { shape: [], type: "u32", data: [2] }], attributes: { axis: 1 } },
    { inputs: [six, { shape: [], type: "u32", data: [1] }], attributes: { axis: 0 } },
    { inputs: [six, { shape: [], type: "u32", data: [9] }], attributes: { axis: 1 } },
    { inputs: [six, { shape: [2], type: "u32", data: [0, 2] }], attributes: { axis: 1 } },
  ],
};
