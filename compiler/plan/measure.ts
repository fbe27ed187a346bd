// What a module would need and cost, without offsets: the question that choosing a policy asks many times. Comes in: a schedule. Goes
// out: bytes of its variables, and for each program the bytes live at its fullest moment and what one run costs. Measures of
// modules with the same variables can be put together.
import type { Module } from "../ir/graph.ts";
import { bytesPerTransferred } from "../kernels/analyze.ts";
import type { Scheduled } from "./build.ts";
import { costOfKernel } from "./cost.ts";
import { roundUp } from "./held.ts";
import { fullest } from "./memory/problem.ts";
import type { DeviceProfile } from "./plan.ts";

export interface MeasuredProgram {
  /** Bytes of what lives in this program only, at its fullest moment. */
  readonly bytes: number;
  /** An estimate of its time, in bytes that could be moved meanwhile, as fusion counts. */
  readonly work: number;
  readonly flops: number;
}

export interface Measured {
  /** Bytes on the device of variables that are used, by name. */
  readonly variables: ReadonlyMap<string, number>;
  readonly programs: ReadonlyMap<string, MeasuredProgram>;
}

export function measured(
  { rooms, programs }: Scheduled,
  module: Pick<Module, "variables">,
  profile: DeviceProfile,
): Measured {
  const alignment = profile.limits.minStorageBufferOffsetAlignment;
  const variables = new Map<string, number>();
  for (const { target, memory, windows } of rooms.all) {
    if (memory === "host") continue;
    const name = module.variables[target?.variable ?? -1]?.name;
    if (name === undefined) continue;
    const sizes = windows.map(({ bytes }) => roundUp(bytes, alignment));
    variables.set(
      name,
      sizes.reduce((sum, size) => sum + size, variables.get(name) ?? 0),
    );
  }
  const found = programs.map((program): readonly [string, MeasuredProgram] => {
    const live = program.rooms.map(({ bytes, first, last }) => ({
      size: roundUp(bytes, alignment),
      first,
      last,
    }));
    let [work, flops] = [0, 0];
    for (const { kernel } of program.dispatches) {
      work += costOfKernel(kernel, profile);
      flops += kernel.flops;
    }
    // What is brought from the host comes while dispatches run.
    const moved = program.transfers.reduce((sum, { host }) => sum + host.bytes, 0);
    const longer = Math.max(work, moved * bytesPerTransferred(profile));
    return [program.name, { bytes: fullest(live).bytes, work: longer, flops }];
  });
  return { variables, programs: new Map(found) };
}

export function together(a: Measured, b: Measured): Measured {
  const variables = new Map(a.variables);
  for (const [name, bytes] of b.variables) variables.set(name, Math.max(bytes, variables.get(name) ?? 0));
  return { variables, programs: new Map([...a.programs, ...b.programs]) };
}

/** The lower bound of a plan's memory, in bytes. */
export function bytesOfMeasured(measured: Measured): number {
  let most = 0;
  for (const { bytes } of measured.programs.values()) if (bytes > most) most = bytes;
  return heldOf(measured) + most;
}

/** Bytes of all variables. */
export function heldOf({ variables }: Measured): number {
  return [...variables.values()].reduce((sum, bytes) => sum + bytes, 0);
}
