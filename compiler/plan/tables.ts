// The first values of variables, as the plan lists them. Tables are computed in float64 when a recipe is compiled and packed as the device
// reads them: little-endian elements in the stored type, in base64.
import type { ElementType, Region, Variable } from "../ir/graph.ts";
import type { Tensor } from "../ops/operation.ts";
import { round } from "../ops/rounding.ts";
import type { PlanInitial } from "./plan.ts";

export function initialOf(
  { initial, type, name }: Variable,
  interpret: (region: Region, inputs: readonly Tensor[]) => readonly Tensor[],
): PlanInitial {
  if (initial.from !== "table") return initial;
  const [table] = interpret(initial.region, []);
  if (table === undefined) throw new RangeError(`the table '${name}' has no value`);
  return { from: "table", data: packTable(table.data, type) };
}

const digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

export function packTable(data: Float64Array, type: ElementType): string {
  return base64(packElements(data, type));
}

function packElements(data: Float64Array, type: ElementType): Uint8Array {
  const isHalf = type === "f16" || type === "bf16";
  const bytes = new Uint8Array(data.length * (isHalf ? 2 : 4));
  const view = new DataView(bytes.buffer);
  const word = new DataView(new ArrayBuffer(4));
  data.forEach((value, index) => {
    const rounded = round(value, type);
    if (type === "f32") view.setFloat32(index * 4, rounded, true);
    else if (type === "f16") view.setFloat16(index * 2, rounded, true);
    else if (type === "bf16") {
      word.setFloat32(0, rounded);
      view.setUint16(index * 2, word.getUint16(0), true);
    } else if (type === "i32") view.setInt32(index * 4, rounded, true);
    else view.setUint32(index * 4, rounded, true);
  });
  return bytes;
}

export function base64(bytes: Uint8Array): string {
  const pieces: string[] = [];
  // A whole number of groups of three bytes, and of characters no more than an engine takes as arguments.
  for (let from = 0; from < bytes.length; from += 6144)
    pieces.push(base64Piece(bytes.subarray(from, from + 6144)));
  return pieces.join("");
}

const digitCodes = Uint8Array.from(digits, (digit) => digit.charCodeAt(0));

function base64Piece(bytes: Uint8Array): string {
  const groups = Math.ceil(bytes.length / 3);
  const codes = new Uint8Array(groups * 4);
  for (let group = 0; group < groups; group += 1) {
    const [from, to] = [group * 3, group * 4];
    const word = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    codes[to] = digitCodes[word >> 18] ?? 0;
    codes[to + 1] = digitCodes[(word >> 12) & 63] ?? 0;
    codes[to + 2] = digitCodes[(word >> 6) & 63] ?? 0;
    codes[to + 3] = digitCodes[word & 63] ?? 0;
  }
  const text: string = Reflect.apply(String.fromCharCode, undefined, codes);
  const missing = groups * 3 - bytes.length;
  return missing === 0 ? text : `${text.slice(0, -missing)}${"=".repeat(missing)}`;
}
