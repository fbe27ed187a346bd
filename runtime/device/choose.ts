// Which device to use, of those that were found: pure, so that it is tested without any.
// Comes in: the devices' facts and what the user asked for. Goes out: the order in which to try them, and why.
// Holds: a real GPU comes before software; among equals the driver's own order stands; nothing the user ruled out is tried.
import type { DeviceFacts, DeviceKind } from "./facts.ts";

const preference: Record<DeviceKind, number> = { gpu: 0, lavapipe: 1, software: 2, swiftshader: 3 };

/**
 * Whether a device is one that the user asked for. `wanted` is `gpu` (no software), `software` (no GPU), `lavapipe`,
 * `swiftshader`, or a part of the device's name, driver or architecture, in any case.
 */
export function isWanted(facts: DeviceFacts, wanted: string | undefined): boolean {
  const word = wanted?.trim().toLowerCase() ?? "";
  if (word === "") return true;
  if (word === "gpu") return !facts.isSoftware;
  if (word === "software") return facts.isSoftware;
  if (word === facts.kind) return true;
  return [facts.name, facts.driver, facts.architecture].some((text) => text.toLowerCase().includes(word));
}

/** The devices to try, best first, without those that the user ruled out. */
export function rank<T extends { readonly facts: DeviceFacts }>(
  found: readonly T[],
  wanted: string | undefined,
): T[] {
  return found
    .filter(({ facts }) => isWanted(facts, wanted))
    .toSorted((left, right) => preference[left.facts.kind] - preference[right.facts.kind]);
}

/** One line saying why a device was taken before the others. */
export function reasonFor(facts: DeviceFacts, wanted: string | undefined): string {
  if (wanted !== undefined && wanted.trim() !== "") return `asked for by "${wanted.trim()}"`;
  switch (facts.kind) {
    case "gpu":
      return "a real GPU";
    case "lavapipe":
      return "no GPU; the fastest software device";
    case "software":
      return "no GPU; the system's software device";
    case "swiftshader":
      return "no GPU and no other software device";
    default:
      return facts.kind satisfies never;
  }
}
