// Blockwise quantization written once more, from the papers (Dettmers et al., 2022 and 2023) and the published algorithm of bitsandbytes:
// loops over numbers, nothing of the library. `round` is what each operation rounds to: f32, or nothing.
export type Rounding = (value: number) => number;

/** The 16 values of NF4, in f32. */
const quantiles = [
  -1, -0.6961928009986877, -0.5250730514526367, -0.39491748809814453, -0.28444138169288635,
  -0.18477343022823334, -0.09105003625154495, 0, 0.07958029955625534, 0.16093020141124725,
  0.24611230194568634, 0.33791524171829224, 0.44070982933044434, 0.5626170039176941, 0.7229568362236023, 1,
];

/** Above each of these bitsandbytes gives the next value. */
const thresholds = [
  -0.8480964004993439, -0.6106329262256622, -0.4599952697753906, -0.33967943489551544, -0.23460740596055984,
  -0.13791173323988914, -0.045525018125772476, 0.03979014977812767, 0.1202552504837513, 0.2035212516784668,
  0.2920137718319893, 0.3893125355243683, 0.5016634166240692, 0.6427869200706482, 0.8614784181118011,
].map(Math.fround);

/** `create_dynamic_map(signed, max_exponent_bits=7, total_bits=8)`. */
export function dynamicMap(signed: boolean): number[] {
  const values = [0, 1];
  for (let i = 0; i < 7; i += 1) {
    const items = 2 ** (i + (signed ? 0 : 1));
    for (let j = 0; j < items; j += 1) {
      const [low, high] = [0.1 + (0.9 * j) / items, 0.1 + (0.9 * (j + 1)) / items];
      const value = 10 ** (i - 6) * ((low + high) / 2);
      values.push(value);
      if (signed) values.push(-value);
    }
  }
  return values.toSorted((a, b) => a - b);
}

/** The nearest of the values, by the search of bitsandbytes' kernel: a tie stays where the search ended. */
function nearest(x: number, values: readonly number[], round: Rounding): number {
  const value = (at: number): number => values[at] ?? NaN;
  let [at, lower, upper] = [127, 0, 255];
  for (let step = 64; step > 0; step >>= 1) {
    if (x > value(at)) {
      lower = at;
      at += step;
    } else {
      upper = at;
      at -= step;
    }
  }
  if (x > value(at)) return x > round(round(value(upper) + value(at)) * 0.5) ? upper : at;
  return x < round(round(value(lower) + value(at)) * 0.5) ? lower : at;
}

export interface Blocks {
  readonly codes: number[];
  readonly scales: number[];
}

/** Codes of parts of the largest of each block. A block of zeros divides by zero, and no comparison holds: code 0. */
function blockwise(
  x: ArrayLike<number>,
  block: number,
  round: Rounding,
  code: (part: number) => number,
): Blocks {
  const [codes, scales]: [number[], number[]] = [[], []];
  for (let start = 0; start < x.length; start += block) {
    const own = Array.from({ length: Math.min(block, x.length - start) }, (_, at) => x[start + at] ?? 0);
    const scale = Math.max(...own.map(Math.abs));
    const inverse = round(1 / scale);
    scales.push(scale);
    for (const value of own) codes.push(scale === 0 ? 0 : code(round(value * inverse)));
  }
  return { codes, scales };
}

export interface Nf4 extends Blocks {
  /** Of double quantization. */
  readonly nested:
    { readonly codes: number[]; readonly scales: number[]; readonly offset: number } | undefined;
}

/** `offset`: the mean of the scales, where it is known already: sums of f32 hang on their order. */
export function nf4(
  x: ArrayLike<number>,
  block: number,
  double: boolean,
  round: Rounding,
  offset?: number,
): Nf4 {
  const blocks = blockwise(
    x,
    block,
    round,
    (part) => thresholds.filter((threshold) => part > threshold).length,
  );
  if (!double) return { ...blocks, nested: undefined };
  const mean = offset ?? blocks.scales.reduce((sum, scale) => sum + scale, 0) / blocks.scales.length;
  const rest = blocks.scales.map((scale) => round(scale - mean));
  const map = dynamicMap(true).map(round);
  const nested = blockwise(rest, 256, round, (part) => nearest(part, map, round));
  return { ...blocks, nested: { ...nested, offset: mean } };
}

export function fromNf4({ codes, scales, nested }: Nf4, block: number, round: Rounding): number[] {
  const map = dynamicMap(true).map(round);
  const held = scales.map((scale, at) => {
    if (nested === undefined) return scale;
    const [code, largest] = [nested.codes[at] ?? 0, nested.scales[Math.floor(at / 256)] ?? 0];
    return round(round((map[code] ?? 0) * largest) + nested.offset);
  });
  return codes.map((code, at) => round((quantiles[code] ?? 0) * (held[Math.floor(at / block)] ?? 0)));
}

/** Of two neighbours the first is the upper half of a byte; behind the last is the code of zero. */
export function packed4(codes: readonly number[]): Uint8Array {
  return Uint8Array.from({ length: Math.ceil(codes.length / 2) }, (_, at) => {
    return ((codes[2 * at] ?? 0) << 4) | (codes[2 * at + 1] ?? 7);
  });
}

/** Steps of a 127th of the largest of a block, stored with 128 added. */
export function int8(x: ArrayLike<number>, block: number, round: Rounding): Blocks {
  const toEven = (value: number): number => {
    const below = Math.floor(value);
    const rest = value - below;
    return rest === 0.5 ? below + Math.abs(below % 2) : rest < 0.5 ? below : below + 1;
  };
  const { codes, scales } = blockwise(x, block, round, (part) => 128 + toEven(round(127 * part)));
  return { scales, codes: codes.map((code, at) => (scales[Math.floor(at / block)] === 0 ? 1 : code)) };
}

export function fromInt8({ codes, scales }: Blocks, block: number, round: Rounding): number[] {
  return codes.map((code, at) => round((code - 128) * round((scales[Math.floor(at / block)] ?? 0) / 127)));
}

/** An optimizer's state in 8 bits (Dettmers et al., 2022). */
export function dynamic8(x: ArrayLike<number>, block: number, signed: boolean, round: Rounding): Blocks {
  const map = dynamicMap(signed).map(round);
  return blockwise(x, block, round, (part) => nearest(part, map, round));
}

export function fromDynamic8(
  { codes, scales }: Blocks,
  block: number,
  signed: boolean,
  round: Rounding,
): number[] {
  const map = dynamicMap(signed).map(round);
  return codes.map((code, at) => round((map[code] ?? 0) * (scales[Math.floor(at / block)] ?? 0)));
}

/** Numbers of the standard normal distribution, the same each time. */
export function normals(count: number, seed = 1): Float64Array {
  let state = seed >>> 0;
  const uniform = (): number => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state + 0.5) / 2 ** 32;
  };
  return Float64Array.from(
    { length: count },
    () => Math.sqrt(-2 * Math.log(uniform())) * Math.cos(2 * Math.PI * uniform()),
  );
}
