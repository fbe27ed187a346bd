// Goes in: the first bytes of a GGUF file. Comes out: its integers, strings and fields, one after the other, as plain values. Holds: what is
// not there is never read; a reader that came to its last byte says so by an error of its own, so that more bytes can be fetched.
export interface ByteReader {
  u8(): number;
  u32(): number;
  /** 64 bits, which must be a whole number that is exact. */
  size(what: string): number;
  string(what: string): string;
  /** A field's value as text; of a list only how long it is. */
  value(key: string): string;
  at(): number;
  /** Whether an error says that the bytes were too few. */
  isOver(cause: unknown): boolean;
}

/** Bytes of a field's value by its type; strings (8) and lists (9) say theirs. */
const valueBytes: readonly (number | undefined)[] = [1, 1, 2, 2, 4, 4, 4, 1, undefined, undefined, 8, 8, 8];
const stringType = 8;
const listType = 9;

export function byteReader(bytes: Uint8Array, refusal: (reason: string) => Error): ByteReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const over = new RangeError("there are no more bytes");
  let at = 0;
  function take(count: number): number {
    if (count > bytes.length - at) throw over;
    at += count;
    return at - count;
  }
  const u32 = (): number => view.getUint32(take(4), true);
  function size(what: string): number {
    const value = view.getBigUint64(take(8), true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw refusal(`${what} is ${value}, which is too large`);
    return Number(value);
  }
  function string(what: string): string {
    const length = size(`the length of ${what}`);
    const from = take(length);
    try {
      return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(bytes.subarray(from, at));
    } catch {
      throw refusal(`${what} is not UTF-8`);
    }
  }
  function list(key: string): string {
    const type = u32();
    const length = size(`the length of field ${JSON.stringify(key)}`);
    const each = valueBytes[type];
    if (each !== undefined) take(each * length);
    else if (type === stringType)
      for (let i = 0; i < length; i += 1) take(size(`a length in field ${JSON.stringify(key)}`));
    else throw refusal(`field ${JSON.stringify(key)} is a list of type ${type}, which is not known`);
    return `${length} values`;
  }
  function value(key: string): string {
    const type = u32();
    if (type === stringType) return string(`field ${JSON.stringify(key)}`);
    if (type === listType) return list(key);
    const count = valueBytes[type];
    if (count === undefined)
      throw refusal(`field ${JSON.stringify(key)} has type ${type}, which is not known`);
    const from = take(count);
    if (type === 6) return String(view.getFloat32(from, true));
    if (type === 12) return String(view.getFloat64(from, true));
    if (count === 8)
      return String(type === 11 ? view.getBigInt64(from, true) : view.getBigUint64(from, true));
    if (count === 4) return String(type === 5 ? view.getInt32(from, true) : view.getUint32(from, true));
    if (count === 2) return String(type === 3 ? view.getInt16(from, true) : view.getUint16(from, true));
    return String(type === 1 ? view.getInt8(from) : view.getUint8(from));
  }
  return {
    u8: () => view.getUint8(take(1)),
    u32,
    size,
    string,
    value,
    at: () => at,
    isOver: (cause) => cause === over,
  };
}
