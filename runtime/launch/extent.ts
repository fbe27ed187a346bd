// Where the elements of a persistent tensor lie in its buffer: side by side, or in slices that are aligned apart.
// Comes in: a tensor of the plan and a range of its packed bytes. Goes out: ranges of the buffer, in order.
// Holds: packed bytes are the elements alone; a range of the buffer starts and ends at a multiple of 4, where 16-bit elements may
// leave 2 bytes of padding at the end of a slice.
import { bytesOf, sizeOf } from "../../compiler/ir/graph.ts";
import type { Plan, PlanTensor, PlanVariable } from "../../compiler/plan/plan.ts";

export interface Range {
  /** From the start of the packed bytes. */
  readonly packed: number;
  /** From the start of the buffer. */
  readonly offset: number;
  /** Packed bytes of this range; in the buffer it takes as many, rounded up to 4. */
  readonly length: number;
}

/** How many parts a variable has: one, or one a layer. */
export function partCount({ parts, windows = 1 }: PlanVariable): number {
  return parts.length / windows;
}

/** The tensors that hold a part, one behind the other. */
export function windowsOf(plan: Plan, { parts, windows = 1 }: PlanVariable, part: number): PlanTensor[] {
  return parts.slice(part * windows, (part + 1) * windows).flatMap((index) => plan.tensors[index] ?? []);
}

/** Bytes of the elements alone. */
export function packedBytes(tensor: PlanTensor): number {
  return sizeOf(tensor.shape) * bytesOf[tensor.type];
}

export function padded(bytes: number): number {
  return Math.ceil(bytes / 4) * 4;
}

/** The ranges that hold the packed bytes from `begin` up to `end`. */
export function* ranges(tensor: PlanTensor, begin: number, end: number): Generator<Range> {
  const total = packedBytes(tensor);
  if (!(begin >= 0 && begin <= end && end <= total))
    throw new RangeError(`bytes ${begin} to ${end} of '${tensor.name}' were asked for, it has ${total}`);
  const slice = sliceBytes(tensor);
  const stride = slice === total ? slice : tensor.stride * bytesOf[tensor.type];
  for (let packed = begin; packed < end;) {
    const at = Math.floor(packed / slice);
    const inside = packed - at * slice;
    const length = Math.min(slice - inside, end - packed);
    const last = inside + length === slice;
    if (inside % 4 !== 0 || (length % 4 !== 0 && !last))
      throw new RangeError(
        `bytes ${begin} to ${end} of '${tensor.name}' do not begin and end at multiples of 4`,
      );
    yield { packed, offset: tensor.offset + at * stride + inside, length };
    packed += length;
  }
}

/** Packed bytes that lie side by side. */
export function sliceBytes(tensor: PlanTensor): number {
  const [outer = 1, ...rest] = tensor.shape;
  const natural = sizeOf(rest);
  return tensor.shape.length === 0 || outer === 1 || tensor.stride === natural
    ? packedBytes(tensor)
    : natural * bytesOf[tensor.type];
}
