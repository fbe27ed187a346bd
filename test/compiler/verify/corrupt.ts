// One corruption of one plan, and what the verifier says to it. Comes in: a correct plan, a mutation, a seed. Goes out: whether it was refused
// and by its rule. Holds: the corrupted plan has honest hashes unless the mutation is about these; the correct one is as it was.
import { createHash } from "node:crypto";
import type { Plan } from "../../../compiler/plan/plan.ts";
import { seal, verify, type Refusal } from "../../../compiler/verify/verify.ts";
import { draftOf, randomFrom, rehashKernels } from "./draft.ts";
import type { Mutation } from "./mutations.ts";

export interface Outcome {
  readonly isAccepted: boolean;
  /** Whether the rule that the mutation breaks is among those that refuse. */
  readonly isNamed: boolean;
  readonly refusals: readonly Refusal[];
}

/** `undefined`: the plan has nothing to which this could be done. */
export function corrupt(plan: Plan, mutation: Mutation, seed: number): Outcome | undefined {
  const draft = draftOf(plan);
  if (!mutation.apply(draft, randomFrom(seed))) return undefined;
  if (mutation.keepsHash === undefined) rehashKernels(draft, plan);
  const { refusals, verified } = mutation.keepsHash === "all" ? verify(draft) : seal(draft, digest);
  return {
    isAccepted: verified !== undefined,
    isNamed: refusals.some(({ rule }) => rule === mutation.rule),
    refusals,
  };
}

function digest(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text);
  return hash.digest("hex");
}
