// The one text of a plan, for hashing and for `plan.json`: keys sorted, no spaces, nothing undefined; and its SHA-256. Equal plans
// have equal texts on every machine.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { PlanKernel } from "./plan.ts";

/** JSON with sorted keys; of plain data only. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value));
}

/** The same data, every object's keys in sorted order; what is in order already is not copied. */
function ordered(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    let copy: unknown[] | undefined;
    for (let at = 0; at < items.length; at += 1) {
      const item = items[at];
      const made = ordered(item);
      if (made !== item) (copy ??= [...items])[at] = made;
    }
    return copy ?? value;
  }
  const keys = Object.keys(value);
  const sorted = keys.every((key, at) => at === 0 || (keys[at - 1] ?? "") < key);
  let copy: Record<string, unknown> | undefined = sorted
    ? undefined
    : Object.fromEntries(keys.toSorted().map((key) => [key, Reflect.get(value, key)]));
  for (const key of keys) {
    const field: unknown = Reflect.get(value, key);
    const made = ordered(field);
    if (made !== field) (copy ??= { ...value })[key] = made;
  }
  return copy ?? value;
}

/** What a kernel's hash must be: of its text, with the workgroups it is written for. */
export function hashKernel({ wgsl, workgroups }: Pick<PlanKernel, "wgsl" | "workgroups">): string {
  return bytesToHex(sha256(utf8ToBytes(`${wgsl}// workgroups: ${workgroups.join(" ")}\n`)));
}
