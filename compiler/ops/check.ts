// What shape rules are written with: reading attributes, checking shapes and types, naming misfits. Everything here returns
// data; nothing throws. `numbers`, `whole` and `flag` are for the functions that run after `infer` has accepted the node.
import type { Attribute, Attributes, ElementType, TensorType } from "../ir/graph.ts";
import type { Misfit } from "./operation.ts";

/** The input index of a misfit that no single input is to blame for. */
export const NO_INPUT = -1;

export const FLOATS: readonly ElementType[] = ["f32", "f16", "bf16"];
export const INTEGERS: readonly ElementType[] = ["i32", "u32"];
export const ARITHMETIC: readonly ElementType[] = ["f32", "i32", "u32"];
export const ELEMENT_TYPES: readonly ElementType[] = ["f32", "f16", "bf16", "i32", "u32", "bool"];

export function misfit(text: string, input: number = NO_INPUT): Misfit {
  return { misfit: text, input };
}

export function isMisfit(result: object): result is Misfit {
  return "misfit" in result;
}

export function isElementType(value: unknown): value is ElementType {
  return ELEMENT_TYPES.some((type) => type === value);
}

/** "f32[2,48,64]"; a scalar is "f32[]". */
export function typeText({ type, shape }: TensorType): string {
  return `${type}[${shape.join(",")}]`;
}

export function sameShape(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export function sameType(a: TensorType, b: TensorType): boolean {
  return a.type === b.type && sameShape(a.shape, b.shape);
}

/** The attribute as a list of whole numbers, or undefined where it is none. */
export function readNumbers(attributes: Attributes, name: string): readonly number[] | undefined {
  const value: Attribute | undefined = attributes[name];
  if (!Array.isArray(value)) return undefined;
  const list: readonly Attribute[] = value;
  return list.every((item): item is number => typeof item === "number" && Number.isSafeInteger(item))
    ? list
    : undefined;
}

/** The attribute as a shape: whole sizes of at least 1, not too many elements to count. */
export function readShape(attributes: Attributes, name: string = "shape"): readonly number[] | undefined {
  const shape = readNumbers(attributes, name);
  return shape !== undefined && isShape(shape) ? shape : undefined;
}

export function isShape(shape: readonly number[]): boolean {
  let count = 1;
  for (const size of shape) {
    if (!Number.isSafeInteger(size) || size < 1) return false;
    count *= size;
  }
  return Number.isSafeInteger(count);
}

/** The attribute as a whole number of at least `least`. */
export function readWhole(attributes: Attributes, name: string, least: number = 0): number | undefined {
  const value = attributes[name];
  return typeof value === "number" && Number.isSafeInteger(value) && value >= least ? value : undefined;
}

export function numbers(attributes: Attributes, name: string): readonly number[] {
  return readNumbers(attributes, name) ?? [];
}

export function whole(attributes: Attributes, name: string): number {
  return readWhole(attributes, name) ?? 0;
}

export function flag(attributes: Attributes, name: string): boolean {
  return attributes[name] === true;
}

/** The elementwise rule: exactly `count` inputs, all of one shape and of one of `types`. Gives that shape and type. */
export function alike(
  inputs: readonly TensorType[],
  count: number,
  types: readonly ElementType[],
): TensorType | Misfit {
  const [first] = inputs;
  if (first === undefined || inputs.length !== count) return wrongCount(inputs, count);
  for (const [index, input] of inputs.entries()) {
    if (!types.includes(input.type))
      return misfit(`takes ${types.join(", ")}, not ${typeText(input)}`, index);
    if (!sameType(input, first)) return misfit(`${typeText(input)} does not match ${typeText(first)}`, index);
  }
  return { shape: first.shape, type: first.type };
}

export function wrongCount(inputs: readonly unknown[], count: number): Misfit {
  return misfit(`takes ${count} ${count === 1 ? "input" : "inputs"}, not ${inputs.length}`);
}

/** Numpy's rule: shapes aligned at the last axis, sizes equal or 1. Undefined where they do not go together. */
export function broadcastShapes(shapes: readonly (readonly number[])[]): readonly number[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const result: number[] = Array.from({ length: rank }, () => 1);
  for (const shape of shapes) {
    for (const [axis, size] of shape.entries()) {
      const at = rank - shape.length + axis;
      if (size === 1) continue;
      if (result[at] !== 1 && result[at] !== size) return undefined;
      result[at] = size;
    }
  }
  return result;
}
