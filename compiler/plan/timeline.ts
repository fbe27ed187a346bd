// Memory over the step: how many bytes are live at each dispatch. In: a plan. Out: a curve for each program, and the same in few stretches
// for scripts and for drawing in characters. Persistent tensors are live throughout; sizes are rounded up to the alignment, as in the peaks.
import { roundUp } from "./held.ts";
import type { Plan, PlanProgram } from "./plan.ts";

/** Neighbouring dispatches of one program, with the most that is live at one of them. */
export interface Stretch {
  readonly program: string;
  /** Both included. */
  readonly first: number;
  readonly last: number;
  readonly bytes: number;
}

/** Bytes of what is live on the device for good: variables, their states, tables. */
export function heldBytes(plan: Plan): number {
  const unit = plan.device.limits.minStorageBufferOffsetAlignment;
  return plan.tensors.reduce(
    (sum, { aliasOf, lifetime, size, buffer }) =>
      aliasOf === undefined && lifetime === undefined && plan.buffers[buffer]?.memory === "device"
        ? sum + roundUp(size, unit)
        : sum,
    0,
  );
}

/** Bytes live at each dispatch of a program, persistent ones included. */
export function liveBytes(plan: Plan, { name, dispatches }: PlanProgram, held: number): readonly number[] {
  const unit = plan.device.limits.minStorageBufferOffsetAlignment;
  const changes = Array.from({ length: dispatches.length + 1 }, () => 0);
  const change = (at: number, bytes: number): void => {
    changes[at] = (changes[at] ?? 0) + bytes;
  };
  for (const { aliasOf, lifetime, size } of plan.tensors) {
    if (aliasOf !== undefined || lifetime?.program !== name) continue;
    change(lifetime.first, roundUp(size, unit));
    change(lifetime.last + 1, -roundUp(size, unit));
  }
  let live = held;
  return changes.slice(0, -1).map((bytes) => (live += bytes));
}

/** What a step runs, each program once, in order; of a plan that trains nothing, all programs. */
export function programsOfStep(plan: Plan): readonly PlanProgram[] {
  const names = [...new Set(plan.step.map(({ program }) => program))];
  const found = names.flatMap((name) => plan.programs.find((program) => program.name === name) ?? []);
  return (found.length === 0 ? plan.programs : found).filter(({ dispatches }) => dispatches.length > 0);
}

/** The curve of a step in about so many stretches, shared out by dispatches; a short program has a few all the same. */
export function timelineOf(plan: Plan, stretches: number): readonly Stretch[] {
  const held = heldBytes(plan);
  const programs = programsOfStep(plan);
  const all = programs.reduce((sum, { dispatches }) => sum + dispatches.length, 0);
  const least = Math.max(1, Math.min(8, Math.floor(stretches / (2 * programs.length))));
  const wanted = programs.map(({ dispatches }) =>
    Math.min(dispatches.length, Math.max(least, Math.round((stretches * dispatches.length) / all))),
  );
  // The longest gives what the short ones got.
  const widest = wanted.indexOf(Math.max(...wanted));
  const others = wanted.reduce((sum, count, at) => (at === widest ? sum : sum + count), 0);
  return programs.flatMap((program, at) => {
    const live = liveBytes(plan, program, held);
    const given = at === widest ? Math.max(1, stretches - others) : (wanted[at] ?? 1);
    const count = Math.min(live.length, given);
    return Array.from({ length: count }, (_, index) => {
      const first = Math.floor((index * live.length) / count);
      const last = Math.floor(((index + 1) * live.length) / count) - 1;
      const bytes = live.slice(first, last + 1).reduce((a, b) => Math.max(a, b), 0);
      return { program: program.name, first, last, bytes };
    });
  });
}
