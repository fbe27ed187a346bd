// The one text of a plan, for hashing and for `plan.json`: keys sorted, no spaces, nothing undefined; and its SHA-256. Equal plans
// have equal texts on every machine.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { PlanKernel } from "./plan.ts";

/** JSON with sorted keys; of plain data only. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value, new Map()));
}

/** The same data, every object's keys in sorted order. There are few shapes of objects and many objects: `orders` keeps each shape's. */
function ordered(value: unknown, orders: Map<string, readonly string[]>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    let copy: unknown[] | undefined;
    for (let at = 0; at < items.length; at += 1) {
      const item = items[at];
      const made = ordered(item, orders);
      if (made !== item) (copy ??= [...items])[at] = made;
    }
    return copy ?? value;
  }
  const keys = Object.keys(value);
  const shape = keys.join();
  const order = orders.get(shape) ?? keys.toSorted();
  orders.set(shape, order);
  let copy: Record<string, unknown> | undefined = order.every((key, at) => key === keys[at])
    ? undefined
    : Object.fromEntries(order.map((key) => [key, Reflect.get(value, key)]));
  for (const key of order) {
    const field: unknown = Reflect.get(value, key);
    const made = ordered(field, orders);
    if (made !== field) (copy ??= { ...value })[key] = made;
  }
  return copy ?? value;
}

/** What a kernel's hash must be: of its text, with the workgroups it is written for. */
export function hashKernel({ wgsl, workgroups }: Pick<PlanKernel, "wgsl" | "workgroups">): string {
  return bytesToHex(sha256(utf8ToBytes(`${wgsl}// workgroups: ${workgroups.join(" ")}\n`)));
}
