// The search of fusion: the change that saves most is made first, until none saves anything. Ties go to what stands earlier in
// the region, so that equal graphs are fused equally.
import { sizeOf, type Value } from "../ir/graph.ts";
import { addUnit, makeUnit, type FusionPlan, type Unit } from "./fuse-units.ts";

interface Change {
  readonly saved: number;
  readonly removed: readonly Unit[];
  readonly added: readonly Unit[];
}

export function mergeUnits(plan: FusionPlan): void {
  // What a pair or a unit offers stays the same until one of the units in it changes.
  const known = new Map<string, Change | undefined>();
  const remembered = (key: string, find: () => Change | undefined): Change | undefined => {
    if (!known.has(key)) known.set(key, find());
    return known.get(key);
  };
  for (;;) {
    const readers = readersByValue(plan);
    const nameOf = namesIn(plan);
    let best: Change | undefined;
    for (const unit of plan.units.values()) {
      if (unit.fixed !== undefined) continue;
      const users = usersOf(unit, readers);
      for (const user of users) {
        if (user.fixed !== undefined) continue;
        const outputs = needed(plan, unit, user, readers);
        const change = remembered(`${unit.id} ${user.id} ${outputs.map(nameOf).join()}`, () =>
          joined(plan, unit, user, outputs),
        );
        // Whether the kernel would wait for itself depends on all others, so it is asked each time.
        if (isBetter(change, best) && !waits(unit, user, readers)) best = change;
      }
      if (users.length > 1) {
        const change = remembered(`${unit.id}: ${users.map(({ id }) => id).join()}`, () =>
          repeated(plan, unit, users),
        );
        if (isBetter(change, best)) best = change;
      }
    }
    for (const [unit, other] of siblings(plan)) {
      const change = remembered(`${unit.id} beside ${other.id}`, () =>
        joined(plan, unit, other, [...unit.outputs, ...other.outputs]),
      );
      if (isBetter(change, best) && !reaches(unit, other, readers) && !reaches(other, unit, readers))
        best = change;
    }
    if (best === undefined) return;
    apply(plan, best);
  }
}

/** Maps of one size that read the same large value, or one of which replaces what the other reads. */
function siblings(plan: FusionPlan): readonly (readonly [Unit, Unit])[] {
  const pairs: (readonly [Unit, Unit])[] = [];
  const byValue = new Map<Value, Unit[]>();
  for (const unit of plan.units.values()) {
    if (unit.analysis.template !== "map") continue;
    const size = sizeOf(unit.outputs[0]?.shape ?? []);
    const replaced = unit.outputs.flatMap((output) => plan.replaced.get(output) ?? []);
    const large = [...new Set([...unit.reads, ...replaced])].filter(({ shape }) => sizeOf(shape) === size);
    for (const value of large) {
      for (const other of byValue.get(value) ?? []) pairs.push([other, unit]);
      byValue.set(value, [...(byValue.get(value) ?? []), unit]);
    }
  }
  return pairs;
}

function isBetter(change: Change | undefined, best: Change | undefined): boolean {
  return change !== undefined && change.saved > (best?.saved ?? 0);
}

/** Whether `user` also needs `unit` by way of another one. */
function waits(unit: Unit, user: Unit, readers: Readers): boolean {
  return isBehind(
    user,
    usersOf(unit, readers).filter((other) => other !== user),
    readers,
  );
}

function reaches(unit: Unit, other: Unit, readers: Readers): boolean {
  return isBehind(other, usersOf(unit, readers), readers);
}

function isBehind(user: Unit, starts: readonly Unit[], readers: Readers): boolean {
  const queue = [...starts];
  const seen = new Set(queue);
  for (let other = queue.pop(); other !== undefined; other = queue.pop()) {
    if (other === user) return true;
    for (const next of usersOf(other, readers)) {
      if (seen.has(next)) continue;
      seen.add(next);
      queue.push(next);
    }
  }
  return false;
}

type Readers = ReadonlyMap<Value, readonly Unit[]>;

function readersByValue(plan: FusionPlan): Readers {
  const readers = new Map<Value, Unit[]>();
  for (const unit of plan.units.values()) {
    for (const input of unit.inputs) {
      const list = readers.get(input);
      if (list === undefined) readers.set(input, [unit]);
      else list.push(unit);
    }
  }
  return readers;
}

function usersOf(unit: Unit, readers: Readers): readonly Unit[] {
  return [...new Set(unit.outputs.flatMap((output) => readers.get(output) ?? []))];
}

/** The outputs of two units, joined, that others need. */
function needed(plan: FusionPlan, unit: Unit, user: Unit, readers: Readers): readonly Value[] {
  return [...unit.outputs, ...user.outputs].filter(
    (value) =>
      plan.required.has(value) ||
      (readers.get(value) ?? []).some((reader) => reader !== unit && reader !== user),
  );
}

function namesIn(plan: FusionPlan): (value: Value) => string {
  return (value) => {
    const owner = plan.owners.get(value);
    return `${owner?.id ?? ""}.${owner?.outputs.indexOf(value) ?? ""}`;
  };
}

/** One kernel instead of a producer and one of its readers. */
function joined(plan: FusionPlan, unit: Unit, user: Unit, outputs: readonly Value[]): Change | undefined {
  const dropped = new Set([...unit.outputs, ...user.outputs]);
  const made = makeUnit(plan, outputs, (value) => plan.owners.has(value) && !dropped.has(value));
  if (made === undefined || bindsTooMuch(plan, made)) return undefined;
  const saved = unit.analysis.cost + user.analysis.cost - made.analysis.cost;
  return saved > 0 ? { saved, removed: [unit, user], added: [made] } : undefined;
}

/** No kernel for a producer whose readers compute it themselves. */
function repeated(plan: FusionPlan, unit: Unit, users: readonly Unit[]): Change | undefined {
  if (
    unit.outputs.some((value) => plan.required.has(value)) ||
    users.some(({ fixed }) => fixed !== undefined)
  )
    return undefined;
  if (unit.analysis.template !== "map") return undefined;
  const dropped = new Set(unit.outputs);
  const added: Unit[] = [];
  let saved = unit.analysis.cost;
  for (const user of users) {
    const made = makeUnit(plan, user.outputs, (value) => plan.owners.has(value) && !dropped.has(value));
    if (made === undefined || bindsTooMuch(plan, made)) return undefined;
    saved += user.analysis.cost - made.analysis.cost;
    added.push(made);
  }
  return saved > 0 ? { saved, removed: [unit, ...users], added } : undefined;
}

/** Values in several windows take a binding for each. */
function bindsTooMuch({ profile }: FusionPlan, { analysis }: Unit): boolean {
  return analysis.binds > profile.limits.maxStorageBuffersPerShaderStage;
}

function apply(plan: FusionPlan, { removed, added }: Change): void {
  for (const unit of removed) {
    plan.units.delete(unit.id);
    for (const output of unit.outputs) plan.owners.delete(output);
  }
  for (const unit of added) addUnit(plan, unit);
}
