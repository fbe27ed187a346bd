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
  if (type === "f32") {
    for (let at = 0; at < data.length; at += 1) view.setFloat32(at * 4, data[at] ?? 0, true);
    return bytes;
  }
  data.forEach((value, index) => {
    const rounded = round(value, type);
    if (type === "f16") view.setFloat16(index * 2, rounded, true);
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

/** The codes of both digits of every 12 bits, as one number: of a group of three bytes two are written, not four. */
const pairCodes = new Uint16Array(
  Uint8Array.from({ length: 8192 }, (_, at) => digits.charCodeAt(at % 2 === 0 ? at >> 7 : (at >> 1) & 63))
    .buffer,
);

function base64Piece(bytes: Uint8Array): string {
  const groups = Math.ceil(bytes.length / 3);
  const pairs = new Uint16Array(groups * 2);
  for (let group = 0, from = 0; group < groups; group += 1, from += 3) {
    const word = ((bytes[from] ?? 0) << 16) | ((bytes[from + 1] ?? 0) << 8) | (bytes[from + 2] ?? 0);
    pairs[group * 2] = pairCodes[word >> 12] ?? 0;
    pairs[group * 2 + 1] = pairCodes[word & 4095] ?? 0;
  }
  const text: string = Reflect.apply(String.fromCharCode, undefined, new Uint8Array(pairs.buffer));
  const missing = groups * 3 - bytes.length;
  return missing === 0 ? text : `${text.slice(0, -missing)}${"=".repeat(missing)}`;
}
