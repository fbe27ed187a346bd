// A plan that may be changed, and what makes a changed one look honest again: hashes, lifetimes and totals computed anew, so
// that a corruption is caught by the rule it breaks and not by a sum that no longer fits.
import { hashKernel } from "../../../compiler/plan/canonical.ts";
import { hashPlan } from "../plan/hash.ts";
import type { Plan } from "../../../compiler/plan/plan.ts";

type Mutable<T> = T extends string | number | boolean | undefined
  ? T
  : { -readonly [K in keyof T]: Mutable<T[K]> };

export type Draft = Mutable<Plan>;

/** A copy in which nothing is shared, as when it is read from a file. */
export function draftOf(plan: Plan): Draft {
  return copied(plan) as Draft;
}

function copied(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map(copied);
  const copy: Record<string, unknown> = {};
  for (const [key, field] of Object.entries(value)) if (field !== undefined) copy[key] = copied(field);
  return copy;
}

export function rehash(draft: Draft): Draft {
  draft.hash = hashPlan(draft);
  return draft;
}

/** `before`: the correct plan; what is as it was there has its hash already. */
export function rehashKernels(draft: Draft, before?: Plan): void {
  draft.kernels.forEach((kernel, at) => {
    const { wgsl, workgroups } = before?.kernels[at] ?? {};
    if (kernel.wgsl !== wgsl || kernel.workgroups.join() !== workgroups?.join())
      kernel.hash = hashKernel(kernel);
  });
}

/** Lifetimes as the dispatches make them. Tensors that nothing uses any more keep theirs. */
export function relive(draft: Draft): void {
  for (const program of draft.programs) {
    const used = new Map<number, { first: number; last: number }>();
    for (const { direction, device, before } of program.transfers)
      if (direction === "up" && !used.has(device)) used.set(device, { first: before, last: before });
    program.dispatches.forEach(({ tensors }, at) => {
      for (const index of tensors) {
        for (const use of [index, draft.tensors[index]?.aliasOf]) {
          if (use === undefined) continue;
          {
            const { first = at, last = at } = used.get(use) ?? {};
            used.set(use, { first: Math.min(first, at), last: Math.max(last, at) });
          }
        }
      }
    });
    for (const [index, { first, last }] of used) {
      const tensor = draft.tensors[index];
      if (tensor?.lifetime?.program === program.name)
        tensor.lifetime = { program: program.name, first, last };
    }
  }
}

/** The peaks and the lower bound, by the slow obvious way. */
export function retotal(draft: Draft): void {
  const unit = draft.device.limits.minStorageBufferOffsetAlignment;
  const live = new Map(draft.programs.map(({ name, dispatches }) => [name, dispatches.map(() => 0)]));
  let held = 0;
  const bytesIn = (memory: "device" | "host"): number =>
    draft.buffers.reduce((total, buffer) => (buffer.memory === memory ? total + buffer.size : total), 0);
  for (const { aliasOf, size, lifetime, buffer } of draft.tensors) {
    if (aliasOf !== undefined || draft.buffers[buffer]?.memory === "host") continue;
    const bytes = Math.ceil(size / unit) * unit;
    if (lifetime === undefined) held += bytes;
    const list = live.get(lifetime?.program ?? "") ?? [];
    for (let at = lifetime?.first ?? 0; at <= (lifetime?.last ?? -1); at += 1)
      list[at] = (list[at] ?? 0) + bytes;
  }
  draft.peakBytes = bytesIn("device");
  draft.hostBytes = bytesIn("host");
  draft.lowerBoundBytes = held;
  for (const program of draft.programs) {
    const list = live.get(program.name) ?? [];
    const most = Math.max(0, ...list);
    program.peakBytes = held + most;
    program.peakAt = list.indexOf(most);
    draft.lowerBoundBytes = Math.max(draft.lowerBoundBytes, program.peakBytes);
  }
}

/** Whole numbers below a bound; the same seed gives the same numbers. */
export interface Random {
  below(bound: number): number;
  pick<T>(list: readonly T[]): T | undefined;
}

/** Mulberry32. */
export function randomFrom(seed: number): Random {
  let state = seed;
  const below = (bound: number): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % bound;
  };
  return { below, pick: (list) => list[below(Math.max(1, list.length))] };
}
