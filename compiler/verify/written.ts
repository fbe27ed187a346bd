// Which bytes of a buffer have been written, as rules about order ask it.
import type { PlanTensor } from "../plan/plan.ts";
import { rangesOf } from "./rule.ts";

/** Sorted, disjoint ranges of bytes, joined where they touch. */
export class Written {
  readonly #ranges: { start: number; end: number }[] = [];

  add(start: number, end: number): void {
    const ranges = this.#ranges;
    const first = ranges.findIndex((range) => range.end >= start);
    if (first === -1) {
      ranges.push({ start, end });
      return;
    }
    let after = first;
    let [from, to] = [start, end];
    for (let range = ranges[after]; range !== undefined && range.start <= end; range = ranges[after]) {
      from = Math.min(from, range.start);
      to = Math.max(to, range.end);
      after += 1;
    }
    ranges.splice(first, after - first, { start: from, end: to });
  }

  holds(start: number, end: number): boolean {
    return this.#ranges.some((range) => range.start <= start && end <= range.end);
  }
}

/** Whether the tensor's elements, as far as the kernel may touch them, are written. */
export function isWritten(tensor: PlanTensor, written: Written | undefined, bytes: number): boolean {
  if (written === undefined) return false;
  const { offset } = tensor;
  if (written.holds(offset, offset + bytes)) return true;
  const ranges = rangesOf(tensor);
  return (
    ranges.length > 1 &&
    ranges.every(({ start, end }) => end <= bytes && written.holds(offset + start, offset + end))
  );
}
