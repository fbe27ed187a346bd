// Values larger than one binding, or than one buffer, lie in windows: pieces of one size and a last one, each a tensor of the plan with
// a place and a lifetime of its own. Comes in: a value, how far its slices lie apart, and a device's limits. Goes out: where it is cut.
// Holds: a window is at most what the device binds at once; it begins at a multiple of the alignment, and between slices of the first axis
// where a slice fits a window.
import { bytesOf, sizeOf, type TensorType } from "../ir/graph.ts";
import type { DeviceLimits } from "./plan.ts";

/** The bytes that one binding may have. */
export function bindable(limits: DeviceLimits): number {
  const alignment = limits.minStorageBufferOffsetAlignment;
  const most = Math.min(limits.maxStorageBufferBindingSize, limits.maxBufferSize);
  return Math.floor(most / alignment) * alignment;
}

/** Bytes of each window but the last; Infinity for what fits one binding. `strideBytes`: from slice to slice, where they lie apart. */
export function windowBytes(value: TensorType, limits: DeviceLimits, strideBytes?: number): number {
  const { shape, type } = value;
  const slices = shape[0] ?? 1;
  const slice = (sizeOf(shape) / slices) * bytesOf[type];
  const step = strideBytes ?? slice;
  const most = bindable(limits);
  if ((slices - 1) * step + slice <= most) return Infinity;
  const unit = leastCommonMultiple(step, limits.minStorageBufferOffsetAlignment);
  return unit <= most ? Math.floor(most / unit) * unit : most;
}

/** How many windows a value has that lies by itself. */
export function windowCount(value: TensorType, limits: DeviceLimits): number {
  const each = windowBytes(value, limits);
  return each === Infinity ? 1 : Math.ceil((sizeOf(value.shape) * bytesOf[value.type]) / each);
}

/** Where windows of `each` bytes are cut inside of a range, in bytes from its start. */
export function cutsWithin(each: number, offset: number, bytes: number): readonly number[] {
  const cuts: number[] = [];
  if (each === Infinity) return cuts;
  for (let cut = (Math.floor(offset / each) + 1) * each; cut < offset + bytes; cut += each)
    cuts.push(cut - offset);
  return cuts;
}

/** The shape of a range of a value: whole slices of it where it has some, otherwise a list of elements. */
export function shapeOfRange(
  { shape, type }: TensorType,
  strideBytes: number | undefined,
  offset: number,
  bytes: number,
): readonly number[] {
  const rest = shape.slice(1);
  const slice = sizeOf(rest) * bytesOf[type];
  const step = strideBytes ?? slice;
  const gap = step - slice;
  const isWhole = offset % step === 0 && ((bytes + gap) % step === 0 || bytes % step === 0);
  return isWhole ? [Math.ceil(bytes / step), ...rest] : [Math.floor(bytes / bytesOf[type])];
}

function leastCommonMultiple(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return (a / x) * b;
}
