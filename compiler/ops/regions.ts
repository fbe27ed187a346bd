// Operations that own a region: repetition, a library function with a kernel of its own, and what one kernel computes.
// `graph.ts` says what their inputs and outputs are. Their gradients are the differentiation pass's business.
import type { Attributes, Region, TensorType } from "../ir/graph.ts";
import { sizeOf } from "../ir/graph.ts";
import { isShape, flag, misfit, readWhole, sameType, typeText, whole } from "./check.ts";
import type { Misfit, Operation, Tensor } from "./operation.ts";

/**
 * Attributes `count`, `constants`, `carried` (how many inputs of each), `reverse`. What is left of the inputs is stacked. `blocks`, where
 * it is not 1: how many layers of the model one run of the body is. `share`, where layers are checkpointed differently: which share it is.
 */
export const repeat: Operation = {
  name: "repeat",
  about: "runs its body once for each slice of the stacked values",
  infer(inputs, attributes, regions) {
    const [body] = regions;
    const count = readWhole(attributes, "count", 1);
    const constants = readWhole(attributes, "constants");
    const carried = readWhole(attributes, "carried");
    if (body === undefined || regions.length !== 1) return misfit("needs one region");
    if (count === undefined) return misfit("needs a count of at least 1");
    if (constants === undefined || carried === undefined || constants + carried > inputs.length)
      return misfit("needs the numbers of constants and carried values among its inputs");
    if (typeof attributes["reverse"] !== "boolean") return misfit("needs reverse");
    const given: TensorType[] = [];
    for (const [index, input] of inputs.entries()) {
      if (index < constants + carried) given.push(input);
      else if (input.shape[0] !== count) return misfit(`${typeText(input)} has no ${count} slices`, index);
      else given.push({ shape: input.shape.slice(1), type: input.type });
    }
    const fault = parametersFit(body, given);
    if (fault !== undefined) return fault;
    const types: TensorType[] = [];
    for (const [index, { shape, type }] of body.results.entries()) {
      const before = inputs[constants + index];
      if (index >= carried) {
        const stacked = [count, ...shape];
        if (!isShape(stacked)) return misfit(`result ${index} is too large when stacked`);
        types.push({ shape: stacked, type });
      } else if (before === undefined || !sameType({ shape, type }, before))
        return misfit(
          `result ${index} is ${typeText({ shape, type })}, carried in as ${before === undefined ? "nothing" : typeText(before)}`,
          constants + index,
        );
      else types.push({ shape, type });
    }
    return types.length < carried ? misfit(`${types.length} results for ${carried} carried values`) : types;
  },
  evaluate(inputs, attributes, outputs, [body], run) {
    if (body === undefined) return [];
    const [count, carried] = [whole(attributes, "count"), whole(attributes, "carried")];
    const constants = inputs.slice(0, whole(attributes, "constants"));
    let state = inputs.slice(constants.length, constants.length + carried);
    const stacked = inputs.slice(constants.length + carried);
    const collected: Tensor[] = outputs
      .slice(carried)
      .map(({ shape }) => ({ shape, data: new Float64Array(sizeOf(shape)) }));
    for (let turn = 0; turn < count; turn++) {
      const i = flag(attributes, "reverse") ? count - 1 - turn : turn;
      const results = run(body, [...constants, ...state, ...stacked.map((value) => sliceOf(value, i))]);
      state = results.slice(0, carried);
      collected.forEach(({ data }, at) => {
        const part = results[carried + at];
        if (part !== undefined) data.set(part.data, i * part.data.length);
      });
    }
    return [...state, ...collected];
  },
  lowering: { kind: "region" },
  cost: 0,
  samples: [],
};

/** Element i along the first axis, without a copy. */
function sliceOf({ shape, data }: Tensor, i: number): Tensor {
  const rest = shape.slice(1);
  const size = sizeOf(rest);
  return { shape: rest, data: data.subarray(i * size, (i + 1) * size) };
}

function parametersFit(region: Region, given: readonly TensorType[]): Misfit | undefined {
  if (region.parameters.length !== given.length)
    return misfit(`the region takes ${region.parameters.length} values, not ${given.length}`);
  const index = given.findIndex((type, i) => {
    const parameter = region.parameters[i];
    return parameter === undefined || !sameType(parameter, type);
  });
  const [parameter, type] = [region.parameters[index], given[index]];
  if (parameter === undefined || type === undefined) return undefined;
  return misfit(`the region takes ${typeText(parameter)}, not ${typeText(type)}`, index);
}

/** The outputs are the region's results, its parameters the inputs. */
function asRegion(
  inputs: readonly TensorType[],
  regions: readonly Region[],
  attributes: Attributes,
  needs: readonly string[],
): readonly TensorType[] | Misfit {
  const [body] = regions;
  if (body === undefined || regions.length !== 1) return misfit("needs one region");
  const missing = needs.find((name) => typeof attributes[name] !== "string");
  if (missing !== undefined) return misfit(`needs ${missing}`);
  return parametersFit(body, inputs) ?? body.results.map(({ shape, type }) => ({ shape, type }));
}

/** Attributes `function`, the library's name for it, and `kernel`, what may stand in for the region. */
export const call: Operation = {
  name: "call",
  about: "a library function that has a kernel",
  infer: (inputs, attributes, regions) => asRegion(inputs, regions, attributes, ["function", "kernel"]),
  evaluate: (inputs, _, _outputs, [body], run) => (body === undefined ? [] : run(body, inputs)),
  lowering: { kind: "region" },
  cost: 0,
  samples: [],
};

/** Attribute `template`, the kind of kernel; the fusion pass may add others. */
export const fused: Operation = {
  name: "fused",
  about: "what one kernel computes",
  infer: (inputs, attributes, regions) => asRegion(inputs, regions, attributes, ["template"]),
  evaluate: (inputs, _, _outputs, [body], run) => (body === undefined ? [] : run(body, inputs)),
  lowering: { kind: "region" },
  cost: 0,
  samples: [],
};
