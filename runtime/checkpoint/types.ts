// The element types of safetensors files and what one element takes. The order of the table is the order of the reference
// library's type (by growing alignment, then as declared there), which decides where tensors lie in a written file.

const table = {
  BOOL: 8,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  F8_E4M3FNUZ: 8,
  F8_E5M2FNUZ: 8,
  I16: 16,
  U16: 16,
  F16: 16,
  BF16: 16,
  I32: 32,
  U32: 32,
  F32: 32,
  C64: 64,
  F64: 64,
  I64: 64,
  U64: 64,
} as const;

export type StoredType = keyof typeof table;

const bits: ReadonlyMap<string, number> = new Map(Object.entries(table));
const order: ReadonlyMap<string, number> = new Map([...bits.keys()].map((name, i) => [name, i]));

export function isStoredType(name: string): name is StoredType {
  return bits.has(name);
}

/** Larger means earlier in a written file. */
export function typeOrder(type: StoredType): number {
  return order.get(type) ?? -1;
}

/**
 * Bytes of a tensor, or the reason why there is no such size: a product beyond exact integers (the reference library refuses
 * what overflows on the way, even if a later dimension is 0), or elements of 4 or 6 bits that do not fill whole bytes.
 */
export function byteLength(type: StoredType, shape: readonly number[]): number | string {
  let count = 1;
  for (const size of shape) {
    count *= size;
    if (!Number.isSafeInteger(count)) return `the product of its shape [${shape.join(", ")}] is too large`;
  }
  const inBits = count * table[type];
  if (!Number.isSafeInteger(inBits)) return `the product of its shape [${shape.join(", ")}] is too large`;
  if (inBits % 8 !== 0) return `${count} elements of ${table[type]} bits do not fill whole bytes`;
  return inBits / 8;
}
