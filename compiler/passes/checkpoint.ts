// Activation checkpointing: which values of a forward `repeat` are saved for the reverse one, and which it computes again.
//
// Differentiation leaves the extreme: a backward body computes everything again from the inputs of its iteration. That is always
// right, needs no bookkeeping, and lets passes between (precision) change forward and backward bodies alike. Here, per pair of
// repeats, values move the other way: from the backward body, where they are computed, to stacks that the forward one saves.
// What is saved is the cheapest cut in bytes between what must not be computed twice and what the gradients need.
//
// Requires a differentiated region, best simplified. Ensures: the same results; under "none" no product, reduction, loop or call
// of a forward body is computed twice; under `every` (after `segment`, which comes before differentiation), the backward pass
// computes each segment again from its carried input, once.
import type { Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { saveStacks, type Policy } from "./checkpoint-save.ts";
import { rebuild } from "./rebuild.ts";
import { isRepeat } from "./rebuild-repeat.ts";
import { prune } from "./simplify-prune.ts";

export type Checkpointing = "none" | { readonly every: number };

export function checkpoint(region: Region, policy: Checkpointing | Policy): Region {
  return visit(region, isPolicy(policy) ? policy : policyOf(policy), 0);
}

/** What decides value by value. `depth` counts the repeats around: the outermost segments are at 0. */
export function policyOf(checkpointing: Checkpointing): Policy {
  if (checkpointing === "none") return { savable: () => true, recomputable: isCheap };
  return { savable: (_, depth) => depth > 0, recomputable: (value, depth) => depth === 0 || isCheap(value) };
}

/** The policy with some values saved in any case, such as the outputs of attention. */
export function keeping(policy: Policy, isKept: (value: Value) => boolean): Policy {
  return {
    savable: (value, depth) => isKept(value) || policy.savable(value, depth),
    recomputable: (value, depth) => !isKept(value) && policy.recomputable(value, depth),
  };
}

/** Whether computing the value a second time costs about as much as reading it. */
export function isCheap({ node }: Value): boolean {
  const { kind } = operationOf(node.operation).lowering;
  return ["elementwise", "view", "until", "source", "join", "gather"].includes(kind);
}

/** From the inside out: what inner repeats save, the bodies around them may save in turn. */
function visit(region: Region, policy: Policy, depth: number): Region {
  const inner = rebuild(
    region,
    () => undefined,
    (body, node) => (isRepeat(node) ? visit(body, policy, depth + 1) : body),
  );
  return prune(saveStacks(inner, policy, depth));
}

function isPolicy(policy: Checkpointing | Policy): policy is Policy {
  return typeof policy === "object" && "savable" in policy;
}
