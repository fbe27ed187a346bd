// The element types of GGUF files that are read, by ggml's number for them: how many elements a block has, its bytes, and what it stands
// for. Goes in: whole blocks. Comes out: their numbers, in f32 where the type is quantized, as stored where it is not. Holds: products of
// scales and codes are exact in f32, so that a number is what ggml's own reference gives, bit for bit. (Layouts: ggml-common.h.)
import type { Blocks } from "./header.ts";
import type { FloatType } from "./convert.ts";

export interface BlockType extends Blocks {
  readonly dtype: FloatType;
}

export const blockTypes: ReadonlyMap<number, BlockType> = new Map([
  [0, plain("F32", 4)],
  [1, plain("F16", 2)],
  [2, quantized("Q4_0", 32, 18, decodeQ40)],
  [8, quantized("Q8_0", 32, 34, decodeQ80)],
  [12, quantized("Q4_K", 256, 144, decodeQ4K)],
  [14, quantized("Q6_K", 256, 210, decodeQ6K)],
  [30, plain("BF16", 2)],
]);

function plain(dtype: FloatType, bytes: number): BlockType {
  return { name: dtype, dtype, elements: 1, bytes, decode: (from, into) => into.set(from) };
}

/** One block at `at` into the numbers from `to`. */
type Decode = (from: Uint8Array, at: number, into: Float32Array, to: number) => void;

function quantized(name: string, elements: number, bytes: number, one: Decode): BlockType {
  const decode: Blocks["decode"] = (from, into) => {
    const numbers = new Float32Array(into.buffer, into.byteOffset, into.byteLength / 4);
    for (let at = 0, to = 0; at < from.length; at += bytes, to += elements) one(from, at, numbers, to);
  };
  return { name, dtype: "F32", elements, bytes, decode };
}

/** d in f16, then 32 codes of 4 bits: the first 16 in the low halves of bytes, the others in the high ones. */
function decodeQ40(from: Uint8Array, at: number, into: Float32Array, to: number): void {
  const d = half(from, at);
  for (let i = 0; i < 16; i += 1) {
    const byte = from[at + 2 + i] ?? 0;
    into[to + i] = d * ((byte & 15) - 8);
    into[to + 16 + i] = d * ((byte >> 4) - 8);
  }
}

/** d in f16, then 32 whole numbers of 8 bits with a sign. */
function decodeQ80(from: Uint8Array, at: number, into: Float32Array, to: number): void {
  const d = half(from, at);
  for (let i = 0; i < 32; i += 1) into[to + i] = d * signed(from[at + 2 + i]);
}

/**
 * d and dmin in f16; 8 scales and 8 minima of 6 bits in 12 bytes; 256 codes of 4 bits, where 32 bytes hold two runs of 32. A number is
 * d · scale · code − dmin · minimum.
 */
function decodeQ4K(from: Uint8Array, at: number, into: Float32Array, to: number): void {
  const [d, dmin] = [half(from, at), half(from, at + 2)];
  for (let run = 0; run < 8; run += 1) {
    const packed = (i: number): number => from[at + 4 + i] ?? 0;
    // The last four of each are split: their low 4 bits lie in bytes 8 to 11, their high 2 above those of the first four.
    const [scale, minimum] =
      run < 4
        ? [packed(run) & 63, packed(run + 4) & 63]
        : [
            (packed(run + 4) & 15) | ((packed(run - 4) >> 6) << 4),
            (packed(run + 4) >> 4) | ((packed(run) >> 6) << 4),
          ];
    const codes = at + 16 + (run >> 1) * 32;
    const shift = (run & 1) * 4;
    for (let i = 0; i < 32; i += 1)
      into[to + run * 32 + i] = d * scale * (((from[codes + i] ?? 0) >> shift) & 15) - dmin * minimum;
  }
}

/** The low 4 bits of 256 codes in 128 bytes, their high 2 in 64, 16 scales of 8 bits with a sign, d in f16. */
function decodeQ6K(from: Uint8Array, at: number, into: Float32Array, to: number): void {
  const d = half(from, at + 208);
  for (let i = 0; i < 256; i += 1) {
    // 128 numbers are four runs of 32: two share the bytes of low bits, all four those of high bits.
    const [part, run, lane] = [i >> 7, (i >> 5) & 3, i & 31];
    const low = ((from[at + part * 64 + (run & 1) * 32 + lane] ?? 0) >> ((run >> 1) * 4)) & 15;
    const high = ((from[at + 128 + part * 32 + lane] ?? 0) >> (run * 2)) & 3;
    into[to + i] = d * signed(from[at + 192 + (i >> 4)]) * ((low | (high << 4)) - 32);
  }
}

function signed(byte: number | undefined): number {
  return ((byte ?? 0) << 24) >> 24;
}

/** A number of f16 (IEEE 754 binary16), little-endian. */
function half(from: Uint8Array, at: number): number {
  const bits = (from[at] ?? 0) | ((from[at + 1] ?? 0) << 8);
  const sign = bits & 0x8000 ? -1 : 1;
  const [exponent, fraction] = [(bits >> 10) & 31, bits & 1023];
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return sign * (exponent === 0 ? fraction * 2 ** -24 : (1024 + fraction) * 2 ** (exponent - 25));
}
