// Rules about where tensors lie: nothing empty, everything aligned and inside, no two live ranges in the same bytes, every byte
// accounted for, and the plan's totals as it claims them.
import type { Lifetime, Plan } from "../plan/plan.ts";
import { align, alignmentOf, eachOwner, elements, endOf, isOnHost, type Report, type Rule } from "./rule.ts";

const sizes: Rule = {
  name: "sizes",
  about: "no buffer, tensor, binding or dispatch is empty",
  check(plan, report) {
    plan.buffers.forEach(({ name, size }, index) => {
      report.examine();
      if (size === 0) report.refuse(`buffer '${name}' is empty`, { buffers: [index] });
    });
    plan.tensors.forEach(({ name, size, shape }, index) => {
      report.examine();
      if (size === 0 || shape.includes(0)) report.refuse(`tensor '${name}' is empty`, { tensors: [index] });
    });
    plan.kernels.forEach((kernel, index) => {
      report.examine();
      for (const { name, bytes } of kernel.bindings) {
        if (bytes === 0)
          report.refuse(`binding '${name}' of kernel '${kernel.name}' is empty`, { kernels: [index] });
      }
      if ([...kernel.workgroupSize, ...kernel.workgroups].includes(0)) {
        report.refuse(`kernel '${kernel.name}' has no invocations`, { kernels: [index] });
      }
    });
  },
};

const alignment: Rule = {
  name: "alignment",
  about: "offsets are multiples of the device's alignment, sizes of 4",
  check(plan, report) {
    const unit = alignmentOf(plan);
    plan.tensors.forEach(({ name, offset, size }, index) => {
      report.examine();
      if (offset % unit !== 0)
        report.refuse(`tensor '${name}' starts at byte ${offset}, no multiple of ${unit}`, {
          tensors: [index],
        });
      if (size % 4 !== 0)
        report.refuse(`tensor '${name}' has ${size} bytes, no multiple of 4`, { tensors: [index] });
    });
    plan.buffers.forEach(({ name, size }, index) => {
      report.examine();
      if (size % 4 !== 0)
        report.refuse(`buffer '${name}' has ${size} bytes, no multiple of 4`, { buffers: [index] });
    });
  },
};

const inside: Rule = {
  name: "inside",
  about:
    "a tensor lies inside its buffer and holds its elements and no more; an alias lies inside the tensor whose bytes it shares",
  check(plan, report) {
    plan.tensors.forEach((tensor, index) => {
      report.examine();
      const { name, buffer, offset, size, aliasOf, lifetime } = tensor;
      const end = plan.buffers[buffer]?.size ?? 0;
      if (offset + size > end)
        report.refuse(`tensor '${name}' ends at byte ${offset + size} of a buffer of ${end}`, {
          tensors: [index],
        });
      const needed = align(endOf(tensor), 4);
      if (needed !== size)
        report.refuse(`tensor '${name}' has ${size} bytes and its elements take ${needed}`, {
          tensors: [index],
        });
      if ((tensor.shape[0] ?? 1) > 1 && tensor.stride < elements(tensor.shape, 1))
        report.refuse(`tensor '${name}' has slices that share bytes`, { tensors: [index] });
      const owner = aliasOf === undefined ? undefined : plan.tensors[aliasOf];
      if (owner === undefined || aliasOf === undefined) return;
      if (buffer !== owner.buffer || offset < owner.offset || offset + size > owner.offset + owner.size) {
        report.refuse(`'${name}' shares bytes of '${owner.name}' and lies outside of it`, {
          tensors: [index, aliasOf],
        });
      }
      if (lifetime?.program !== owner.lifetime?.program) {
        report.refuse(`'${name}' shares bytes of '${owner.name}' and lives elsewhere`, {
          tensors: [index, aliasOf],
        });
      }
    });
  },
};

/** A range of one buffer while it is in use. */
interface Live {
  readonly tensor: number;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
}

const apart: Rule = {
  name: "live ranges",
  about: "no two tensors that are live at once share bytes, unless one is declared an alias of the other",
  check(plan, report) {
    const persistent: Live[][] = plan.buffers.map(() => []);
    const transient = new Map<string, Live[][]>();
    eachOwner(plan, ({ buffer, offset, size, lifetime }, tensor) => {
      report.examine();
      const live = {
        tensor,
        start: offset,
        end: offset + size,
        first: lifetime?.first ?? 0,
        last: lifetime?.last ?? Infinity,
      };
      if (lifetime === undefined) {
        persistent[buffer]?.push(live);
        return;
      }
      const lists = transient.get(lifetime.program) ?? plan.buffers.map(() => []);
      transient.set(lifetime.program, lists);
      lists[buffer]?.push(live);
    });
    for (const list of persistent) sweep(plan, list, -1, report);
    plan.programs.forEach(({ name }, program) => {
      transient.get(name)?.forEach((list, buffer) => {
        if (list.length > 0) sweep(plan, [...(persistent[buffer] ?? []), ...list], program, report);
      });
    });
  },
};

/**
 * Takes ranges in by time, keeping those that are live sorted by address, where a new one can only meet its neighbours. What has
 * died is dropped when it is met. Time: n log n, and the moves in the sorted list.
 */
function sweep(plan: Plan, ranges: readonly Live[], program: number, report: Report): void {
  const active: Live[] = [];
  const clash = (a: Live, b: Live): void => {
    const [first, second] = [a, b].map(({ tensor }) => plan.tensors[tensor]?.name ?? "");
    const when = Math.max(a.first, b.first);
    const where = program === -1 ? "" : ` while dispatch ${when} runs`;
    report.refuse(
      `'${first}' and '${second}' share bytes ${Math.max(a.start, b.start)} to ${Math.min(a.end, b.end) - 1}${where}`,
      {
        tensors: [a.tensor, b.tensor],
        dispatches: program === -1 ? [] : [[program, when]],
      },
    );
  };
  for (const live of [...ranges].sort((a, b) => a.first - b.first || a.start - b.start)) {
    let at = firstAfter(active, live.start);
    for (let left = active[at - 1]; left !== undefined; left = active[at - 1]) {
      if (left.last < live.first) {
        active.splice(at - 1, 1);
        at -= 1;
        continue;
      }
      if (left.end > live.start) clash(left, live);
      break;
    }
    for (let right = active[at]; right !== undefined && right.start < live.end; right = active[at]) {
      if (right.last < live.first) {
        active.splice(at, 1);
        continue;
      }
      clash(right, live);
      break;
    }
    active.splice(at, 0, live);
  }
}

/** The first range that starts after the address. */
function firstAfter(ranges: readonly Live[], start: number): number {
  let low = 0;
  let high = ranges.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ranges[middle]?.start ?? Infinity) <= start) low = middle + 1;
    else high = middle;
  }
  return low;
}

const accounting: Rule = {
  name: "accounting",
  about:
    "every byte of every buffer belongs to a tensor or to a gap between tensors, and buffers end where their last tensor ends",
  check(plan, report) {
    const unit = alignmentOf(plan);
    const ends = plan.buffers.map(() => 0);
    eachOwner(plan, ({ buffer, offset, size }) => {
      ends[buffer] = Math.max(ends[buffer] ?? 0, offset + size);
    });
    plan.buffers.forEach(({ name, size }, index) => {
      report.examine();
      const end = align(ends[index] ?? 0, unit);
      if (size !== end)
        report.refuse(`buffer '${name}' has ${size} bytes and its last tensor ends at ${end}`, {
          buffers: [index],
        });
    });
  },
};

/** The transient tensors by their programs. */
function transients(plan: Plan): ReadonlyMap<string, readonly Transient[]> {
  const found = new Map<string, Transient[]>();
  eachOwner(plan, ({ lifetime, size }) => {
    if (lifetime === undefined) return;
    const own = found.get(lifetime.program);
    if (own === undefined) found.set(lifetime.program, [{ lifetime, size }]);
    else own.push({ lifetime, size });
  });
  return found;
}

interface Transient {
  readonly lifetime: Lifetime;
  readonly size: number;
}

/** Bytes held by what is live at each dispatch of a program, each size rounded up, without persistent tensors. */
function liveBytes(tensors: readonly Transient[], count: number, unit: number): Float64Array {
  const change = new Float64Array(count + 1);
  for (const { lifetime, size } of tensors) {
    change[lifetime.first] = (change[lifetime.first] ?? 0) + align(size, unit);
    change[lifetime.last + 1] = (change[lifetime.last + 1] ?? 0) - align(size, unit);
  }
  for (let at = 1; at <= count; at += 1) change[at] = (change[at] ?? 0) + (change[at - 1] ?? 0);
  return change.subarray(0, count);
}

const totals: Rule = {
  name: "totals",
  about: "the peak, the host's bytes, the programs' peaks and the lower bound are what the plan claims",
  check(plan, report) {
    const unit = alignmentOf(plan);
    const allocated = { device: 0, host: 0 };
    for (const { memory, size } of plan.buffers) allocated[memory] += size;
    report.examine(2);
    if (plan.peakBytes !== allocated.device)
      report.refuse(`the plan claims a peak of ${plan.peakBytes} bytes and allocates ${allocated.device}`);
    if (plan.hostBytes !== allocated.host)
      report.refuse(`the plan claims ${plan.hostBytes} bytes of the host and allocates ${allocated.host}`);
    let held = 0;
    eachOwner(plan, (tensor) => {
      if (tensor.lifetime === undefined && !isOnHost(plan, tensor)) held += align(tensor.size, unit);
    });
    let bound = held;
    const tensors = transients(plan);
    plan.programs.forEach(({ name, dispatches, peakBytes, peakAt }, program) => {
      report.examine();
      const live = liveBytes(tensors.get(name) ?? [], dispatches.length, unit);
      const most = live.reduce((max, bytes) => Math.max(max, bytes), 0);
      const at = dispatches.length === 0 ? -1 : live.indexOf(most);
      bound = Math.max(bound, held + most);
      if (peakBytes !== held + most) {
        report.refuse(`program '${name}' claims a peak of ${peakBytes} bytes and has ${held + most}`, {
          dispatches: [[program, at]],
        });
      }
      if (peakAt !== at) {
        const dispatches = [[program, at]] as const;
        report.refuse(`program '${name}' claims its peak at dispatch ${peakAt} and has it at ${at}`, {
          dispatches,
        });
      }
    });
    report.examine();
    if (plan.lowerBoundBytes !== bound)
      report.refuse(`the plan claims a lower bound of ${plan.lowerBoundBytes} bytes; it is ${bound}`);
  },
};

export const memoryRules: readonly Rule[] = [sizes, alignment, inside, apart, accounting, totals];
