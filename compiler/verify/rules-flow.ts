// Rules about the order of things: every read comes after a write, a dispatch's bindings keep apart, lifetimes are those that the
// dispatches make, and variables begin with a value.
import type { Plan } from "../plan/plan.ts";
import { heldTensors } from "./rules-held.ts";
import { job } from "./rules-job.ts";
import {
  eachDispatch,
  elementBytes,
  elements,
  eachOwner,
  endOf,
  homeOf,
  standsFor,
  type Report,
  type Rule,
} from "./rule.ts";
import { isWritten, Written } from "./written.ts";

const dispatchBindings: Rule = {
  name: "dispatch bindings",
  about: "no dispatch binds overlapping bytes, or one buffer both read-only and read-write",
  check(plan, report) {
    eachDispatch(plan, ({ kernel, tensors }, program, dispatch) => {
      report.examine();
      const bindings = plan.kernels[kernel]?.bindings ?? [];
      tensors.forEach((first, at) => {
        for (let other = at + 1; other < tensors.length; other += 1) {
          const second = tensors[other] ?? first;
          const a = plan.tensors[first];
          const b = plan.tensors[second];
          if (a === undefined || b === undefined || a.buffer !== b.buffer) continue;
          const use = bindings[at]?.access;
          const otherUse = bindings[other]?.access;
          const refuse = (what: string): void =>
            report.refuse(`the dispatch binds ${what}`, {
              tensors: [first, second],
              dispatches: [[program, dispatch]],
            });
          if (use !== otherUse) refuse(`'${a.name}' as ${use} and '${b.name}' as ${otherUse}, in one buffer`);
          const overlap = a.offset < b.offset + b.size && b.offset < a.offset + a.size;
          if (!overlap || (use === "read" && otherUse === "read")) continue;
          refuse(first === second ? `'${a.name}' twice` : `'${a.name}' and '${b.name}', which share bytes`);
        }
      });
    });
  },
};

const lifetimes: Rule = {
  name: "lifetimes",
  about:
    "a transient tensor lives from the first to the last dispatch that binds it or an alias of it, or from where it comes up, in one program",
  check(plan, report) {
    const found = new Map<number, { first: number; last: number }>();
    const use = (index: number, at: number): void => {
      const known = found.get(index);
      if (known === undefined) found.set(index, { first: at, last: at });
      else {
        known.first = Math.min(known.first, at);
        known.last = Math.max(known.last, at);
      }
    };
    for (const { name, transfers } of plan.programs)
      for (const { direction, device, before } of transfers)
        if (direction === "up" && plan.tensors[device]?.lifetime?.program === name && !found.has(device))
          found.set(device, { first: before, last: before });
    eachDispatch(plan, ({ tensors }, program, dispatch, { name }) => {
      for (const index of tensors) {
        const tensor = plan.tensors[index];
        if (tensor?.lifetime !== undefined && tensor.lifetime.program !== name) {
          const message = `'${tensor.name}' belongs to program '${tensor.lifetime.program}'`;
          report.refuse(message, { tensors: [index], dispatches: [[program, dispatch]] });
          continue;
        }
        use(index, dispatch);
        if (tensor?.aliasOf !== undefined) use(tensor.aliasOf, dispatch);
      }
    });
    plan.tensors.forEach(({ name, lifetime }, index) => {
      if (lifetime === undefined) return;
      report.examine();
      const real = found.get(index);
      if (real === undefined) report.refuse(`no dispatch uses '${name}'`, { tensors: [index] });
      else if (real.first !== lifetime.first || real.last !== lifetime.last) {
        const claim = `'${name}' is said to live from dispatch ${lifetime.first} to ${lifetime.last}`;
        report.refuse(`${claim}; it is used from ${real.first} to ${real.last}`, { tensors: [index] });
      }
    });
  },
};

const order: Rule = {
  name: "writes before reads",
  about:
    "what a dispatch reads was written before: by an earlier dispatch of the program, from the host's memory, or as a variable's first value",
  check(plan, report) {
    const unset = startingEmpty(plan, report);
    plan.programs.forEach((program, at) => {
      const written = new Map<number, Written>();
      const write = (owner: number, start: number, end: number): void => {
        const ranges = written.get(owner) ?? new Written();
        written.set(owner, ranges);
        ranges.add(start, end);
      };
      const stands = standsFor(program);
      let next = 0;
      program.dispatches.forEach(({ kernel, tensors }, dispatch) => {
        for (; (program.transfers[next]?.before ?? Infinity) <= dispatch; next += 1) {
          const { direction, host = -1, device = -1 } = program.transfers[next] ?? {};
          const [from, to] = [plan.tensors[host], plan.tensors[device]];
          if (direction !== "up" || from === undefined || to === undefined) continue;
          const owner = from.aliasOf ?? host;
          const bytes = elements(from.shape) * elementBytes[from.type];
          if (
            unset.has(owner) &&
            program.name === "initialize" &&
            !isWritten(from, written.get(owner), bytes)
          )
            report.refuse(`'${from.name}' comes up before all of it is written`, { tensors: [host, device] });
          write(device, to.offset, to.offset + to.size);
        }
        const bindings = plan.kernels[kernel]?.bindings ?? [];
        tensors.forEach((index, slot) => {
          const tensor = plan.tensors[index];
          if (tensor === undefined || bindings[slot]?.reads !== true) return;
          report.examine();
          const owner = tensor.aliasOf ?? index;
          if (tensor.lifetime === undefined && !(unset.has(owner) && program.name === "initialize")) return;
          if (isWritten(tensor, written.get(owner), bindings[slot].bytes)) return;
          const message = `'${tensor.name}' is read before all of it is written`;
          report.refuse(message, { tensors: [index], dispatches: [[at, dispatch]] });
        });
        tensors.forEach((index, slot) => {
          const tensor = plan.tensors[index];
          if (tensor === undefined || bindings[slot]?.writes !== true) return;
          const owner = tensor.aliasOf ?? index;
          const { bytes } = bindings[slot];
          write(owner, tensor.offset, tensor.offset + bytes);
          const home = homeOf(plan, stands, index);
          if (home !== undefined) write(home.owner, home.offset, home.offset + bytes);
        });
      });
    });
  },
};

/** Owners of variables that begin with nothing; each must be written whole by the program "initialize". */
function startingEmpty(plan: Plan, report: Report): Set<number> {
  const unset = new Set<number>();
  const parts = plan.variables
    .filter(({ initial }) => initial.from === "program" || initial.from === "optional")
    .flatMap(({ parts }) => parts);
  if (parts.length === 0) return unset;
  const written = new Map<number, Written>();
  const initialize = plan.programs.find(({ name }) => name === "initialize");
  const stands = initialize === undefined ? new Map<number, number>() : standsFor(initialize);
  initialize?.dispatches.forEach(({ kernel, tensors }) => {
    const bindings = plan.kernels[kernel]?.bindings ?? [];
    tensors.forEach((index, slot) => {
      const tensor = plan.tensors[index];
      if (tensor === undefined || bindings[slot]?.writes !== true) return;
      const home =
        tensor.lifetime === undefined
          ? { owner: tensor.aliasOf ?? index, offset: tensor.offset }
          : homeOf(plan, stands, index);
      if (home === undefined) return;
      const ranges = written.get(home.owner) ?? new Written();
      written.set(home.owner, ranges);
      ranges.add(home.offset, home.offset + bindings[slot].bytes);
    });
  });
  for (const part of parts) {
    report.examine();
    const tensor = plan.tensors[part];
    if (tensor === undefined) continue;
    const owner = tensor.aliasOf ?? part;
    unset.add(owner);
    const bytes = elements(tensor.shape) * elementBytes[tensor.type];
    if (!isWritten(tensor, written.get(owner), bytes)) {
      report.refuse(
        `'${tensor.name}' begins with what the program 'initialize' writes, and that does not write it`,
        { tensors: [part] },
      );
    }
  }
  return unset;
}

const variables: Rule = {
  name: "variables",
  about:
    "persistent tensors are the parts of variables: of their kind, type and shape, each of one variable, with a first value",
  check(plan, report) {
    const owned = new Map<number, string>();
    for (const variable of plan.variables) {
      report.examine();
      const { name, kind, type, shape, stack, parts, windows = 1, initial } = variable;
      const bad = (what: string, tensors: readonly number[] = []): void =>
        report.refuse(`variable '${name}' ${what}`, { tensors });
      const count = parts.length / windows;
      if (count === 0 || !Number.isSafeInteger(count) || (!stack && count !== 1))
        bad(`has ${parts.length} parts`);
      if (stack && count !== shape[0] && count !== 1)
        bad(`has ${parts.length} parts for ${shape[0] ?? 0} layers`);
      const partShape = stack && count > 1 ? shape.slice(1) : shape;
      const starts = windows > 1 ? parts.flatMap((_, at) => (at % windows === 0 ? [at] : [])) : [];
      for (const first of starts) {
        const own = parts.slice(first, first + windows);
        const held = own.reduce((sum, index) => sum + elements(plan.tensors[index]?.shape ?? [0]), 0);
        if (held !== elements(partShape))
          bad(`has ${held} elements in the windows of a part, not ${elements(partShape)}`, own);
      }
      for (const part of parts) {
        const tensor = plan.tensors[part];
        if (tensor === undefined) continue;
        if (tensor.lifetime !== undefined)
          bad(`has the transient tensor '${tensor.name}' for a part`, [part]);
        const isLike = windows > 1 ? endOf(tensor) === tensorBytes(tensor) : same(tensor.shape, partShape);
        if (tensor.kind !== kind || tensor.type !== type || !isLike)
          bad(`and its part '${tensor.name}' differ`, [part]);
        const before = owned.get(part);
        if (before !== undefined) bad(`has a part that '${before}' has too`, [part]);
        owned.set(part, name);
        if (tensor.aliasOf !== undefined) owned.set(tensor.aliasOf, name);
      }
      if ("names" in initial && initial.names.length !== (stack ? (shape[0] ?? 0) : 1)) {
        bad(`is read from ${initial.names.length} tensors of a file`);
      }
      if (initial.from === "table") {
        const padding = initial.data.endsWith("==") ? 2 : initial.data.endsWith("=") ? 1 : 0;
        const bytes = (initial.data.length / 4) * 3 - padding;
        const needed = elements(shape) * elementBytes[type];
        if (bytes !== needed) bad(`takes ${needed} bytes and its table has ${bytes}`);
      }
    }
    eachOwner(plan, ({ name, lifetime }, index) => {
      if (lifetime === undefined && !owned.has(index))
        report.refuse(`'${name}' is no part of a variable`, { tensors: [index] });
    });
  },
};

function tensorBytes({ shape, type }: Plan["tensors"][number]): number {
  return elements(shape) * elementBytes[type];
}

function same(a: readonly number[], b: readonly number[]): boolean {
  return a.length === b.length && a.every((size, axis) => size === b[axis]);
}

export const flowRules: readonly Rule[] = [dispatchBindings, lifetimes, order, variables, heldTensors, job];
