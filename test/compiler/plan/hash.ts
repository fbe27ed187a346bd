// What a plan's hash must be, said apart from the verifier, which alone gives plans their hashes.
import { createHash } from "node:crypto";
import { canonicalJson } from "../../../compiler/plan/canonical.ts";
import type { UnsealedPlan } from "../../../compiler/plan/plan.ts";

/** SHA-256 of the canonical JSON with an empty hash, in hexadecimal. */
export function hashPlan(plan: UnsealedPlan): string {
  return createHash("sha256")
    .update(canonicalJson({ ...plan, hash: "" }))
    .digest("hex");
}
