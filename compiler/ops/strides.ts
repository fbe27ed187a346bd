// Copying between a dense tensor and a regular pattern of places in another: what views mean in float64.

/** Elements from one index to the next along each axis of a dense tensor. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = shape.map(() => 1);
  for (let axis = shape.length - 2; axis >= 0; axis--)
    strides[axis] = (strides[axis + 1] as number) * (shape[axis + 1] as number);
  return strides;
}

/**
 * For each element of a dense tensor of `shape`, in order, the place `offset + Σ index × stride` is visited; `load` copies
 * from the places of `far` into `near`, `store` from `near` to the places.
 */
export function copy(
  direction: "load" | "store",
  near: Float64Array,
  shape: readonly number[],
  far: Float64Array,
  strides: readonly number[],
  offset: number,
): void {
  const last = shape.length - 1;
  const run = shape[last] ?? 1;
  const step = strides[last] ?? 0;
  const index = new Int32Array(Math.max(0, last));
  let base = offset;
  for (let start = 0; start < near.length; start += run) {
    if (direction === "load") for (let i = 0; i < run; i++) near[start + i] = far[base + i * step] as number;
    else for (let i = 0; i < run; i++) far[base + i * step] = near[start + i] as number;
    for (let axis = last - 1; axis >= 0; axis--) {
      const next = (index[axis] as number) + 1;
      base += strides[axis] as number;
      if (next < (shape[axis] as number)) {
        index[axis] = next;
        break;
      }
      base -= next * (strides[axis] as number);
      index[axis] = 0;
    }
  }
}

/** The places of a regular pattern as a dense tensor's elements. */
export function load(
  shape: readonly number[],
  far: Float64Array,
  strides: readonly number[],
  offset: number = 0,
): Float64Array {
  const near = new Float64Array(shape.reduce((product, size) => product * size, 1));
  copy("load", near, shape, far, strides, offset);
  return near;
}
