// Fusion: puts everything a region computes into kernels, few of them.
//
// Requires: a region that passes the validator. Ensures: the same meaning in float64; every node of the result is `fused` (one
// kernel: its region, and the attribute `template`), `repeat` with a body that is fused likewise, `parameter`, or a bare
// `reshape` of a value that lies in memory, which costs nothing. A library call becomes the `fused` node of its kernel; where
// the kernel is unknown or declines, its region is compiled like the rest.
//
// How: at first every operation that computes is a kernel of its own, views and sources belonging to whoever reads them. Then,
// as long as the estimate of the cost falls, the best of two changes is made: two kernels become one, or a kernel is computed
// again by all who read it. A change must leave kernels that a template can write, and no kernel that waits for itself.
import type { Region, Value } from "../ir/graph.ts";
import { identityOf } from "../ir/structure.ts";
import { libraryKernels } from "../kernels/library.ts";
import { plainLayouts } from "../kernels/kernel.ts";
import type { DeviceProfile } from "../plan/plan.ts";
import { buildFused } from "./fuse-build.ts";
import { mergeUnits } from "./fuse-merge.ts";
import { nameParts } from "./fuse-parts.ts";
import { makePlan, noAnalyses, type Analyses } from "./fuse-units.ts";
import { homesOf, previousInside, separateSources, sinkSources } from "./fuse-sources.ts";
import { inline, rebuild } from "./rebuild.ts";
import { split } from "./split.ts";

export interface FuseOptions {
  /**
   * For each result the index of the parameter that it will replace, where there is one: the value of the same variable before.
   * A result that is made of nothing, such as a cleared gradient, is then written by the kernel that reads that parameter.
   */
  readonly previous?: readonly (number | undefined)[];
  /** What is known already from other regions and this profile; gains what is learned here. */
  readonly analyses?: Analyses;
}

export function fuse(
  region: Region,
  profile: DeviceProfile,
  { previous = [], analyses = noAnalyses() }: FuseOptions = {},
): Region {
  const ready = sinkSources(separateSources(inlineCalls(region, profile)), previous);
  return fuseRegion(split(nameParts(ready), profile), profile, previous, analyses);
}

function fuseRegion(
  region: Region,
  profile: DeviceProfile,
  previous: readonly (number | undefined)[],
  analyses: Analyses,
): Region {
  const replaced = new Map<Value, Value>();
  region.results.forEach((result, index) => {
    const parameter = region.parameters[previous[index] ?? -1];
    if (parameter !== undefined) for (const home of homesOf(result)) replaced.set(home, parameter);
  });
  const plan = makePlan(region, profile, replaced, analyses);
  mergeUnits(plan);
  return buildFused(plan, (body, node) => fuseBody(body, profile, previousInside(node, replaced), analyses));
}

/** Layers are alike, and policies of checkpointing treat many alike: equal bodies become one, which is fused once. */
function fuseBody(
  body: Region,
  profile: DeviceProfile,
  previous: readonly (number | undefined)[],
  analyses: Analyses,
): Region {
  const { bodies, origin } = analyses;
  const key = `${previous.join()}:${identityOf(body, origin)}`;
  const known = bodies.get(key) ?? fuseRegion(separateSources(body), profile, previous, analyses);
  bodies.set(key, known);
  return known;
}

/** Calls that no kernel takes are replaced by what they mean. */
export function inlineCalls(region: Region, profile: DeviceProfile): Region {
  return rebuild(
    region,
    (node, inputs, [body]) => {
      if (node.operation !== "call" || body === undefined) return undefined;
      const kernel = libraryKernels.get(String(node.attributes["kernel"]));
      return kernel?.choose(node, plainLayouts, profile) === undefined ? inline(body, inputs) : undefined;
    },
    (body) => inlineCalls(body, profile),
  );
}
