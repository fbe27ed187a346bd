// Activation checkpointing: which values of a forward `repeat` are saved for the reverse one, and which it computes again.
//
// Differentiation leaves the extreme: a backward body computes everything again from the inputs of its iteration. That is always
// right, needs no bookkeeping, and lets passes between (precision) change forward and backward bodies alike. Here, per pair of
// repeats, values move the other way: from the backward body, where they are computed, to stacks that the forward one saves.
// What is saved is the cheapest cut between what may not be computed twice and what the gradients need: in bytes, and, where a
// share of the layers has a price, in bytes and what computing again is worth by it.
//
// Requires a differentiated region, best simplified. Ensures: the same results; under `keepAll` no product, reduction, loop or call
// of a forward body is computed twice; under `everyBlocks` (after `segment`, which comes before differentiation), the backward pass
// computes each segment again from its carried input, once.
import type { Node, Region, Value } from "../ir/graph.ts";
import { operationOf } from "../ops/index.ts";
import { splitKept } from "./checkpoint-keep.ts";
import { saveStacks, type Policy } from "./checkpoint-save.ts";
import { rebuild } from "./rebuild.ts";
import { isRepeat } from "./rebuild-repeat.ts";
import { prune } from "./simplify-prune.ts";
import { workOf } from "./work.ts";

/** Layers that are treated alike. */
export interface Share {
  /** How many, of those that the shares before leave; Infinity for all. */
  readonly layers: number;
  /** Layers in one segment. */
  readonly every: number;
  /** Bytes of memory that are given for one unit of work (`workOf`) that is not done twice. Infinity: none is; 0: all is. */
  readonly price: number;
}

export interface Checkpointing {
  readonly shares: readonly Share[];
  /** By the path of a part of the model: what it computes is not computed again, whatever the price. */
  readonly keeps?: (path: string) => boolean;
  /** What a floating-point operation costs, in bytes moved (`bytesPerFlop` of a device). */
  readonly flopBytes?: number;
}

/** Nothing is computed again but what costs no more than reading it. */
export const keepAll: Checkpointing = { shares: [{ layers: Infinity, every: 1, price: Infinity }] };

export function everyBlocks(every: number): Checkpointing {
  return { shares: [{ layers: Infinity, every, price: 0 }] };
}

export function checkpoint(region: Region, policy: Checkpointing | Policy): Region {
  return visit(region, "shares" in policy ? policyOf(policy) : policy, 0);
}

/** What decides value by value: inside of segments nothing is computed again. */
export function policyOf({ shares, keeps = () => false, flopBytes = 1 }: Checkpointing): Policy {
  const priceOf = ({ depth, share }: { readonly depth: number; readonly share: number }): number =>
    depth > 0 ? Infinity : (shares[share]?.price ?? Infinity);
  const isKept = (value: Value): boolean => !isCheap(value) && keeps(value.node.origin.path);
  return {
    keeps: isKept,
    savable: (value, where) => priceOf(where) > 0 || keeps(value.node.origin.path),
    again: (value, where) => {
      if (isCheap(value)) return 0;
      const price = isKept(value) ? Infinity : priceOf(where);
      return price === 0 || price === Infinity ? price : price * workOf(value.node, flopBytes);
    },
  };
}

/** Whether computing the value a second time costs about as much as reading it. */
export function isCheap({ node }: Value): boolean {
  const { kind } = operationOf(node.operation).lowering;
  return ["elementwise", "view", "until", "source", "join", "gather"].includes(kind);
}

/** From the inside out: what inner repeats save, the bodies around them may save in turn. */
function visit(region: Region, policy: Policy, depth: number): Region {
  const first = new Set<Node>();
  const inner = rebuild(
    region,
    () => undefined,
    (body, node) => {
      if (!isRepeat(node)) return body;
      const visited = visit(body, policy, depth + 1);
      const { keeps } = policy;
      const isBackward = node.attributes["reverse"] === true;
      return keeps === undefined || depth > 0 || !isBackward ? visited : splitKept(visited, keeps, first);
    },
  );
  const own: Policy = {
    savable: (value, where) => first.has(value.node) || policy.savable(value, where),
    again: (value, where) => (first.has(value.node) ? Infinity : policy.again(value, where)),
  };
  return prune(saveStacks(inner, own, depth));
}
