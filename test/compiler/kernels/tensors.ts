// Tensors for the tests of kernels: random, the same in every run, and exactly what their types hold.
import { sizeOf, type TensorType } from "../../../compiler/ir/graph.ts";
import type { Tensor } from "../../../compiler/ops/operation.ts";
import { round } from "../../../compiler/ops/rounding.ts";

/** Random numbers that are the same in every run. */
export function numbersFrom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    let mixed = state ^ (state >>> 15);
    mixed = Math.imul(mixed, 0x2c1b3c6d);
    mixed ^= mixed >>> 12;
    return (mixed >>> 0) / 2 ** 32;
  };
}

/** A tensor of numbers between −1 and 1, or of whole numbers below `below`, that its type holds exactly. */
export function randomTensor({ shape, type }: TensorType, random: () => number, below?: number): Tensor {
  const data = new Float64Array(sizeOf(shape));
  for (let index = 0; index < data.length; index++) {
    const value = below === undefined ? random() * 2 - 1 : Math.floor(random() * below);
    data[index] =
      type === "f16"
        ? round(value, "f16")
        : type === "bf16"
          ? round(value, "bf16")
          : type === "f32"
            ? Math.fround(value)
            : Math.floor(value);
  }
  return { shape, data };
}
