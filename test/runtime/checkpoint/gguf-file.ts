// GGUF files made byte by byte, and a reference decoder in float64 that follows ggml's published loops instead of this project's code.
export interface Listed {
  readonly name: string;
  /** As GGUF has them: the axis of neighbours first. */
  readonly sizes: readonly number[];
  readonly type: number;
  readonly data: Uint8Array;
  readonly offset?: number;
}

type Value = string | number | readonly string[];

const u32 = (value: number): Buffer => {
  const made = Buffer.alloc(4);
  made.writeUInt32LE(value);
  return made;
};
const u64 = (value: number): Buffer => {
  const made = Buffer.alloc(8);
  made.writeBigUInt64LE(BigInt(value));
  return made;
};
const text = (value: string): Buffer => Buffer.concat([u64(Buffer.byteLength(value)), Buffer.from(value)]);

function field(value: Value): Buffer {
  if (typeof value === "number") return Buffer.concat([u32(4), u32(value)]);
  if (typeof value === "string") return Buffer.concat([u32(8), text(value)]);
  return Buffer.concat([u32(9), u32(8), u64(value.length), ...value.map(text)]);
}

export function ggufFile(
  fields: Readonly<Record<string, Value>>,
  tensors: readonly Listed[],
  version: number = 3,
): Buffer {
  const data: Buffer[] = [];
  let end = 0;
  const infos = tensors.map(({ name, sizes, type, data: own, offset }) => {
    const padded = Buffer.alloc(Math.ceil(own.length / 32) * 32);
    padded.set(own);
    data.push(padded);
    const at = offset ?? end;
    end += padded.length;
    return Buffer.concat([text(name), u32(sizes.length), ...sizes.map(u64), u32(type), u64(at)]);
  });
  const pairs = Object.entries(fields).map(([key, value]) => Buffer.concat([text(key), field(value)]));
  const counts = [u64(tensors.length), u64(pairs.length)];
  const header = Buffer.concat([Buffer.from("GGUF"), u32(version), ...counts, ...pairs, ...infos]);
  return Buffer.concat([header, Buffer.alloc((32 - (header.length % 32)) % 32), ...data]);
}

/** Quantized types by ggml's number: elements and bytes of a block, where its scales in f16 are, and one block's numbers. */
export const references: ReadonlyMap<
  number,
  {
    readonly elements: number;
    readonly bytes: number;
    readonly halves: readonly number[];
    readonly numbers: (block: DataView) => number[];
  }
> = new Map([
  [2, { elements: 32, bytes: 18, halves: [0], numbers: q40 }],
  [8, { elements: 32, bytes: 34, halves: [0], numbers: q80 }],
  [12, { elements: 256, bytes: 144, halves: [0, 2], numbers: q4k }],
  [14, { elements: 256, bytes: 210, halves: [208], numbers: q6k }],
]);

function f16(block: DataView, at: number): number {
  const bits = block.getUint16(at, true);
  const magnitude =
    (bits & 0x7c00) === 0
      ? (bits & 0x3ff) / 2 ** 24
      : 2 ** (((bits >> 10) & 31) - 15) * (1 + (bits & 0x3ff) / 1024);
  return bits >= 0x8000 ? -magnitude : magnitude;
}

function q40(block: DataView): number[] {
  const y: number[] = [];
  for (let j = 0; j < 16; j += 1) {
    y[j] = ((block.getUint8(2 + j) & 0xf) - 8) * f16(block, 0);
    y[j + 16] = ((block.getUint8(2 + j) >> 4) - 8) * f16(block, 0);
  }
  return y;
}

function q80(block: DataView): number[] {
  return [...Array(32).keys()].map((j) => block.getInt8(2 + j) * f16(block, 0));
}

function q4k(block: DataView): number[] {
  const q = (j: number): number => block.getUint8(4 + j);
  const scaleAndMin = (j: number): readonly [number, number] =>
    j < 4
      ? [q(j) & 63, q(j + 4) & 63]
      : [(q(j + 4) & 0xf) | ((q(j - 4) >> 6) << 4), (q(j + 4) >> 4) | ((q(j) >> 6) << 4)];
  const y: number[] = [];
  for (let j = 0, from = 16; j < 8; j += 2, from += 32) {
    const [sc1, m1] = scaleAndMin(j);
    const [sc2, m2] = scaleAndMin(j + 1);
    for (let l = 0; l < 32; l += 1)
      y.push(f16(block, 0) * sc1 * (block.getUint8(from + l) & 0xf) - f16(block, 2) * m1);
    for (let l = 0; l < 32; l += 1)
      y.push(f16(block, 0) * sc2 * (block.getUint8(from + l) >> 4) - f16(block, 2) * m2);
  }
  return y;
}

function q6k(block: DataView): number[] {
  const y: number[] = [];
  for (let n = 0; n < 2; n += 1) {
    const [ql, qh, sc, out] = [n * 64, 128 + n * 32, 192 + n * 8, n * 128];
    for (let l = 0; l < 32; l += 1) {
      const is = l < 16 ? 0 : 1;
      const [low, far, high] = [block.getUint8(ql + l), block.getUint8(ql + l + 32), block.getUint8(qh + l)];
      const codes = [
        (low & 0xf) | ((high & 3) << 4),
        (far & 0xf) | (((high >> 2) & 3) << 4),
        (low >> 4) | (((high >> 4) & 3) << 4),
        (far >> 4) | (((high >> 6) & 3) << 4),
      ];
      for (const [run, code] of codes.entries())
        y[out + run * 32 + l] = f16(block, 208) * block.getInt8(sc + is + run * 2) * (code - 32);
    }
  }
  return y;
}

/** Random blocks whose scales are finite, and the numbers that they stand for, in the file's order. */
export function randomBlocks(
  type: number,
  count: number,
  random: () => number,
): { readonly data: Uint8Array; readonly numbers: Float32Array } {
  const known = references.get(type);
  if (known === undefined) throw new RangeError(`no type ${type}`);
  const blocks = count / known.elements;
  const data = Uint8Array.from({ length: blocks * known.bytes }, () => Math.floor(random() * 256));
  const numbers: number[] = [];
  for (let block = 0; block < blocks; block += 1) {
    const view = new DataView(data.buffer, block * known.bytes, known.bytes);
    // Small scales of both signs, subnormal ones among them.
    for (const at of known.halves)
      view.setUint16(at, (random() < 0.5 ? 0x8000 : 0) | Math.floor(random() * 0x2800), true);
    numbers.push(...known.numbers(view));
  }
  return { data, numbers: Float32Array.from(numbers) };
}

const names: readonly (readonly [string, string])[] = [
  ["model.embed_tokens", "token_embd"],
  ["model.norm", "output_norm"],
  ["lm_head", "output"],
  ["model.layers", "blk"],
  ["input_layernorm", "attn_norm"],
  ["post_attention_layernorm", "ffn_norm"],
  ["self_attn.o_proj", "attn_output"],
  ["self_attn.q_proj", "attn_q"],
  ["self_attn.k_proj", "attn_k"],
  ["self_attn.v_proj", "attn_v"],
  ["mlp.gate_proj", "ffn_gate"],
  ["mlp.up_proj", "ffn_up"],
  ["mlp.down_proj", "ffn_down"],
];
/** The name in a GGUF file of a tensor of llama. */
export const ggufName = (name: string): string =>
  names.reduce((text, [theirs, own]) => text.replace(`${theirs}.`, `${own}.`), name);

/** For each row of a GGUF file's queries or keys, [head, pair, half], its place in Hugging Face's order, [head, half, pair]. */
export function rowsInPairs(rows: number, heads: number): number[] {
  const half = rows / heads / 2;
  return Array.from(
    { length: rows },
    (_, at) => Math.floor(at / (2 * half)) * 2 * half + (at % 2) * half + (Math.floor(at / 2) % half),
  );
}

/** Mulberry32: the same numbers on every machine. */
export function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}
