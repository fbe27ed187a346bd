// Tensors of the checkpoint that are held in a format. Those that files have as numbers go, one at a time and in chunks, into the variable
// that the plan keeps for it, and the tensor's own program encodes them on the device. Those that files of bitsandbytes have encoded
// go where they belong as they are. Comes in: a session and an opened checkpoint. Goes out: readings, all checked before the first is
// carried out. Holds: neither host nor device has more than one tensor as plain numbers.
import type { PlanHeld, PlanVariable } from "../../compiler/plan/plan.ts";
import { toFloats } from "../checkpoint/convert.ts";
import { CheckpointError } from "../checkpoint/error.ts";
import type { Checkpoint, StoredTensor } from "../checkpoint/folder.ts";
import { readChunks, readTensor } from "../checkpoint/safetensors.ts";
import { packedBytes, windowsOf } from "../launch/extent.ts";
import type { Session } from "../launch/session.ts";

/** A tensor of the files that goes as it is into a part of a variable; `number` instead: one number. */
interface Copy {
  readonly variable: string;
  readonly part: number;
  readonly room: number;
  readonly from: StoredTensor | { readonly number: number };
  readonly name: string;
}

/** A held tensor that files have encoded. */
export interface EncodedReading {
  readonly copies: readonly Copy[];
  readonly bytes: number;
}

/** The tensors that `name` stands for in files that hold it encoded, or undefined where they hold it as numbers. */
export async function encodedReading(
  session: Session,
  held: PlanHeld,
  part: number,
  checkpoint: Checkpoint,
  encodings: ReadonlyMap<string, string>,
): Promise<EncodedReading | undefined> {
  const name = held.names[part] ?? "";
  const file = checkpoint.tensors.get(name)?.file;
  const kind = encodings.get(name);
  if (file === undefined || kind === undefined) return undefined;
  const { stored } = held;
  const state = name + described + kind;
  const { path } = file;
  const refuse = (why: string): never => {
    throw new CheckpointError(path, `tensor ${JSON.stringify(name)} is stored encoded; ${why}`);
  };
  if (stored === undefined || state !== `${name}.${stored.state}`)
    return refuse(`as ${kind}, and the recipe says weights: ${held.format}; write weights: ${kind}`);
  const json = await stateOf(checkpoint, state, path);
  for (const { name: field, value, option } of stored.fields) {
    const found = json[field] ?? undefined;
    if (found === value) continue;
    const [theirs, ours] = [found, value].map((each) => (each === undefined ? "none" : JSON.stringify(each)));
    const hint = option === "" ? "" : `; give the option '${option}' the file's value`;
    refuse(`its ${field} is ${theirs}, and weights: ${held.format} has ${ours}${hint}`);
  }
  const shape = json["shape"];
  if (!Array.isArray(shape) || shape.join() !== held.shape.join())
    refuse(`its shape is [${String(shape)}], and [${held.shape.join(", ")}] was expected`);
  for (const { name: table, variable } of stored.tables) {
    const beside = checkpoint.tensors.get(`${name}.${table}`);
    const known = session.plan.variables.find((each) => each.name === variable);
    if (beside === undefined || known === undefined || !(await isTable(beside, `${name}.${table}`, known)))
      refuse(`its ${table} is not that of weights: ${held.format}`);
  }
  const copies = held.tensors.map((variable, index): Copy => {
    const own = stored.names[index] ?? "";
    const full = own === "" ? name : `${name}.${own}`;
    const room = roomOf(session, variable, part);
    const tensor = checkpoint.tensors.get(full);
    const number = json[own];
    if (tensor === undefined)
      return typeof number === "number"
        ? { variable, part, room, from: { number }, name: full }
        : refuse(`it has no ${own}`);
    const bytes = tensor.end - tensor.begin;
    // Behind the last element a format's words may be filled up to a whole block.
    if (bytes > room || room - bytes >= largestFilling) refuse(`${full} has ${bytes} bytes, not ${room}`);
    return { variable, part, room, from: tensor, name: full };
  });
  const bytes = copies.reduce((sum, { from }) => sum + ("number" in from ? 0 : from.end - from.begin), 0);
  return { copies, bytes };
}

const largestFilling = 4096;
const chunkBytes = 4 * 1024 * 1024;

/** What stands between a tensor's name and the name of the format that a file of bitsandbytes holds it in. */
const described = ".quant_state.bitsandbytes__";

/** For each tensor that files hold encoded the name of the format, as bitsandbytes has it. */
export function encodingsIn(tensors: Iterable<string>): ReadonlyMap<string, string> {
  const found = new Map<string, string>();
  for (const name of tensors) {
    const at = name.indexOf(described);
    if (at !== -1) found.set(name.slice(0, at), name.slice(at + described.length));
  }
  return found;
}

async function stateOf(
  checkpoint: Checkpoint,
  name: string,
  path: string,
): Promise<Readonly<Record<string, unknown>>> {
  const tensor = checkpoint.tensors.get(name);
  if (tensor === undefined) return {};
  const text = new TextDecoder().decode(await readTensor(tensor.file, name));
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === "object" && value !== null) return { ...value };
  } catch {
    // Told below.
  }
  throw new CheckpointError(path, `tensor ${JSON.stringify(name)} is no JSON object`);
}

/** Whether a tensor of f32 holds what a table of the plan does, but for rounding. */
async function isTable(tensor: StoredTensor, name: string, { initial }: PlanVariable): Promise<boolean> {
  if (initial.from !== "table" || tensor.dtype !== "F32") return false;
  const theirs = toFloats(await readTensor(tensor.file, name), "F32");
  const ours = toFloats(new Uint8Array(Buffer.from(initial.data, "base64")), "F32");
  return theirs.length === ours.length && theirs.every((value, at) => isNear(value, ours[at] ?? NaN));
}

function isNear(a: number, b: number): boolean {
  return Math.abs(a - b) <= 1e-6 * Math.max(Math.abs(a), Math.abs(b));
}

function roomOf({ plan }: Session, name: string, part: number): number {
  const variable = plan.variables.find((each) => each.name === name);
  const windows = variable === undefined ? [] : windowsOf(plan, variable, part);
  if (windows.length === 0) throw new RangeError(`the plan has no part ${part} of '${name}'`);
  return windows.reduce((sum, tensor) => sum + packedBytes(tensor), 0);
}

/** Puts what files hold encoded in its place; words that no file fills are zero. */
export async function copyEncoded(
  session: Session,
  { copies }: EncodedReading,
  onChunk: (bytes: number) => void,
): Promise<void> {
  for (const { variable, part, room, from, name } of copies) {
    let end = 0;
    if ("number" in from) {
      await session.writePart(variable, part, 0, new Uint8Array(Float32Array.of(from.number).buffer));
      end = 4;
    } else {
      for await (const { offset, bytes } of readChunks(from.file, name, chunkBytes)) {
        end = offset + bytes.length;
        const whole = end % 4 === 0 ? bytes : filled(bytes, Math.ceil(bytes.length / 4) * 4);
        await session.writePart(variable, part, offset, whole);
        onChunk(bytes.length);
      }
    }
    const next = Math.ceil(end / 4) * 4;
    if (next < room) await session.writePart(variable, part, next, new Uint8Array(room - next));
  }
}

function filled(bytes: Uint8Array, length: number): Uint8Array {
  const made = new Uint8Array(length);
  made.set(bytes);
  return made;
}
