// Goes in: a key, a list of numbers such as seed and epoch. Comes out: a stream of random 32-bit numbers that is the key's own.
// Always: a pure function of the key. xoshiro128** (Blackman and Vigna, 2018), its state from a hash of the key.

/** Uniform in 0..<n: what falls into the last, incomplete round of n below 2^32 is drawn again. */
export function below(n: number, next: () => number): number {
  const limit = 2 ** 32 - (2 ** 32 % n);
  for (;;) {
    const draw = next();
    if (draw < limit) return draw % n;
  }
}

export function generator(key: readonly number[]): () => number {
  // Each number of the key enters whole: seeds may be as large as 2^53 - 1.
  let state = 0x9e3779b9;
  for (const part of key) {
    state = mix(state ^ (part >>> 0));
    state = mix(state ^ Math.floor(part / 2 ** 32));
  }
  const s = Uint32Array.from({ length: 4 }, () => (state = mix(state + 0x9e3779b9)));
  // All zeros is the one state that xoshiro never leaves.
  if (s.every((word) => word === 0)) s[0] = 1;
  return () => {
    const [s0 = 0, s1 = 0, s2 = 0, s3 = 0] = s;
    const result = Math.imul(rotate(Math.imul(s1, 5), 7), 9) >>> 0;
    const a = s2 ^ s0;
    const b = s3 ^ s1;
    s[0] = s0 ^ b;
    s[1] = s1 ^ a;
    s[2] = a ^ (s1 << 9);
    s[3] = rotate(b, 11);
    return result;
  };
}

function rotate(x: number, by: number): number {
  return (x << by) | (x >>> (32 - by));
}

/** The finalizer of MurmurHash3: every bit of the input moves every bit of the output. */
function mix(x: number): number {
  let h = x | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
