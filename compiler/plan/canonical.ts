// The one text of a plan, for hashing and for `plan.json`: keys sorted, no spaces, nothing undefined; and its SHA-256. Equal plans
// have equal texts on every machine.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Plan } from "./plan.ts";

/** JSON with sorted keys; of plain data only. */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(ordered(value, new Map()));
}

/** The same data, every object's keys in sorted order. There are few shapes of objects and many objects: `orders` keeps each shape's. */
function ordered(value: unknown, orders: Map<string, readonly string[]>): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((item) => ordered(item, orders));
  const keys = Object.keys(value);
  const shape = keys.join();
  const order = orders.get(shape) ?? keys.toSorted();
  orders.set(shape, order);
  const made: Record<string, unknown> = {};
  for (const key of order) made[key] = ordered(Reflect.get(value, key), orders);
  return made;
}

/** SHA-256 of a text in UTF-8, in hexadecimal. */
export function hashText(text: string): string {
  return bytesToHex(sha256(utf8ToBytes(text)));
}

/** What `plan.hash` must be. */
export function hashPlan(plan: Plan): string {
  return hashText(canonicalJson({ ...plan, hash: "" }));
}
