// Whether a device can run a plan. The verifier has proved the plan for the limits of the profile it was made for; here what
// the plan really uses is held against the device at hand, which may be another. Comes in: a plan and a device's limits and
// features. Goes out: what is missing, in words, all of it at once.
import type { DeviceLimits, Plan } from "../../compiler/plan/plan.ts";

/** What a device is asked for, beside memory. */
export interface Offer {
  readonly limits: DeviceLimits;
  readonly features: Iterable<string>;
}

/** The largest of each limit that the plan uses; the alignment is the largest power of two that all its offsets keep. */
export function used(plan: Plan): DeviceLimits {
  const dispatches = plan.programs.flatMap((program) => program.dispatches);
  const bound = new Set(dispatches.flatMap(({ tensors }) => tensors));
  const sizes = [...bound].flatMap((index) => plan.tensors[index] ?? []);
  const groups = plan.kernels.map(({ workgroupSize }) => workgroupSize);
  return {
    maxBufferSize: largest(plan.buffers.filter(({ memory }) => memory === "device").map(({ size }) => size)),
    maxStorageBufferBindingSize: largest(sizes.map(({ size }) => size)),
    maxStorageBuffersPerShaderStage: largest(plan.kernels.map(({ bindings }) => bindings.length)),
    minStorageBufferOffsetAlignment: commonAlignment(sizes.map(({ offset }) => offset)),
    maxComputeWorkgroupStorageSize: largest(plan.kernels.map(({ workgroupMemory }) => workgroupMemory)),
    maxComputeInvocationsPerWorkgroup: largest(groups.map(([x, y, z]) => x * y * z)),
    maxComputeWorkgroupSizeX: largest(groups.map(([x]) => x)),
    maxComputeWorkgroupSizeY: largest(groups.map(([, y]) => y)),
    maxComputeWorkgroupSizeZ: largest(groups.map(([, , z]) => z)),
    maxComputeWorkgroupsPerDimension: largest(plan.kernels.map(({ workgroups }) => Math.max(...workgroups))),
  };
}

/** What the plan needs and the device does not have; empty: it can run. */
export function missing(plan: Plan, { limits, features }: Offer): string[] {
  const needs = used(plan);
  const found: string[] = [];
  for (const name of Object.keys(needs) as (keyof DeviceLimits)[]) {
    const [need, has] = [needs[name], limits[name]];
    if (name === "minStorageBufferOffsetAlignment") {
      if (need % has !== 0)
        found.push(`offsets that are multiples of ${need} bytes; the device asks for multiples of ${has}`);
    } else if (need > has) found.push(`${name} ${need}; the device has ${has}`);
  }
  const offered = new Set(features);
  const wanted = new Set(plan.kernels.flatMap((kernel) => kernel.features));
  for (const feature of wanted)
    if (!offered.has(feature)) found.push(`the feature ${feature}, which the device lacks`);
  return found;
}

function largest(values: readonly number[]): number {
  return values.reduce((most, value) => Math.max(most, value), 0);
}

function commonAlignment(offsets: readonly number[]): number {
  let alignment = 2 ** 20;
  for (const offset of offsets) while (offset % alignment !== 0) alignment /= 2;
  return alignment;
}
