// Random numbers that are functions of their place: Threefry-2x32 with 20 rounds (Salmon, Moraes, Dror and Shaw, "Parallel
// random numbers: as easy as 1, 2, 3", 2011), key (seed, purpose), counter (high, low). The first word's top 23 bits k give
// (k + 1/2) / 2^23: every value has 24 bits, so it is the same in f32 and float64, and neither 0 nor 1 comes out.
import { misfit, sameShape, typeText, wrongCount } from "./check.ts";
import type { Operation } from "./operation.ts";

const ROTATIONS = [13, 15, 26, 6, 17, 29, 16, 24] as const;
const PARITY = 0x1bd11bda;

/** Both words of the block cipher, as unsigned 32-bit numbers. */
export function threefry(
  key: readonly [number, number],
  counter: readonly [number, number],
): readonly [number, number] {
  const keys = [key[0] | 0, key[1] | 0, key[0] ^ key[1] ^ PARITY] as const;
  let x0 = (counter[0] + keys[0]) | 0;
  let x1 = (counter[1] + keys[1]) | 0;
  for (let round = 0; round < 20; round++) {
    const turn = ROTATIONS[round % 8] as number;
    x0 = (x0 + x1) | 0;
    x1 = ((x1 << turn) | (x1 >>> (32 - turn))) ^ x0;
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      x0 = (x0 + (keys[injection % 3] as number)) | 0;
      x1 = (x1 + (keys[(injection + 1) % 3] as number) + injection) | 0;
    }
  }
  return [x0 >>> 0, x1 >>> 0];
}

/** A number strictly between 0 and 1, the same as the device's. */
export function uniform(seed: number, purpose: number, high: number, low: number): number {
  const [word] = threefry([seed, purpose], [high, low]);
  return ((word >>> 9) + 0.5) * 2 ** -23;
}

/** The rounds written out: five groups of four with a key injection after each. */
function threefryText(): string {
  const lines: string[] = [];
  for (let round = 0; round < 20; round++) {
    const turn = ROTATIONS[round % 8] as number;
    lines.push(`  x0 = x0 + x1; x1 = ((x1 << ${turn}u) | (x1 >> ${32 - turn}u)) ^ x0;`);
    if (round % 4 === 3) {
      const injection = (round + 1) / 4;
      lines.push(`  x0 = x0 + k${injection % 3}; x1 = x1 + k${(injection + 1) % 3} + ${injection}u;`);
    }
  }
  return `fn ftl_random(k0: u32, k1: u32, high: u32, low: u32) -> f32 {
  let k2 = k0 ^ k1 ^ ${PARITY}u;
  var x0 = high + k0;
  var x1 = low + k1;
${lines.join("\n")}
  return (f32(x0 >> 9u) + 0.5f) * 1.1920928955078125e-7f;
}
`;
}

/** Inputs: seed, purpose, and the two words of the place, all u32 of one shape. */
export const random: Operation = {
  name: "random",
  about: "uniform in (0, 1), a function of seed, purpose, high and low alone",
  infer(inputs) {
    const [seed] = inputs;
    if (seed === undefined || inputs.length !== 4) return wrongCount(inputs, 4);
    for (const [index, input] of inputs.entries()) {
      if (input.type !== "u32") return misfit(`takes u32, not ${typeText(input)}`, index);
      if (!sameShape(input.shape, seed.shape))
        return misfit(`${typeText(input)} does not match ${typeText(seed)}`, index);
    }
    return [{ shape: seed.shape, type: "f32" }];
  },
  evaluate([seed, purpose, high, low]) {
    if (seed === undefined || purpose === undefined || high === undefined || low === undefined) return [];
    const data = new Float64Array(seed.data.length);
    for (let i = 0; i < data.length; i++)
      data[i] = uniform(
        seed.data[i] as number,
        purpose.data[i] as number,
        high.data[i] as number,
        low.data[i] as number,
      );
    return [{ shape: seed.shape, data }];
  },
  lowering: {
    kind: "elementwise",
    functions: threefryText(),
    wgsl: ([seed, purpose, high, low]) => `ftl_random(${seed}, ${purpose}, ${high}, ${low})`,
  },
  cost: 80,
  samples: [
    {
      inputs: [
        { shape: [3], type: "u32", data: [7, 7, 4294967295] },
        { shape: [3], type: "u32", data: [0, 1, 4294967295] },
        { shape: [3], type: "u32", data: [0, 0, 4294967295] },
        { shape: [3], type: "u32", data: [0, 1, 4294967295] },
      ],
      attributes: {},
    },
  ],
};
