// The verifier: re-derives everything from a finished plan and is the only maker of the value that a runtime accepts. It shares the
// plan's data type with the planner and nothing else. Whether a safe plan fits its budget is told apart from whether it is safe.
import { sha256 } from "@noble/hashes/sha2.js";
import { bytesToHex, utf8ToBytes } from "@noble/hashes/utils.js";
import type { Plan, PlanKernel, UnsealedPlan } from "../plan/plan.ts";
import { drawSubjects, type Refusal, type Report, type Rule } from "./rule.ts";
import { flowRules } from "./rules-flow.ts";
import { form } from "./rules-form.ts";
import { kernelRules } from "./rules-kernel.ts";
import { memoryRules } from "./rules-memory.ts";
import { transferRules } from "./rules-transfer.ts";
import { readKernelText, type KernelText } from "./wgsl.ts";

export type { Refusal } from "./rule.ts";

declare const checked: unique symbol;

/** A plan that passed every rule, frozen so that it stays what was checked. Only `verify` makes one. */
export type Verified<T> = T & { readonly [checked]: true };

/** One rule's outcome. */
export interface Check {
  readonly rule: string;
  readonly about: string;
  readonly passed: boolean;
  /** How many things the rule looked at. */
  readonly examined: number;
}

export interface Verification {
  readonly checks: readonly Check[];
  readonly refusals: readonly Refusal[];
  /** The plan, when no rule refused it. */
  readonly verified: Verified<Plan> | undefined;
  /** Whether the plan's peak is within its budget. */
  readonly fits: boolean;
}

/** SHA-256 of texts, one after the other in UTF-8, in hexadecimal. */
export type Digest = (texts: readonly string[]) => string;

/** The digest where nobody brings a faster one, such as the platform's own. */
const plainDigest: Digest = (texts) => {
  const made = sha256.create();
  for (const text of texts) made.update(utf8ToBytes(text));
  return bytesToHex(made.digest());
};

const hash: Rule = {
  name: "plan hash",
  about: "the plan's hash is that of its canonical JSON",
  check(plan, report) {
    report.examine();
    const made = hashOf(plan, plainDigest);
    if (made !== plan.hash) report.refuse(`the plan has the hash ${made} and says ${plan.hash}`);
  },
};

const contents: readonly Rule[] = [form, ...memoryRules, ...flowRules, ...transferRules, ...kernelRules];

/** All rules, in the order in which they are asked. The first must hold for the others to be asked at all. */
export const rules: readonly Rule[] = [...contents, hash];

/** Refusals of one rule that are reported; a broken plan often breaks one rule in a thousand places. */
const most = 20;

/** For a plan from anywhere: all rules. */
export function verify(plan: Plan): Verification {
  return judge(plan, rules);
}

/** For a plan just made: all rules but that of the hash, which it is given here. */
export function seal(plan: UnsealedPlan, digest: Digest = plainDigest): Verification {
  return judge({ ...plan, hash: hashOf(plan, digest) }, contents);
}

function judge(plan: Plan, asked: readonly Rule[]): Verification {
  const checks: Check[] = [];
  const refusals: Refusal[] = [];
  const texts = new Map<PlanKernel, KernelText>();
  const textOf = (kernel: PlanKernel): KernelText => {
    const known = texts.get(kernel) ?? readKernelText(kernel.wgsl);
    texts.set(kernel, known);
    return known;
  };
  for (const rule of asked) {
    let examined = 0;
    let found = 0;
    const report: Report = {
      examine: (count = 1) => {
        examined += count;
      },
      refuse: (message, subjects = {}) => {
        found += 1;
        if (found <= most) refusals.push({ rule: rule.name, message, ...drawSubjects(plan, subjects) });
      },
      textOf,
    };
    rule.check(plan, report);
    checks.push({ rule: rule.name, about: rule.about, passed: found === 0, examined });
    if (rule === form && found > 0) break;
  }
  const fits = plan.peakBytes <= plan.budget;
  if (refusals.length > 0) return { checks, refusals, verified: undefined, fits };
  return { checks, refusals, verified: freeze(plan) as Verified<Plan>, fits };
}

/**
 * SHA-256 of the canonical JSON with an empty hash, in hexadecimal: keys sorted, no spaces, what is undefined left out. Field by
 * field: most are plain ASCII, which engines write and encode much faster than the whole with the few other letters in it.
 */
function hashOf(plan: UnsealedPlan, digest: Digest): string {
  const fields = Object.entries({ ...plan, hash: "" })
    .filter(([, value]) => value !== undefined)
    .toSorted(([a], [b]) => (a < b ? -1 : 1));
  const texts = fields.flatMap(([key, value], at) => [
    `${at === 0 ? "{" : ","}${JSON.stringify(key)}:`,
    JSON.stringify(inOrder(value)),
  ]);
  return digest([...texts, "}"]);
}

/** The same data with the fields of every object in sorted order. */
function inOrder(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) {
    const items = value as readonly unknown[];
    let copy: unknown[] | undefined;
    for (let at = 0; at < items.length; at += 1) {
      const item = items[at];
      if (typeof item !== "object") continue;
      const made = inOrder(item);
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
    if (typeof field !== "object") continue;
    const made = inOrder(field);
    if (made !== field) (copy ??= { ...value })[key] = made;
  }
  return copy ?? value;
}

function freeze<T>(value: T): T {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  Object.freeze(value);
  const inner: readonly unknown[] = Array.isArray(value) ? value : Object.values(value);
  for (const each of inner) if (typeof each === "object") freeze(each);
  return value;
}
