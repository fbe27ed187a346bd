// Making graphs: the one way to a node is `apply`, which asks the operation's record whether the inputs fit. Callers that
// have to explain a misfit to a user call `inferTypes` first; here a misfit is a fault of the compiler and is thrown.
import { broadcastShapes, isMisfit, misfit, sameShape, typeText } from "../ops/check.ts";
import { operations } from "../ops/index.ts";
import type { Builder, Misfit } from "../ops/operation.ts";
import { makeNode } from "./graph.ts";
import type { Attributes, ElementType, Origin, Region, TensorType, Value } from "./graph.ts";

export { isMisfit } from "../ops/check.ts";

/** For values that no line of a recipe or the library asked for. */
export const NOWHERE: Origin = { source: undefined, recipe: undefined, path: "" };

/** Inputs that do not fit an operation, where nobody expected it: a fault of the compiler. */
export class MisfitError extends Error {
  readonly operation: string;
  readonly misfit: Misfit;

  constructor(operation: string, found: Misfit, inputs: readonly TensorType[]) {
    super(`${operation}(${inputs.map(typeText).join(", ")}): ${found.misfit}`);
    this.name = "MisfitError";
    this.operation = operation;
    this.misfit = found;
  }
}

/** The outputs' types, or why the inputs do not fit. An unknown operation is a misfit too. */
export function inferTypes(
  operation: string,
  inputs: readonly TensorType[],
  attributes: Attributes = {},
  regions: readonly Region[] = [],
): readonly TensorType[] | Misfit {
  const record = operations.get(operation);
  return record === undefined
    ? misfit(`no operation is called ${operation}`)
    : record.infer(inputs, attributes, regions);
}

/** A node with any number of outputs. */
export function applyAll(
  operation: string,
  inputs: readonly Value[],
  attributes: Attributes = {},
  regions: readonly Region[] = [],
  origin: Origin = NOWHERE,
): readonly Value[] {
  const types = inferTypes(operation, inputs, attributes, regions);
  if (isMisfit(types)) throw new MisfitError(operation, types, inputs);
  return makeNode(operation, inputs, attributes, regions, types, origin).outputs;
}

/** A node with one output; of several, the first. */
export function apply(
  operation: string,
  inputs: readonly Value[],
  attributes: Attributes = {},
  regions: readonly Region[] = [],
  origin: Origin = NOWHERE,
): Value {
  const [value] = applyAll(operation, inputs, attributes, regions, origin);
  if (value === undefined) throw new MisfitError(operation, misfit("has no output"), inputs);
  return value;
}

/** A value that a region is to be given; list it among the region's parameters. */
export function parameter({ type, shape }: TensorType, name: string, origin: Origin = NOWHERE): Value {
  return apply("parameter", [], { name, type, shape }, [], origin);
}

/** A tensor filled with one number. */
export function constant(
  value: number,
  type: ElementType = "f32",
  shape: readonly number[] = [],
  origin: Origin = NOWHERE,
): Value {
  return apply("constant", [], { value, type, shape }, [], origin);
}

/** Everything made with it comes from `origin`. */
export function builderFor(origin: Origin): Builder {
  return {
    apply: (operation, inputs, attributes, regions) => apply(operation, inputs, attributes, regions, origin),
    applyAll: (operation, inputs, attributes, regions) =>
      applyAll(operation, inputs, attributes, regions, origin),
    constant: (value, type, shape) => constant(value, type, shape, origin),
  };
}

/** The value under a larger shape, by a `broadcast` view where it has another one. */
export function broadcastTo(
  value: Value,
  shape: readonly number[],
  origin: Origin = value.node.origin,
): Value {
  return sameShape(value.shape, shape) ? value : apply("broadcast", [value], { shape }, [], origin);
}

/** The values under the one shape that numpy's rule gives them; elementwise operations want it. */
export function broadcastTogether(values: readonly Value[], origin: Origin = NOWHERE): readonly Value[] {
  const shape = broadcastShapes(values.map((value) => value.shape));
  if (shape === undefined)
    throw new MisfitError("broadcast", misfit("the shapes do not go together"), values);
  return values.map((value) => broadcastTo(value, shape, origin));
}
