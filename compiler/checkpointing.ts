// What a recipe's clause `checkpoint` says, as the stages take it, where that needs no search; and the other way, a policy in words.
import type { Elaborated } from "./elaborate/elaborate.ts";
import { bytesPerFlop } from "./kernels/analyze.ts";
import type { Settings } from "./language/settings.ts";
import { everyBlocks, keepAll, type Checkpointing, type Share } from "./passes/checkpoint.ts";
import { depthOf } from "./passes/checkpoint-segment.ts";
import type { DeviceProfile } from "./plan/plan.ts";

/** The policy of a recipe that says one; "auto" is searched for elsewhere, between no recomputation and the least memory. */
export function saidPolicy(
  value: Exclude<Settings["checkpoint"]["value"], "auto">,
  module: Elaborated["module"],
): Checkpointing {
  if (value === "none") return keepAll;
  return everyBlocks(value === "sqrt" ? Math.ceil(Math.sqrt(layersOf(module))) : value.every);
}

/** Layers of the model that a micro-batch runs through. */
export function layersOf({ programs }: Elaborated["module"]): number {
  const micro = programs.find(({ name }) => name === "micro");
  return micro === undefined ? 0 : depthOf(micro.region);
}

/** The policy with what the recipe and the device add to any. */
export function completed(
  policy: Checkpointing,
  { keeps }: Pick<Elaborated, "keeps">,
  profile: DeviceProfile,
): Checkpointing {
  return { ...policy, keeps, flopBytes: bytesPerFlop(profile) };
}

/** As the plan's decisions say it. */
export function inWords({ shares }: Checkpointing): string {
  const words = shares.map((share) => {
    const many =
      share.layers === Infinity
        ? shares.length > 1
          ? "the others"
          : ""
        : `the first ${share.layers} layers`;
    return many === "" ? treatment(share) : `${many}: ${treatment(share)}`;
  });
  return words.join("; ");
}

function treatment({ every, price }: Share): string {
  if (price === Infinity) return "none";
  if (price === 0) return `every ${every}`;
  return `again what costs at most ${(1 / price).toPrecision(3)} bytes moved for one saved`;
}
