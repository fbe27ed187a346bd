// The bits of u32 words: what packed codes are taken apart and put together with. A shift by 32 or more has no meaning in WGSL; here
// the amount is taken modulo 32, in `evaluate` and on the device.
import type { Operation } from "./operation.ts";
import { binary } from "./pointwise.ts";

const words = [
  [
    [0xdeadbeef, 1, 0xffffffff, 0],
    [4, 31, 32, 7],
  ],
] as const;

interface Row {
  readonly name: string;
  readonly about: string;
  f(a: number, b: number): number;
  wgsl(a: string, b: string): string;
}

function bits({ name, about, f, wgsl }: Row): Operation {
  return binary({ name, about, types: ["u32"], cost: 1, f, wgsl, tries: words });
}

export const shift_left = bits({
  name: "shift_left",
  about: "the bits of a moved up by b places",
  f: (a, b) => a << (b & 31),
  wgsl: (a, b) => `(${a} << (${b} & 31u))`,
});

export const shift_right = bits({
  name: "shift_right",
  about: "the bits of a moved down by b places",
  f: (a, b) => a >>> (b & 31),
  wgsl: (a, b) => `(${a} >> (${b} & 31u))`,
});

export const bit_and = bits({
  name: "bit_and",
  about: "the bits that both have",
  f: (a, b) => a & b,
  wgsl: (a, b) => `(${a} & ${b})`,
});

export const bit_or = bits({
  name: "bit_or",
  about: "the bits that one of both has",
  f: (a, b) => a | b,
  wgsl: (a, b) => `(${a} | ${b})`,
});

export const bit_xor = bits({
  name: "bit_xor",
  about: "the bits that exactly one of both has",
  f: (a, b) => a ^ b,
  wgsl: (a, b) => `(${a} ^ ${b})`,
});
